package server

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// InvalidRequestError is a request that a service rejects before it calls Pelcro.
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

// The causes of a context's end, and of a call that never reached a handler.
var (
	// errCallerDeadline ends a call a little before the caller's deadline.
	errCallerDeadline = fmt.Errorf("the caller's deadline is near: %w", context.DeadlineExceeded)
	errStarting       = errors.New("the service is starting")
	errStopping       = errors.New("the service is stopping")
	errUnknownMethod  = errors.New("unknown method")
)

// translateUnary and translateStream are the one place where errors become statuses. They also
// limit the time of the call, because the status depends on who ended it.
func (s *Server) translateUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	limited, end := s.limit(ctx, s.callsEnd)
	defer end()
	resp, err := handler(limited, req)
	return resp, s.translate(ctx, limited, err)
}

func (s *Server) translateStream(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	s.openStreams.Add(1)
	defer s.openStreams.Add(-1)
	ctx := stream.Context()
	serviceEnd := s.streamsEnd
	if rpcOf(ctx).method.operation.Name != "" {
		serviceEnd = s.callsEnd // before, AwaitMemory and Pause end it
	}
	limited, end := s.limit(ctx, serviceEnd)
	defer end()
	limited, cancel := context.WithCancelCause(limited)
	defer cancel(nil)
	return s.translate(ctx, limited, s.serveStream(limited, cancel, service, stream, handler))
}

// limit returns the context of the handler. It ends with the caller's, but a little before the
// caller's deadline, so that the response with its reason arrives before the client library's own
// error, and it ends with the service. The cause of its end says which it was.
func (s *Server) limit(ctx, serviceEnd context.Context) (limited context.Context, end func()) {
	r := rpcOf(ctx)
	limited = s.config.Upstream.WithCallStats(ctx, &r.attempts, &r.statusCode)
	limited = s.config.Upstream.WithResponseHeader(limited, &r.responseHeader)
	release := context.CancelFunc(func() {})
	if deadline, ok := ctx.Deadline(); ok {
		margin := min(50*time.Millisecond, time.Until(deadline)/10)
		limited, release = context.WithDeadlineCause(limited, deadline.Add(-margin), errCallerDeadline)
	}
	limited, cancel := context.WithCancelCause(limited)
	unregister := context.AfterFunc(serviceEnd, func() { cancel(errStopping) })
	return limited, func() {
		unregister()
		cancel(nil)
		release()
	}
}

// translate returns the status for err, nil for none. ctx is the caller's context, limited that of
// the handler.
func (s *Server) translate(ctx, limited context.Context, err error) (translated error) {
	r := rpcOf(ctx)
	defer func() {
		if value := recover(); value != nil {
			translated = r.fail(value)
		}
	}()
	if err == nil {
		r.trailer = metadata.MD{mapping.TrailerRequestID: {r.requestID}}
		return nil
	}
	if isRejectedByTransport(err) {
		return err
	}
	r.result = s.result(ctx, err, endedBy(ctx, limited))
	r.trailer = r.result.Trailer()
	return r.result.Err()
}

// Translate returns the result of a call that ends with err: for a handler that reports a failure within
// its response, or goes on after it. ctx is that of the handler.
func Translate(ctx context.Context, err error) mapping.Result {
	r := rpcOf(ctx)
	cause := r.cause
	defer func() { r.cause = cause }()
	return r.server.result(ctx, err, endedBy(ctx, ctx))
}

// result maps err; ended is why the handler's context ended, nil while it has not.
func (s *Server) result(ctx context.Context, err, ended error) mapping.Result {
	r := rpcOf(ctx)
	r.cause = err
	call := mapping.Call{
		Operation: r.method.operation,
		CallerKey: r.callerKey,
		Remaining: remaining(ctx),
		RequestID: r.requestID,
	}
	if r.request != nil {
		call.ResourceID = r.method.resourceID(r.request)
	}
	if result, ok := createResult(call, err, ended); ok {
		return result
	}
	failure, ok := s.config.Upstream.Failure(err)
	lookup, isLookup := errors.AsType[LookupError](err)
	call.Lookup = lookup.Outcome
	if !ok { // the error is this service's own, or says that the context ended
		failure.NoResponse.Sent = r.attempts > 0 || isLookup && lookup.Outcome != mapping.OutcomeNotSent
	}
	none := failure.NoResponse
	switch {
	case failure.Response != nil:
		return s.fromResponse(r, call, *failure.Response)
	case failure.CircuitOpen > 0:
		return mapping.FromLocalError(call, mapping.LocalError{
			Reason: pelcrov1.ErrorReason_GATEWAY_CIRCUIT_OPEN, Sent: none.Sent, Delay: failure.CircuitOpen,
		})
	case failure.QuotaWait > 0:
		return mapping.FromLocalError(call, mapping.LocalError{
			Reason: pelcrov1.ErrorReason_GATEWAY_RATE_LIMITED, Sent: none.Sent, Delay: failure.QuotaWait, Quota: failure.Quota,
		})
	case !ok && (ended == nil || !isCancellation(err)):
		return mapping.FromLocalError(call, localError(err, none.Sent))
	case failure.Stopping, errors.Is(ended, errStopping):
		return mapping.FromLocalError(call, mapping.LocalError{Reason: pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN, Sent: none.Sent})
	}
	none.Caller = ended
	return mapping.FromNoResponse(call, none)
}

