package pelcro

import (
	"context"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

const tracerName = "github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"

// tracing makes a client span for each attempt, as OpenTelemetry's conventions for HTTP define it,
// but without the URL: its query can hold e-mail addresses.
type tracing struct {
	tracer     trace.Tracer // nil: no spans
	peer       []attribute.KeyValue
	propagator propagation.TextMapPropagator // nil: Pelcro does not get the trace
}

func newTracing(config Config) tracing {
	t := tracing{propagator: config.Propagator}
	if config.Traces == nil {
		return t
	}
	t.tracer = config.Traces.Tracer(tracerName)
	t.peer = []attribute.KeyValue{semconv.ServerAddress(config.BaseURL.Hostname())}
	if port, err := strconv.Atoi(config.BaseURL.Port()); err == nil {
		t.peer = append(t.peer, semconv.ServerPort(port))
	}
	return t
}

// start begins the span of an attempt.
func (t tracing) start(ctx context.Context, call *call) (context.Context, trace.Span) {
	if t.tracer == nil {
		return ctx, noop.Span{}
	}
	attributes := []attribute.KeyValue{semconv.HTTPRequestMethodKey.String(call.method), semconv.URLTemplate(call.template)}
	if retries := call.attempts - 1; retries > 0 {
		attributes = append(attributes, semconv.HTTPRequestResendCount(retries))
	}
	return t.tracer.Start(ctx, call.name(), //nolint:spancheck // the caller ends it
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...), trace.WithAttributes(t.peer...))
}

// endSpan ends the span of an attempt. The cause stays in the log: it may hold what others wrote.
func endSpan(span trace.Span, statusCode int, outcome Outcome) {
	defer span.End()
	if !span.IsRecording() {
		return
	}
	if statusCode != 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(statusCode))
	}
	switch {
	case statusCode >= http.StatusBadRequest:
		span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(statusCode)))
	case outcome != Success && outcome != Rejected:
		span.SetAttributes(semconv.ErrorTypeKey.String(outcome.String()))
	default:
		return
	}
	span.SetStatus(codes.Error, "")
}

// inject writes the trace into the headers of a request, if that is configured.
func (t tracing) inject(ctx context.Context, header http.Header) {
	if t.propagator != nil {
		t.propagator.Inject(ctx, propagation.HeaderCarrier(header))
	}
}
