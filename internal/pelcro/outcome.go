package pelcro

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
)

// Outcome is how an attempt ended. It is set once, where the attempt ends ([outcomeOf]); retries,
// retry budget, circuit breaker, metrics, traces and the server read it.
type Outcome uint8

// The outcomes. BadResponse and those from CircuitOpen on also come from outside an attempt.
const (
	// Success is a 2xx that was received whole.
	Success Outcome = iota
	// Rejected is a 4xx, or a redirect, which is not followed.
	Rejected
	// Throttled is a 429.
	Throttled
	// ServerError is a 5xx.
	ServerError
	// Unreachable: no connection became ready, so nothing was sent.
	Unreachable
	// Untrusted: the certificate is not trusted, or the server does not speak TLS. Nothing was sent.
	Untrusted
	// TimedOut: the time limit of this client ended the attempt.
	TimedOut
	// StaleConnection: a kept connection broke before the first byte of a response. The server had
	// probably closed it while it was idle.
	StaleConnection
	// ConnectionLost: the connection broke after the request may have been sent, or within the
	// headers of a response or the body of a 2xx.
	ConnectionLost
	// CallerGone: the caller's deadline or cancel ended the attempt, or a stop of this service.
	CallerGone
	// BadResponse: the response is not HTTP or breaks it, its headers are larger than 64 KiB, or its status is
	// neither one of HTTP's nor final. Of a 2xx also: the body is larger than [MaxBody], cannot be
	// decompressed, or is not what the caller of this package needs ([Response.Invalid]).
	BadResponse
	// CircuitOpen: no attempt was made, because Pelcro keeps failing.
	CircuitOpen
	// RateLimited: no attempt was made, because the quota has no place for one before the caller's
	// deadline.
	RateLimited
	// Stopped: no attempt was made, because the service stopped while the call waited for the quota.
	Stopped
)

// health is what an outcome says about Pelcro and the connection to it.
type health uint8

const (
	// healthy outcomes show a Pelcro that responds. A bad response is one of them, or a single
	// customer that is too large would open the circuit breaker for all.
	healthy health = iota
	// failing outcomes may be retried, and count for the circuit breaker.
	failing
	// unclear outcomes are caused by something else and count for nothing.
	unclear
)

// outcomes has the name of each outcome, for labels and spans, and what it says about Pelcro.
var outcomes = [...]struct {
	name   string
	health health
}{
	Success:         {"success", healthy},
	Rejected:        {"rejected", healthy},
	Throttled:       {"throttled", healthy},
	ServerError:     {"server_error", failing},
	Unreachable:     {"unreachable", failing},
	Untrusted:       {"untrusted", failing},
	TimedOut:        {"timeout", failing},
	StaleConnection: {"stale_connection", unclear},
	ConnectionLost:  {"connection_lost", failing},
	CallerGone:      {"caller_gone", unclear},
	BadResponse:     {"bad_response", healthy},
	CircuitOpen:     {"circuit_open", unclear},
	RateLimited:     {"rate_limited", unclear},
	Stopped:         {"stopped", unclear},
}

// String returns the name that metrics and traces show.
func (o Outcome) String() string { return outcomes[o].name }

// outcomeOf returns how an attempt ended: with a response, an error, or a response of which the
// body ended with an error. caller is the caller's context, attempt the one of the attempt.
func outcomeOf(caller, attempt context.Context, guard *sendGuard, response *Response, err error) Outcome {
	switch {
	case response != nil && !isSuccess(response.StatusCode): // whatever became of the body
		return outcomeOfStatus(response.StatusCode)
	case response != nil && response.TooLarge:
		return BadResponse
	case err == nil:
		return Success
	case caller.Err() != nil:
		return CallerGone
	case errors.Is(context.Cause(attempt), errTimeLimit):
		return TimedOut
	case !guard.maySent() && isUntrusted(err):
		return Untrusted
	case !guard.maySent():
		return Unreachable
	case response == nil && guard.isNotHTTP():
		return BadResponse
	case response == nil && !guard.responded.Load() && guard.reused.Load():
		return StaleConnection
	case response == nil && !guard.responded.Load():
		return ConnectionLost
	case errors.Is(err, errUndecodable):
		return BadResponse
	case guard.connectionBroke(err):
		return ConnectionLost
	}
	return BadResponse
}

func outcomeOfStatus(status int) Outcome {
	switch {
	case status == http.StatusTooManyRequests:
		return Throttled
	case status >= 300 && status <= 499:
		return Rejected
	case status >= 500 && status <= 599:
		return ServerError
	}
	return BadResponse
}

func isSuccess(status int) bool { return status >= 200 && status <= 299 }

// isUntrusted reports whether the server failed to prove that it is Pelcro. A retry cannot fix that.
func isUntrusted(err error) bool {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	return certificate || plain
}
