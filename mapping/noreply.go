package mapping

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"syscall"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// NoReply is a call that ended without a whole HTTP reply.
type NoReply struct {
	// Err is what net/http, or reading the body, returned. It is classified, never
	// shown. An error with a method Timeout() bool that returns true is the time
	// limit of this service, so the cause of such a limit should have it.
	Err error
	// Sent reports whether any of the request may have reached the network: a
	// connection was ready for it.
	Sent bool
	// Caller is why the caller no longer waits: [context.DeadlineExceeded] or
	// [context.Canceled], nil while it does. A limit derived from the caller's
	// deadline counts as the deadline. Err cannot tell: Go's own time limits look
	// like the caller's.
	Caller error
}

// classify returns the reason of a missing reply.
func (n NoReply) classify(kind Kind) pelcrov1.ErrorReason {
	switch {
	case errors.Is(n.Caller, context.DeadlineExceeded):
		return pelcrov1.ErrorReason_CALLER_DEADLINE_EXCEEDED
	case n.Caller != nil:
		return pelcrov1.ErrorReason_CALLER_CANCELLED
	case n.Sent && kind == Create:
		return pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN
	case isUntrusted(n.Err):
		return pelcrov1.ErrorReason_PELCRO_TLS_UNTRUSTED
	case !n.Sent:
		return pelcrov1.ErrorReason_PELCRO_UNREACHABLE
	case isTimeout(n.Err):
		return pelcrov1.ErrorReason_PELCRO_TIMEOUT
	}
	return pelcrov1.ErrorReason_PELCRO_CONNECTION_LOST
}

// isUntrusted reports whether the peer failed to prove that it is Pelcro: a
// fault that no repetition cures and that someone must see.
func isUntrusted(err error) bool {
	return is[*tls.CertificateVerificationError](err) || is[x509.UnknownAuthorityError](err) ||
		is[x509.HostnameError](err) || is[x509.CertificateInvalidError](err) ||
		is[tls.RecordHeaderError](err) || errors.Is(err, http.ErrSchemeMismatch)
}

// is reports whether err is, or wraps, an error of the type E.
func is[E error](err error) bool {
	_, found := errors.AsType[E](err)
	return found
}

// isTimeout reports whether a time limit of this service's ended the call. The
// system's own, for a peer that is gone, is a lost connection. It looks at every
// error of the chain, because *url.Error has a Timeout that looks no further than
// the next one.
func isTimeout(err error) bool {
	if errors.Is(err, syscall.ETIMEDOUT) {
		return false
	}
	for ; err != nil; err = errors.Unwrap(err) {
		if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
			return true
		}
	}
	return false
}
