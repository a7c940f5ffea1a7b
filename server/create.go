package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// ErrRequestIDReused is a create under the request_id of another one.
var ErrRequestIDReused = errors.New("the request_id was used for another request")

// CreatePendingError is a create with a request_id that may have been sent and may still complete. A
// retry with the same id resolves it.
type CreatePendingError struct {
	// Delay is when to retry.
	Delay time.Duration
	// Err is the private cause, nil for none.
	Err error
}

func (e CreatePendingError) Error() string { return withCause("the create is pending", e.Err) }

func (e CreatePendingError) Unwrap() error { return e.Err }

// OutcomeUnknownError is a create with a request_id that may have been sent, and of which no look-up
// can tell what became of it.
type OutcomeUnknownError struct {
	// Err is the private cause, nil for none.
	Err error
}

func (e OutcomeUnknownError) Error() string {
	return withCause("the outcome of the create cannot be found out", e.Err)
}

func (e OutcomeUnknownError) Unwrap() error { return e.Err }

func withCause(text string, cause error) string {
	if cause == nil {
		return text
	}
	return text + ": " + cause.Error()
}

// LookupError is the failure of what a create with a request_id needs besides the create itself: a
// read, or waiting for another call with the id.
type LookupError struct {
	Err error
	// Outcome is that of the create: not sent, applied or unknown.
	Outcome mapping.Outcome
}

func (e LookupError) Error() string {
	return fmt.Sprintf("looking the create up (its outcome: %s): %v", e.Outcome, e.Err)
}

func (e LookupError) Unwrap() error { return e.Err }

// createResult maps the errors of creates with a request_id that say themselves what became of the
// create; ok is false for any other. ended is as in result.
func createResult(call mapping.Call, err, ended error) (result mapping.Result, ok bool) {
	pending, isPending := errors.AsType[CreatePendingError](err)
	_, isUnknown := errors.AsType[OutcomeUnknownError](err)
	switch {
	case !isPending && !isUnknown:
		return result, false
	case errors.Is(ended, context.DeadlineExceeded), errors.Is(ended, context.Canceled):
		return mapping.FromNoResponse(call, mapping.NoResponse{Sent: true, Caller: ended}), true
	case isPending:
		return mapping.FromLocalError(call, mapping.LocalError{Reason: pelcrov1.ErrorReason_GATEWAY_CREATE_PENDING, Delay: pending.Delay}), true
	}
	return mapping.FromLocalError(call, mapping.LocalError{Reason: pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN, Sent: true}), true
}
