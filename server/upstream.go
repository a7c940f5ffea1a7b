package server

import (
	"context"
	"errors"
	"time"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// Upstream is what the server uses of the client of Pelcro, so that it depends neither on the client
// nor on a resource. A resource package makes one (customers.Upstream).
type Upstream struct {
	// OnCircuitChange and OnAPIKeyStatus register functions that are called when the circuit breaker
	// opens and closes, and when Pelcro rejects the API key and accepts it again.
	OnCircuitChange func(func(closed bool))
	OnAPIKeyStatus  func(func(accepted bool))
	// WithStats returns a context whose call records its requests there.
	WithStats func(context.Context, *CallStats) context.Context
	// WithAuthorization returns a context whose call shows Pelcro this authorization instead of the
	// API key of the service.
	WithAuthorization func(ctx context.Context, value string) context.Context
	// Failure describes the error of a failed call; ok is false for any other error.
	Failure func(error) (f UpstreamFailure, ok bool)
	// RejectKey records that Pelcro rejected the API key of the call with this error.
	RejectKey func(error)
}

// CallStats is what a call took, for the log.
type CallStats struct {
	Attempts   int // requests that were sent, or tried to be
	StatusCode int // of the last response, 0 if there was none
}

// UpstreamFailure is a failed call of Pelcro.
type UpstreamFailure struct {
	Response *mapping.Response // nil if there was no response
	// NoResponse says why there was no response, except for the caller's part in it.
	NoResponse mapping.NoResponse
	// CircuitOpen says that no request was sent because Pelcro is failing, RetryAfter for how long.
	CircuitOpen bool
	RetryAfter  time.Duration
	// Explained says that the response is an ordinary 4xx, which says everything about the failure.
	Explained bool
}

// result maps a failed call of Pelcro; ended is why the handler's context ended, nil while it has
// not.
func (f UpstreamFailure) result(call mapping.Call, ended error) mapping.Result {
	switch {
	case f.Response != nil:
		return mapping.FromResponse(call, *f.Response)
	case f.CircuitOpen:
		return mapping.FromLocalError(call, mapping.LocalError{
			Reason: pelcrov1.ErrorReason_GATEWAY_CIRCUIT_OPEN, Sent: f.NoResponse.Sent, Delay: f.RetryAfter,
		})
	case errors.Is(ended, errStopping):
		return mapping.FromLocalError(call, mapping.LocalError{Reason: pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN, Sent: f.NoResponse.Sent})
	}
	none := f.NoResponse
	none.Caller = ended
	return mapping.FromNoResponse(call, none)
}
