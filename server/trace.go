package server

import (
	"context"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	attr "go.opentelemetry.io/otel/attribute"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
)

// The attributes of a server span besides OpenTelemetry's own.
const (
	spanReason    = attr.Key("pelcro_grpc.reason")
	spanRequestID = attr.Key("pelcro_grpc.request_id")
)

// traced makes a server span for each call of a method that exists, but for health
// checks, below the span that the caller names in W3C's headers, if any.
func (s *Server) traced(provider trace.TracerProvider) grpc.ServerOption {
	return grpc.StatsHandler(otelgrpc.NewServerHandler(
		otelgrpc.WithTracerProvider(provider),
		otelgrpc.WithMeterProvider(metricnoop.NewMeterProvider()), // metrics are Prometheus' (metrics.go)
		otelgrpc.WithPropagators(propagation.TraceContext{}),
		otelgrpc.WithFilter(func(info *stats.RPCTagInfo) bool {
			m, exists := s.methods[info.FullMethodName]
			return exists && !m.isHealth()
		}),
	))
}

// describe puts the facts of the call on its span.
func (c *call) describe(ctx context.Context) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(spanRequestID.String(c.requestID))
	if !c.result.OK() {
		span.SetAttributes(spanReason.String(c.result.Reason().String()))
	}
}

// traceparent is W3C's header.
const traceparent = "traceparent"

// traceID returns the id of the trace that the call belongs to, empty for none: the
// span's, or without spans the caller's.
func traceID(ctx context.Context, c *call) string {
	span := trace.SpanContextFromContext(ctx)
	if !span.HasTraceID() {
		header := c.header[traceparent]
		if len(header) == 0 {
			return ""
		}
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceparent: header[0]})
		if span = trace.SpanContextFromContext(ctx); !span.HasTraceID() {
			return ""
		}
	}
	return span.TraceID().String()
}
