package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// invalidRequestError is a request that cannot be sent to Pelcro.
type invalidRequestError struct {
	violations []mapping.Violation
	omitted    int // how many more there are
}

// Error names the first fields only: a request can have very many.
func (e invalidRequestError) Error() string {
	const most = 5
	fields := make([]string, 0, most)
	for _, v := range e.violations[:min(len(e.violations), most)] {
		fields = append(fields, v.Field)
	}
	text := "invalid request: " + strings.Join(fields, ", ")
	if more := len(e.violations) - len(fields) + e.omitted; more > 0 {
		text += fmt.Sprintf(" (+%d more)", more)
	}
	return text
}

// errUnknownMethod is a call of a method that does not exist.
var errUnknownMethod = errors.New("unknown method")

// panicError is a panic of a handler.
type panicError struct{ text string }

func (e panicError) Error() string { return e.text }

// recovered makes an error of a panic, for the log. The value itself may hold
// anything of the request, so only Go's own texts are kept of it.
func recovered(value any) error {
	text := fmt.Sprintf("panic of type %T", value)
	if err, ok := value.(runtime.Error); ok {
		text = "panic: " + err.Error()
	}
	return panicError{text + "\n" + string(debug.Stack())}
}

// recoverUnary and recoverStream make errors of panics, which are then translated and
// logged like any other failure.
var (
	recoverUnary  = recovery.UnaryServerInterceptor(recovery.WithRecoveryHandler(recovered))
	recoverStream = recovery.StreamServerInterceptor(recovery.WithRecoveryHandler(recovered))
)

// translateUnary and translateStream are the one place where errors become
// statuses. They also give the call its time limit, because who ran out of time
// is part of the answer.
func (s *Server) translateUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	c := callOf(ctx)
	limited := s.calls.limit(ctx, c)
	defer s.calls.remove(c)
	resp, err := recoverUnary(limited, req, info, handler)
	trailer, err := s.translate(ctx, limited, req, err)
	// SetTrailer fails only outside of a call.
	_ = grpc.SetTrailer(ctx, trailer)
	return resp, err
}

func (s *Server) translateStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	ctx := stream.Context()
	c := callOf(ctx)
	limited := s.streams.untilStop(ctx, c)
	defer s.streams.remove(c)
	wrapped := middleware.WrapServerStream(stream)
	wrapped.WrappedContext = limited
	trailer, err := s.translate(ctx, limited, nil, recoverStream(srv, endingStream{wrapped}, info, handler))
	stream.SetTrailer(trailer)
	return err
}

// translate returns the trailers of the call and the status for err, nil for
// none. ctx is the caller's context, limited the one that the handler had.
func (s *Server) translate(ctx, limited context.Context, req any, err error) (metadata.MD, error) {
	c := callOf(ctx)
	if err != nil {
		c.result, c.cause = s.result(ctx, limited, req, err), err
	}
	c.describe(ctx)
	if c.result.OK() {
		return metadata.MD{mapping.TrailerRequestID: {c.requestID}}, nil
	}
	return c.result.Trailer(), c.result.Err()
}

