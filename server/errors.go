package server

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

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

// InvalidRequestError is a request that cannot be sent to Pelcro.
type InvalidRequestError struct {
	Violations []mapping.Violation
	Omitted    int // how many more there are
}

// Error names the first fields only: a request can have very many.
func (e InvalidRequestError) Error() string {
	const most = 5
	fields := make([]string, 0, most)
	for _, v := range e.Violations[:min(len(e.Violations), most)] {
		fields = append(fields, v.Field)
	}
	text := "invalid request: " + strings.Join(fields, ", ")
	if more := len(e.Violations) - len(fields) + e.Omitted; more > 0 {
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
	limited := pelcro.WithCallStats(s.calls.limit(ctx, c), &c.upstream)
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
		ResourceID: c.method.resourceID(req),
		Credential: c.credential(),
		Remaining:  remaining(ctx, mapping.NoDeadline),
		RequestID:  c.requestID,
	}
	if upstream, ok := errors.AsType[*pelcro.Error](err); ok {
		if upstream.Response == nil {
			return noReply(ctx, limited, call, upstream, c.cutOff.Load())
		}
		result := mapping.FromReply(call, replyOf(upstream))
		if result.Reason() == pelcrov1.ErrorReason_PELCRO_UNAUTHENTICATED {
			s.config.Pelcro.RecordKeyRejected(upstream)
		}
		return result
	}
	var (
		invalid  InvalidRequestError
		access   accessError
		panicked panicError
	)
	switch {
	case errors.As(err, &invalid):
		return mapping.Refuse(call, mapping.Refusal{
			Reason:     pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST,
			Violations: invalid.Violations,
			Omitted:    invalid.Omitted,
		})
	case errors.As(err, &access):
		return mapping.Refuse(call, mapping.Refusal{Reason: access.reason})
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

// replyOf is the response of a failed call as the mapping wants it.
func replyOf(failed *pelcro.Error) mapping.Reply {
	reply := redacted(failed.Response)
	reply.Unusable = failed.Outcome == pelcro.BadResponse
	return reply
}

// redacted is a response as the mapping wants it, without the credential of the call.
func redacted(response *pelcro.Response) mapping.Reply {
	return mapping.Reply{
		StatusCode:     response.StatusCode,
		Header:         response.RedactedHeader(),
		Body:           response.RedactedBody(),
		BodyIncomplete: response.Incomplete,
		TooLarge:       response.TooLarge,
	}
}

// failures are the outcomes without a response as the mapping has them; any other is a lost
// connection.
var failures = map[pelcro.Outcome]mapping.Failure{
	pelcro.Unreachable: mapping.Unreachable,
	pelcro.Untrusted:   mapping.Untrusted,
	pelcro.TimedOut:    mapping.TimedOut,
	pelcro.BadResponse: mapping.BadResponse,
}

// noReply maps a call that got no whole reply, by who ended it: the caller, a stop
// that cut it off, or Pelcro.
func noReply(ctx, limited context.Context, call mapping.Call, upstream *pelcro.Error, cutOff bool) mapping.Result {
	none := mapping.NoReply{Failure: failures[upstream.Outcome], Sent: upstream.Sent, Caller: ctx.Err()}
	switch {
	case upstream.Outcome == pelcro.CircuitOpen:
		return mapping.Refuse(call, mapping.Refusal{
			Reason: pelcrov1.ErrorReason_GATEWAY_CIRCUIT_OPEN,
			Delay:  upstream.RetryAfter,
		})
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
