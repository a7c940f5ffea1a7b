package server

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	attr "go.opentelemetry.io/otel/attribute"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// observeUnary and observeStream report a call to operators, with the status that the caller gets:
// a line of the log, this service's own metrics and the attributes of its span.
func (s *Server) observeUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	resp, err := handler(ctx, req)
	s.observe(ctx, err)
	s.reportUnrecognised(ctx, resp)
	return resp, err
}

func (s *Server) observeStream(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	err := handler(service, stream)
	s.observe(stream.Context(), err)
	if err != nil { // the responses before were reported with their messages
		s.reportUnrecognised(stream.Context(), nil)
	}
	return err
}

func (s *Server) observe(ctx context.Context, err error) {
	if isRejectedByTransport(err) {
		return // reportRejected does
	}
	r := rpcOf(ctx)
	r.observed = true
	s.metrics.finish(r)
	r.describe(trace.SpanFromContext(ctx))
	s.logCall(ctx, r, time.Since(r.began))
}

// logCall writes the line of a call that has ended. It contains no payload and no status text:
// Pelcro's texts may contain what the caller sent.
func (s *Server) logCall(ctx context.Context, r *rpc, took time.Duration) {
	level := slog.LevelInfo
	switch {
	case isServerFault(r):
		level = slog.LevelError
	case r.method.isBuiltin(): // probes are frequent, and each call of grpcurl begins with reflection
		level = slog.LevelDebug
	}
	if !r.method.logger.Enabled(ctx, level) {
		return
	}
	attrs := r.attrs(ctx, r.result.Code(), took)
	if isUnknownClient(r) {
		omitted, ok := s.rejectedLines.allow(time.Now())
		if !ok {
			return
		}
		attrs = withOmitted(attrs, omitted)
	}
	if r.caller.Name != "" {
		attrs = append(attrs, slog.String("caller", r.caller.Name))
	}
	if r.attempts > 0 {
		attrs = append(attrs, slog.Int("upstream_attempts", r.attempts))
	}
	if r.statusCode != 0 {
		attrs = append(attrs, slog.Int("http_status", r.statusCode))
	}
	for _, counted := range r.counts {
		attrs = append(attrs, slog.Int(counted.name, counted.n))
	}
	if !r.result.OK() {
		attrs = r.failureAttrs(attrs)
	}
	r.method.logger.LogAttrs(ctx, level, "finished call", attrs...)
}

// attrs are the fields of the line of any call.
func (r *rpc) attrs(ctx context.Context, code codes.Code, took time.Duration) []slog.Attr {
	attrs := make([]slog.Attr, 0, 16)
	attrs = append(attrs,
		slog.String("request_id", r.requestID),
		slog.String("grpc.code", code.String()),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
	)
	if p, ok := peer.FromContext(ctx); ok {
		attrs = append(attrs, slog.String("peer.address", p.Addr.String()))
	}
	if id := traceID(ctx); id != "" {
		attrs = append(attrs, slog.String("trace_id", id))
	}
	return attrs
}

// isUnknownClient reports whether a call was rejected for its credentials, or reset by a caller
// without a name before anything was done for it. The number of such calls has no limit.
func isUnknownClient(r *rpc) bool {
	if r.caller.Name != "" || r.attempts > 0 {
		return false
	}
	switch r.result.Reason() {
	case pelcrov1.ErrorReason_GATEWAY_UNAUTHENTICATED, pelcrov1.ErrorReason_CALLER_CANCELLED:
		return true
	}
	return false
}

// withOmitted appends how many lines were not written, unless it is 0.
func withOmitted(attrs []slog.Attr, omitted int) []slog.Attr {
	if omitted > 0 {
		attrs = append(attrs, slog.Int("lines_omitted", omitted))
	}
	return attrs
}

// failureAttrs appends the fields of a call that failed.
func (r *rpc) failureAttrs(attrs []slog.Attr) []slog.Attr {
	attrs = append(attrs, slog.String("reason", r.result.Reason().String()))
	if origin := r.result.Origin(); origin != "" {
		attrs = append(attrs, slog.String("origin", string(origin)))
	}
	if outcome := r.result.Outcome(); outcome != "" {
		attrs = append(attrs, slog.String("outcome", string(outcome)))
	}
	if text := r.result.PrivateText(); text != "" {
		attrs = append(attrs, slog.String("upstream_text", withoutPersonalData(text)))
	}
	if r.cause != nil {
		attrs = append(attrs, slog.String("cause", causeText(r.cause)))
	}
	return attrs
}

