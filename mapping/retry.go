package mapping

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// Outcome says what became of the request upstream; it is the metadata
// "outcome".
type Outcome string

// The outcomes. Empty means that the code says enough, or that a retry does no harm.
const (
	OutcomeNotSent  Outcome = "notSent"  // Pelcro never saw the request
	OutcomeRejected Outcome = "rejected" // Pelcro rejected it before doing anything
	OutcomeApplied  Outcome = "applied"  // Pelcro did it, but its response is unusable
	OutcomeUnknown  Outcome = "unknown"  // it may or may not have happened
	OutcomePending  Outcome = "pending"  // a create that may still complete; a retry with its request_id is safe
)

// Origin says who wrote a response; it is the metadata "origin".
type Origin string

// The origins. Empty means that there was no response.
const (
	OriginPelcro       Origin = "pelcro"
	OriginIntermediary Origin = "intermediary" // whatever is in front of Pelcro, or instead of it
)

// noPushback is a pushback that asks for nothing.
const noPushback = ""

// stop is the pushback that forbids every retry.
const stop = "-1"

// noDeadline is the time for which a caller without a deadline is expected to wait for a retry.
const noDeadline = time.Minute

// unknownRateDelay is the delay after a 429 that names none: Pelcro counts by the minute
// (https://docs.pelcro.com/reference/api-core-rate-limits).
const unknownRateDelay = time.Minute

// advice is what the caller is told about a retry.
type advice struct {
	outcome  Outcome
	delay    time.Duration // google.rpc.RetryInfo; 0 = none
	pushback string        // trailer grpc-retry-pushback-ms
}

// adviseResponse returns the advice after a response; the first case that holds decides.
func adviseResponse(call Call, response Response, e *evidence, reason pelcrov1.ErrorReason) advice {
	isCreate := call.Operation.Kind == Create
	mayWait := reason == pelcrov1.ErrorReason_PELCRO_UNAVAILABLE || reason == pelcrov1.ErrorReason_PELCRO_TIMEOUT
	switch {
	case response.StatusCode == http.StatusTooManyRequests && e.delay > 0:
		// The limiter rejected the request before anything was done, so even a create may be retried.
		return delayed(call, OutcomeRejected, e.delay)
	case response.StatusCode == http.StatusTooManyRequests:
		return advice{outcome: OutcomeRejected, delay: unknownRateDelay, pushback: stop}
	case isCreate && reason == pelcrov1.ErrorReason_PELCRO_VALIDATION_FAILED:
		return advice{outcome: OutcomeRejected}
	case isCreate && isSuccess(response.StatusCode) && wasApplied(response, e):
		return advice{outcome: OutcomeApplied, pushback: stop}
	case isCreate && !rejectsCreate(response.StatusCode, e):
		return advice{outcome: OutcomeUnknown, pushback: stop}
	case mayWait && isCreate:
		return delayed(call, OutcomeRejected, e.delay)
	case mayWait:
		return delayed(call, "", e.delay)
	case isCreate:
		return advice{outcome: OutcomeRejected}
	}
	return advice{}
}

// createRejected are the statuses after which a create has not happened: redirects that keep the
// method, errors that blame the request, and those of proxies that did not reach Pelcro.
var createRejected = append(of(301, 307, 308, 521, 523, 525, 526, 530), span{400, 407}, span{409, 498})

// rejectsCreate reports whether a response proves that a create has not happened.
func rejectsCreate(statusCode int, e *evidence) bool {
	if statusCode == http.StatusServiceUnavailable { // maintenance mode
		return e.origin == OriginPelcro && e.delay > 0
	}
	return createRejected.has(statusCode)
}

// adviseNoResponse returns the advice when there was no response.
func adviseNoResponse(call Call, sent bool) advice {
	switch {
	case !sent:
		return advice{outcome: OutcomeNotSent}
	case call.Operation.Kind == Create:
		return advice{outcome: OutcomeUnknown, pushback: stop}
	}
	return advice{}
}

// adviseLocalError returns the advice after an error of this service.
func adviseLocalError(call Call, local LocalError) advice {
	a := adviseNoResponse(call, local.Sent)
	switch {
	case local.Reason == pelcrov1.ErrorReason_GATEWAY_CREATE_PENDING:
		return delayed(call, OutcomePending, local.Delay)
	case local.Sent:
	case local.Reason == pelcrov1.ErrorReason_GATEWAY_OVERLOADED:
		a.pushback = stop
	case local.Delay > 0:
		return delayed(call, a.outcome, local.Delay)
	}
	return a
}

// delayed asks for a retry after d, if d is known. A client that slept past its own deadline would
// lose this error, so a longer delay forbids the automatic retry, and only RetryInfo tells it.
func delayed(call Call, outcome Outcome, d time.Duration) advice {
	a := advice{outcome: outcome, delay: d}
	switch {
	case d == 0:
	case d <= cmp.Or(call.Remaining, noDeadline):
		a.pushback = strconv.FormatInt(max(1, d.Milliseconds()), 10)
	default:
		a.pushback = stop
	}
	return a
}
