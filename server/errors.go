package server

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2"
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

// translateUnary and translateStream are the one place where errors become
// statuses. They also give the call its time limit, because who ran out of time
// is part of the answer.
func (s *Server) translateUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	limited, cancel := s.limit(ctx)
	defer cancel()
	resp, err := handler(limited, req)
	trailer, err := s.translate(ctx, limited, req, info.FullMethod, err)
	// SetTrailer fails only outside of a call.
	_ = grpc.SetTrailer(ctx, trailer)
	return resp, err
}

func (s *Server) translateStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	s.streams.Add(1)
	defer s.streams.Add(-1)
	ctx := stream.Context()
	limited, cancel := untilStop(ctx, s.streamsEnd)
	defer cancel()
	wrapped := middleware.WrapServerStream(stream)
	wrapped.WrappedContext = limited
	trailer, err := s.translate(ctx, limited, nil, info.FullMethod, handler(srv, endingStream{wrapped}))
	stream.SetTrailer(trailer)
	return err
}

// translate returns the trailers of the call and the status for err, nil for
// none. ctx is the caller's context, limited the one that the handler had.
func (s *Server) translate(ctx, limited context.Context, req any, fullMethod string, err error) (metadata.MD, error) {
	c := callOf(ctx)
	if err != nil {
		c.result, c.cause = s.result(ctx, limited, req, fullMethod, err), err
	}
	c.describe(ctx)
	if c.result.OK() {
		return metadata.Pairs(mapping.TrailerRequestID, c.requestID), nil
	}
	return c.result.Trailer(), c.result.Err()
}

// result maps err.
func (s *Server) result(ctx, limited context.Context, req any, fullMethod string, err error) mapping.Result {
	call := mapping.Call{
		Operation:  operation(fullMethod),
		ResourceID: resourceID(req),
		Credential: callOf(ctx).credential(),
		Remaining:  remaining(ctx, mapping.NoDeadline),
		RequestID:  callOf(ctx).requestID,
	}
	var (
		upstream *pelcro.Error
		invalid  invalidRequestError
		access   accessError
		panicked panicError
	)
	switch {
	case errors.As(err, &upstream) && upstream.StatusCode != 0:
		return mapping.FromReply(call, mapping.Reply{
			StatusCode:     upstream.StatusCode,
			Header:         upstream.RedactedHeader(),
			Body:           upstream.RedactedBody(),
			BodyIncomplete: upstream.BodyIncomplete,
			TooLarge:       upstream.TooLarge,
			Unusable:       upstream.Unusable,
		})
	case upstream != nil:
		return noReply(ctx, limited, call, upstream)
	case errors.As(err, &invalid):
		return mapping.Refuse(call, mapping.Refusal{
			Reason:     pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST,
			Violations: invalid.violations,
			Omitted:    invalid.omitted,
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
		return foreign(limited, call, err)
	}
	return mapping.Refuse(call, mapping.Refusal{Reason: pelcrov1.ErrorReason_GATEWAY_INTERNAL_ERROR})
}

// noReply maps a call that got no whole reply, by who ended it.
func noReply(ctx, limited context.Context, call mapping.Call, upstream *pelcro.Error) mapping.Result {
	none := mapping.NoReply{Err: upstream.Err, Sent: upstream.Sent, Caller: ctx.Err()}
	switch cause := context.Cause(limited); {
	case errors.Is(upstream, pelcro.ErrCircuitOpen):
		return mapping.Refuse(call, mapping.Refusal{Reason: pelcrov1.ErrorReason_GATEWAY_CIRCUIT_OPEN})
	case errors.Is(cause, errCallerDeadline):
		none.Caller = context.DeadlineExceeded
	case errors.Is(cause, errShuttingDown):
		return mapping.Refuse(call, mapping.Refusal{
			Reason: pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN,
			Sent:   upstream.Sent,
		})
	}
	return mapping.FromNoReply(call, none)
}

// foreign maps an error of the services that grpc-go brings, health and
// reflection: their codes are part of their protocols and stay.
func foreign(limited context.Context, call mapping.Call, err error) mapping.Result {
	code := status.FromContextError(err).Code()
	if s, ok := status.FromError(err); ok {
		code = s.Code()
	}
	switch {
	case errors.Is(context.Cause(limited), errShuttingDown):
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

// operation returns the customer operation of a method, the zero one, without a
// name, for methods of other services.
func operation(fullMethod string) mapping.Operation {
	service, name, _ := strings.Cut(strings.TrimPrefix(fullMethod, "/"), "/")
	if service != pelcrov1.CustomerService_ServiceDesc.ServiceName {
		return mapping.Operation{}
	}
	operation, _ := mapping.CustomerOperation(name)
	return operation
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