// fromResponse maps a response, which has its key rejected only if it is Pelcro's own: an
// intermediary's 401 says nothing about the key.
func (s *Server) fromResponse(r *rpc, call mapping.Call, response mapping.Response) mapping.Result {
	result := mapping.FromResponse(call, response)
	if result.Reason() == pelcrov1.ErrorReason_PELCRO_UNAUTHENTICATED && result.Origin() == mapping.OriginPelcro {
		s.config.Upstream.RecordKeyRejected(r.cause)
	}
	if response.StatusCode/100 == 4 && !response.BodyIncomplete {
		r.cause = nil
	}
	return result
}

// endedBy returns why the handler's context ended: errStopping, or the caller's
// [context.DeadlineExceeded] or [context.Canceled]; nil while it has not.
func endedBy(ctx, limited context.Context) error {
	switch cause := context.Cause(limited); {
	case errors.Is(cause, errStopping):
		return errStopping
	case errors.Is(cause, errCallerDeadline):
		return context.DeadlineExceeded
	}
	err := ctx.Err()
	if deadline, ok := ctx.Deadline(); ok && err != nil && !time.Now().Before(deadline) {
		return context.DeadlineExceeded // at the deadline, grpc-go cancels the context, too
	}
	return err
}

// remaining returns how much is left of the caller's deadline, 0 without a deadline.
func remaining(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return max(time.Nanosecond, time.Until(deadline))
	}
	return 0
}

// isCancellation reports whether err says no more than that the context ended.
func isCancellation(err error) bool {
	code := codeOf(err)
	return code == codes.Canceled || code == codes.DeadlineExceeded
}

// codeOf returns the code of an error of gRPC's, or of a context.
func codeOf(err error) codes.Code {
	if s, ok := status.FromError(err); ok {
		return s.Code()
	}
	return status.FromContextError(err).Code()
}

// localError describes an error that this service raises itself.
func localError(err error, sent bool) mapping.LocalError {
	local := mapping.LocalError{Reason: pelcrov1.ErrorReason_GATEWAY_INTERNAL_ERROR, Sent: sent}
	invalid, isInvalid := errors.AsType[InvalidRequestError](err)
	switch {
	case isInvalid:
		local.Reason = pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST
		local.Violations, local.Omitted = invalid.Violations, invalid.Omitted
	case is[undecodableError](err):
		local.Reason = pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST
	case errors.Is(err, errTooManyFields):
		local.Reason = pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST
		local.Violations = []mapping.Violation{{
			Description: "It has more than 20,000 fields, elements and nested fields included; send fewer.",
			Reason:      pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE,
		}}
	case errors.Is(err, errLargeBuiltin):
		local.Reason = pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST
		local.Violations = []mapping.Violation{{
			Description: "It has more than 4 KiB, although it needs names only; send a shorter one.",
			Reason:      pelcrov1.FieldViolationReason_FIELD_TOO_LONG,
		}}
	case errors.Is(err, ErrRequestIDReused):
		local.Reason, local.Sent = pelcrov1.ErrorReason_GATEWAY_REQUEST_ID_REUSED, false
		local.Violations = []mapping.Violation{{
			Field:       "request_id",
			Description: "A different request used this id. Send a new UUID for a new customer, or the unchanged request.",
			Reason:      pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
		}}
	case errors.Is(err, ErrUnauthenticated):
		local.Reason = pelcrov1.ErrorReason_GATEWAY_UNAUTHENTICATED
	case errors.Is(err, ErrPermissionDenied):
		local.Reason = pelcrov1.ErrorReason_GATEWAY_PERMISSION_DENIED
	case errors.Is(err, ErrOverloaded):
		local.Reason = pelcrov1.ErrorReason_GATEWAY_OVERLOADED
	case errors.Is(err, errRequestIncomplete):
		local.Reason = pelcrov1.ErrorReason_GATEWAY_REQUEST_INCOMPLETE
	case errors.Is(err, errStopping):
		local.Reason = pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN
	case errors.Is(err, errUnknownMethod):
		local.Reason = pelcrov1.ErrorReason_GATEWAY_UNKNOWN_METHOD
	default:
		if reason, ok := builtinReasons[codeOf(err)]; ok {
			local.Reason = reason
		}
	}
	return local
}

