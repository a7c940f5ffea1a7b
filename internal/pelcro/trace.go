package pelcro

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

const tracerName = "github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"

// tracing makes a client span for each attempt, as OpenTelemetry's conventions for
// HTTP want it, but without the URL: its query can hold e-mail addresses. The zero
// value makes none.
type tracing struct {
	tracer trace.Tracer // nil: none
	peer   []attribute.KeyValue
}

func newTracing(provider trace.TracerProvider, base *url.URL) tracing {
	if provider == nil {
		return tracing{}
	}
	t := tracing{tracer: provider.Tracer(tracerName), peer: []attribute.KeyValue{semconv.ServerAddress(base.Hostname())}}
	if port, err := strconv.Atoi(base.Port()); err == nil {
		t.peer = append(t.peer, semconv.ServerPort(port))
	}
	return t
}

// start begins the span of the attempt with that number, counted from 1.
func (t tracing) start(ctx context.Context, r request, attempt int) (context.Context, trace.Span) {
	if t.tracer == nil {
		return ctx, noop.Span{}
	}
	attributes := []attribute.KeyValue{semconv.HTTPRequestMethodKey.String(r.method), semconv.URLTemplate(r.template)}
	if attempt > 1 {
		attributes = append(attributes, semconv.HTTPRequestResendCount(attempt-1))
	}
	return t.tracer.Start(ctx, r.call, //nolint:spancheck // the caller ends it
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...), trace.WithAttributes(t.peer...))
}

// endSpan ends the span of an attempt. The cause stays in the log: it may hold
// what others wrote.
func endSpan(span trace.Span, statusCode int, end ending) {
	if !span.IsRecording() {
		return
	}
	if statusCode != 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(statusCode))
	}
	switch {
	case statusCode == 0:
		span.SetAttributes(semconv.ErrorTypeKey.String(endings[end]))
		span.SetStatus(codes.Error, "")
	case statusCode >= http.StatusBadRequest:
		span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(statusCode)))
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// passTraceOn tells Pelcro of the trace, if that was asked for.
func (c *Client) passTraceOn(ctx context.Context, header http.Header) {
	if c.config.Propagator != nil {
		c.config.Propagator.Inject(ctx, propagation.HeaderCarrier(header))
	}
}