// isServerFault reports whether an operator must see the failure: one of this service, of Pelcro,
// of whatever is in front of it, or of the configuration.
func isServerFault(r *rpc) bool {
	if r.result.Origin() == mapping.OriginIntermediary {
		return true
	}
	switch r.result.Reason() {
	case pelcrov1.ErrorReason_PELCRO_UNAUTHENTICATED:
		return !r.callerKey // the key is the service's own
	case pelcrov1.ErrorReason_PELCRO_METHOD_NOT_ALLOWED, pelcrov1.ErrorReason_PELCRO_ROUTE_NOT_FOUND:
		return true
	case pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN: // an operator asked for it
		return false
	}
	switch r.result.Code() {
	case codes.Internal, codes.Unknown, codes.Unavailable:
		return true
	}
	return false
}

// The attributes of a server span besides OpenTelemetry's own.
const (
	spanReason    = attr.Key("pelcro_grpc.reason")
	spanRequestID = attr.Key("pelcro_grpc.request_id")
	spanCounts    = "pelcro_grpc." // before the name of a count
)

// traceHandler makes a server span for each call of an existing method except health, below the
// span that the caller names in W3C's headers, if any.
func (s *Server) traceHandler(provider trace.TracerProvider) stats.Handler {
	return otelgrpc.NewServerHandler(
		otelgrpc.WithTracerProvider(provider),
		otelgrpc.WithMeterProvider(metricnoop.NewMeterProvider()), // metrics are Prometheus' (metrics.go)
		otelgrpc.WithPropagators(propagation.TraceContext{}),
		otelgrpc.WithFilter(func(info *stats.RPCTagInfo) bool {
			m := s.methodOf(info.FullMethodName)
			return m != s.unknown && !m.isHealth()
		}),
	)
}

// describe sets the attributes of the call's span.
func (r *rpc) describe(span trace.Span) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(spanRequestID.String(r.requestID))
	for _, counted := range r.counts {
		span.SetAttributes(attr.Int(spanCounts+counted.name, counted.n))
	}
	if !r.result.OK() {
		span.SetAttributes(spanReason.String(r.result.Reason().String()))
	}
}

// traceparent is W3C's header.
const traceparent = "traceparent"

// traceID returns the id of the call's trace, empty for none: that of its span, which is below the
// caller's, or without spans that of the caller.
func traceID(ctx context.Context) string {
	header := strings.Join(metadata.ValueFromIncomingContext(ctx, traceparent), ",")
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceparent: header})
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		return span.TraceID().String()
	}
	return ""
}

// statsHandler makes the state of each call, has its span made, and reports the calls that gRPC itself
// rejects: too large, compressed in an unknown way, or with a malformed path. No panic in it ends the
// process.
type statsHandler struct {
	server *Server
	traces stats.Handler // nil for no spans
}

// errNoMethod is a call whose path is malformed: gRPC rejects it before it tags the call.
var errNoMethod = status.Error(codes.Unimplemented, "the path is not /package.Service/Method")

// TagRPC implements [stats.Handler].
func (h statsHandler) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	tagged := context.WithValue(ctx, rpcKey{}, h.server.newRPC(ctx, info.FullMethodName))
	traced := tagged
	if h.traces != nil {
		h.server.guarded(ctx, func() { traced = h.traces.TagRPC(tagged, info) }) //nolint:fatcontext // it runs once
	}
	return traced
}

// HandleRPC implements [stats.Handler].
func (h statsHandler) HandleRPC(ctx context.Context, event stats.RPCStats) {
	h.server.guarded(ctx, func() { h.server.reportRejected(ctx, event) })
	if h.traces != nil {
		h.server.guarded(ctx, func() { h.traces.HandleRPC(ctx, event) })
	}
}

// TagConn implements [stats.Handler].
func (statsHandler) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return withConnection(ctx)
}

// HandleConn implements [stats.Handler].
func (statsHandler) HandleConn(context.Context, stats.ConnStats) {}

// reportRejected counts a call that gRPC rejected, and logs it within the limit of such lines. The
// caller is at fault, so its level is info.
func (s *Server) reportRejected(ctx context.Context, event stats.RPCStats) {
	r, took, err := rpcOf(ctx), time.Duration(0), errNoMethod
	switch event := event.(type) {
	case *stats.End:
		if r.observed {
			return
		}
		took, err = event.EndTime.Sub(event.BeginTime), event.Error
	case *stats.OutTrailer:
		if r != nil {
			return
		}
		r = s.newRPC(ctx, "")
	default:
		return
	}
	code := status.Code(err)
	s.metrics.reject(r, code)
	if omitted, ok := s.rejectedLines.allow(time.Now()); ok {
		attrs := withOmitted(r.attrs(ctx, code, took), omitted)
		r.method.logger.LogAttrs(ctx, slog.LevelInfo, "rejected call", append(attrs, slog.String("cause", causeText(err)))...)
	}
}
