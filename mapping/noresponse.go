package mapping

import (
	"context"
	"errors"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// NoResponse is a call that ended without a whole HTTP response.
type NoResponse struct {
	// Reason is one of
	//
	//   - PELCRO_UNREACHABLE: no connection became ready (DNS, refused, no route, handshake);
	//   - PELCRO_TLS_UNTRUSTED: the certificate is not trusted, or the server does not speak TLS;
	//   - PELCRO_TIMEOUT: the time limit of this service ended the call;
	//   - PELCRO_MALFORMED_RESPONSE: the response breaks HTTP, its headers are too large, or its body
	//     cannot be decompressed;
	//   - PELCRO_CONNECTION_LOST: the request may have been sent, then the connection broke. Any other
	//     reason counts as this one.
	Reason pelcrov1.ErrorReason
	// Sent reports whether any of the request may have reached the network: a connection was ready for
	// it.
	Sent bool
	// Caller is why the caller no longer waits: [context.DeadlineExceeded] or [context.Canceled], nil
	// while it does. A limit derived from the caller's deadline counts as the deadline.
	Caller error
}

// reason returns the reason that the caller gets.
func (n NoResponse) reason(kind Kind) pelcrov1.ErrorReason {
	switch {
	case errors.Is(n.Caller, context.DeadlineExceeded):
		return pelcrov1.ErrorReason_CALLER_DEADLINE_EXCEEDED
	case n.Caller != nil:
		return pelcrov1.ErrorReason_CALLER_CANCELLED
	case n.Sent && kind == Create:
		return pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN
	}
	switch n.Reason {
	case pelcrov1.ErrorReason_PELCRO_UNREACHABLE, pelcrov1.ErrorReason_PELCRO_TLS_UNTRUSTED, pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE:
		return n.Reason
	case pelcrov1.ErrorReason_PELCRO_TIMEOUT:
		if n.Sent {
			return n.Reason
		}
		return pelcrov1.ErrorReason_PELCRO_UNREACHABLE
	}
	return pelcrov1.ErrorReason_PELCRO_CONNECTION_LOST
}
