package mapping

import (
	"context"
	"errors"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// Failure says why no whole response arrived.
type Failure uint8

// The failures, as far as callers need to tell them apart.
const (
	// ConnectionLost: the request may have been sent, then the connection broke.
	ConnectionLost Failure = iota
	// Unreachable: no connection became ready (DNS, refused, no route, handshake).
	Unreachable
	// Untrusted: the certificate is not trusted, or the server does not speak TLS.
	Untrusted
	// TimedOut: the time limit of this service ended the call.
	TimedOut
	// BadResponse: the response breaks HTTP, its headers are too large, or its body cannot be
	// decompressed.
	BadResponse
)

// NoResponse is a call that ended without a whole HTTP response.
type NoResponse struct {
	Failure Failure
	// Sent reports whether any of the request may have reached the network: a
	// connection was ready for it.
	Sent bool
	// Caller is why the caller no longer waits: [context.DeadlineExceeded] or
	// [context.Canceled], nil while it does. A limit derived from the caller's
	// deadline counts as the deadline.
	Caller error
}

// reason returns the reason of a missing response.
func (n NoResponse) reason(kind Kind) pelcrov1.ErrorReason {
	switch {
	case errors.Is(n.Caller, context.DeadlineExceeded):
		return pelcrov1.ErrorReason_CALLER_DEADLINE_EXCEEDED
	case n.Caller != nil:
		return pelcrov1.ErrorReason_CALLER_CANCELLED
	case n.Sent && kind == Create:
		return pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN
	}
	switch n.Failure {
	case Unreachable:
		return pelcrov1.ErrorReason_PELCRO_UNREACHABLE
	case Untrusted:
		return pelcrov1.ErrorReason_PELCRO_TLS_UNTRUSTED
	case TimedOut:
		if n.Sent {
			return pelcrov1.ErrorReason_PELCRO_TIMEOUT
		}
		return pelcrov1.ErrorReason_PELCRO_UNREACHABLE
	case BadResponse:
		return pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE
	}
	return pelcrov1.ErrorReason_PELCRO_CONNECTION_LOST
}