// builtinReasons are the reasons of the errors of health and reflection, whose codes are part of
// their protocols. No handler of a resource returns a status.
var builtinReasons = map[codes.Code]pelcrov1.ErrorReason{
	codes.InvalidArgument:   pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST,
	codes.NotFound:          pelcrov1.ErrorReason_GATEWAY_UNKNOWN_SERVICE,
	codes.ResourceExhausted: pelcrov1.ErrorReason_GATEWAY_OVERLOADED,
	codes.Unimplemented:     pelcrov1.ErrorReason_GATEWAY_UNKNOWN_METHOD,
	codes.Unavailable:       pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN,
}

// is reports whether err is, or wraps, an error of the type E.
func is[E error](err error) bool {
	_, found := errors.AsType[E](err)
	return found
}

// panicError is a panic.
type panicError struct{ text string }

func (e panicError) Error() string { return e.text }

// newPanicError describes a panic for the log. The value may hold parts of the request, so only the
// texts of Go's runtime are kept.
func newPanicError(value any) error {
	text := fmt.Sprintf("panic of type %T", value)
	if err, ok := value.(runtime.Error); ok {
		text = "panic: " + err.Error()
	}
	return panicError{text + "\n" + string(debug.Stack())}
}

// recoverUnary and recoverStream turn a panic of a handler into an error, which is translated and
// logged like any other.
var (
	recoverUnary  = recovery.UnaryServerInterceptor(recovery.WithRecoveryHandler(newPanicError))
	recoverStream = recovery.StreamServerInterceptor(recovery.WithRecoveryHandler(newPanicError))
)

// containUnary and containStream are the outermost interceptors.
func (s *Server) containUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	err = s.contain(ctx, func() (err error) {
		resp, err = handler(ctx, req)
		return err
	})
	return resp, err
}

func (s *Server) containStream(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return s.contain(stream.Context(), func() error { return handler(service, stream) })
}

// contain serves a call so that no panic of the other interceptors ends the process. It sets the
// trailers, once.
func (s *Server) contain(ctx context.Context, serve func() error) (err error) {
	r := rpcOf(ctx)
	defer func() {
		if value := recover(); value != nil {
			err = s.reportPanic(ctx, r, value)
		}
		_ = grpc.SetTrailer(ctx, r.trailer) // fails only outside of a call
	}()
	return serve()
}

// reportPanic returns the status of a call after a panic of its observers, and reports it.
func (s *Server) reportPanic(ctx context.Context, r *rpc, value any) error {
	err := r.fail(value)
	r.observed = true
	contained(func() { s.metrics.countError(r) })
	contained(func() { s.logCall(ctx, r, time.Since(r.began)) })
	return err
}

// fail makes the result of the call that of a panic, and returns its status. It is prepared
// (method.panicResults): only the request id is added.
func (r *rpc) fail(value any) error {
	r.cause, r.result = newPanicError(value), r.method.panicResults[0]
	if r.attempts > 0 {
		r.result = r.method.panicResults[1]
	}
	r.trailer = r.result.Trailer()
	r.trailer.Set(mapping.TrailerRequestID, r.requestID)
	withID, err := r.result.Status().WithDetails(&errdetails.RequestInfo{RequestId: r.requestID})
	if err != nil {
		return r.result.Err()
	}
	return withID.Err()
}

// contained runs a report of a panic, which may be the one that panicked.
func contained(report func()) {
	defer func() { _ = recover() }()
	report()
}

// guarded runs what is outside of the interceptors, and logs its panic.
func (s *Server) guarded(ctx context.Context, f func()) {
	defer func() {
		if value := recover(); value != nil {
			cause := causeText(newPanicError(value))
			contained(func() { s.config.Logger.ErrorContext(ctx, "panic outside of the interceptors", "cause", cause) })
		}
	}()
	f()
}