// result maps err.
func (s *Server) result(ctx, limited context.Context, req any, err error) mapping.Result {
	c := callOf(ctx)
	call := mapping.Call{
		Operation:  c.method.operation,
		ResourceID: resourceID(req),
		Credential: c.credential(),
		Remaining:  remaining(ctx, mapping.NoDeadline),
		RequestID:  c.requestID,
	}
	if upstream, ok := errors.AsType[*pelcro.Error](err); ok {
		if upstream.StatusCode == 0 {
			return noReply(ctx, limited, call, upstream, c.cutOff.Load())
		}
		return mapping.FromReply(call, replyOf(upstream))
	}
	var (
		invalid  invalidRequestError
		access   accessError
		panicked panicError
	)
	switch {
	case errors.As(err, &invalid):
		return mapping.Refuse(call, mapping.Refusal{
			Reason:     pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST,
			Violations: invalid.violations,
			Omitted:    invalid.omitted,
		})
	case errors.As(err, &access):
		return mapping.Refuse(call, mapping.Refusal{Reason: access.reason()})
	case errors.Is(err, errOverloaded):
		return mapping.Refuse(call, mapping.Refusal{Reason: pelcrov1.ErrorReason_GATEWAY_OVERLOADED})
	case errors.Is(err, errUnknownMethod):
		return mapping.Refuse(call, mapping.Refusal{Reason: pelcrov1.ErrorReason_GATEWAY_UNKNOWN_METHOD})
	case errors.As(err, &panicked):
		return mapping.Refuse(call, mapping.Refusal{Reason: pelcrov1.ErrorReason_GATEWAY_INTERNAL_ERROR, Sent: true})
	case call.Operation.Name == "":
		return foreign(call, err, c.cutOff.Load())
	}
	return mapping.Refuse(call, mapping.Refusal{Reason: pelcrov1.ErrorReason_GATEWAY_INTERNAL_ERROR})
}

// replyOf is a response as the mapping wants it, without the credential of the call.
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

// noReply maps a call that got no whole reply, by who ended it: the caller, a stop
// that cut it off, or Pelcro.
func noReply(ctx, limited context.Context, call mapping.Call, upstream *pelcro.Error, cutOff bool) mapping.Result {
	none := mapping.NoReply{Failure: failureOf(upstream), Sent: upstream.Sent, Caller: ctx.Err()}
	switch {
	case errors.Is(upstream, pelcro.ErrCircuitOpen):
		return mapping.Refuse(call, mapping.Refusal{Reason: pelcrov1.ErrorReason_GATEWAY_CIRCUIT_OPEN})
	case errors.Is(context.Cause(limited), errCallerDeadline):
		none.Caller = context.DeadlineExceeded
	case cutOff:
		return mapping.Refuse(call, mapping.Refusal{
			Reason: pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN,
			Sent:   upstream.Sent,
		})
	}
	return mapping.FromNoReply(call, none)
}

// foreign maps an error of the services that grpc-go brings, health and
// reflection: their codes are part of their protocols and stay.
func foreign(call mapping.Call, err error, cutOff bool) mapping.Result {
	code := status.FromContextError(err).Code()
	if s, ok := status.FromError(err); ok {
		code = s.Code()
	}
	switch {
	case cutOff:
		return mapping.Refuse(call, mapping.Refusal{Reason: pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN})
	case code == codes.Canceled:
		return mapping.FromNoReply(call, mapping.NoReply{Caller: context.Canceled})
	case code == codes.DeadlineExceeded:
		return mapping.FromNoReply(call, mapping.NoReply{Caller: context.DeadlineExceeded})
	}
	return mapping.Refuse(call, mapping.Refusal{Reason: foreignReasons[code]})
}

var foreignReasons = map[codes.Code]pelcrov1.ErrorReason{
	codes.InvalidArgument:   pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST,
	codes.NotFound:          pelcrov1.ErrorReason_GATEWAY_UNKNOWN_SERVICE,
	codes.ResourceExhausted: pelcrov1.ErrorReason_GATEWAY_OVERLOADED,
	codes.Unimplemented:     pelcrov1.ErrorReason_GATEWAY_UNKNOWN_METHOD,
	codes.Unavailable:       pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN,
}

// resourceID returns the id of the customer that the request names, empty for
// none.
func resourceID(req any) string {
	switch req := req.(type) {
	case *pelcrov1.UpdateCustomerRequest:
		return idText(req.GetCustomer().GetId())
	case interface{ GetId() int64 }:
		return idText(req.GetId())
	}
	return ""
}

func idText(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}

// failureOf says why there was no response.
func failureOf(upstream *pelcro.Error) mapping.Failure {
	switch {
	case isUntrusted(upstream.Err):
		return mapping.Untrusted
	case !upstream.Sent:
		return mapping.Unreachable
	case isTimeout(upstream.Err):
		return mapping.TimedOut
	}
	return mapping.ConnectionLost
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
