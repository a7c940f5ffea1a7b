package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"syscall"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// fromPelcro maps a failed call of Pelcro; ended is why the handler's context ended, nil while it
// has not.
func fromPelcro(call mapping.Call, failed *pelcro.Error, ended error) mapping.Result {
	switch {
	case failed.StatusCode != 0:
		return mapping.FromReply(call, replyOf(failed))
	case errors.Is(failed, pelcro.ErrCircuitOpen):
		return mapping.Refuse(call, mapping.Refusal{Reason: pelcrov1.ErrorReason_GATEWAY_CIRCUIT_OPEN})
	case errors.Is(ended, errStopping):
		return mapping.Refuse(call, mapping.Refusal{Reason: pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN, Sent: failed.Sent})
	}
	return mapping.FromNoReply(call, mapping.NoReply{Failure: failureOf(failed), Sent: failed.Sent, Caller: ended})
}

// replyOf is a response as the mapping reads it, without the credential of the call.
func replyOf(response *pelcro.Error) mapping.Reply {
	return mapping.Reply{
		StatusCode:     response.StatusCode,
		Header:         response.RedactedHeader(),
		Body:           response.RedactedBody(),
		BodyIncomplete: response.BodyIncomplete,
		TooLarge:       response.TooLarge,
		Unusable:       response.Unusable,
	}
}

// failureOf says why there was no response.
func failureOf(failed *pelcro.Error) mapping.Failure {
	switch {
	case isUntrusted(failed.Err):
		return mapping.Untrusted
	case !failed.Sent:
		return mapping.Unreachable
	case isTimeout(failed.Err):
		return mapping.TimedOut
	}
	return mapping.ConnectionLost
}

// isUntrusted reports whether the peer failed to prove that it is Pelcro: no retry fixes that, and
// someone must see it.
func isUntrusted(err error) bool {
	return is[*tls.CertificateVerificationError](err) || is[x509.UnknownAuthorityError](err) ||
		is[x509.HostnameError](err) || is[x509.CertificateInvalidError](err) ||
		is[tls.RecordHeaderError](err) || errors.Is(err, http.ErrSchemeMismatch)
}

// isTimeout reports whether a time limit of this service ended the call. The system's own, for a
// peer that is gone, is a lost connection. It looks at every error of the chain, because the
// Timeout of *url.Error looks only at the next one.
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
