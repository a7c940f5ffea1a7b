package server

import (
	"context"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc/filters"
	attr "go.opentelemetry.io/otel/attribute"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
)

// The attributes of a server span besides OpenTelemetry's own.
const (
	spanReason    = attr.Key("pelcro_grpc.reason")
	spanRequestID = attr.Key("pelcro_grpc.request_id")
	// spanMethod is one of OpenTelemetry's.
	spanMethod = attr.Key("rpc.method")
)

// traced makes a server span for each call but health checks, below the span that
// the caller names in W3C's headers, if any.
func traced(provider trace.TracerProvider) grpc.ServerOption {
	return grpc.StatsHandler(otelgrpc.NewServerHandler(
		otelgrpc.WithTracerProvider(provider),
		otelgrpc.WithMeterProvider(metricnoop.NewMeterProvider()), // metrics are Prometheus' (metrics.go)
		otelgrpc.WithPropagators(propagation.TraceContext{}),
		otelgrpc.WithFilter(filters.Not(filters.HealthCheck())),
	))
}

// describe puts the facts of the call on its span.
func (c *call) describe(ctx context.Context) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(spanRequestID.String(c.requestID))
	if c.unknown {
		span.SetName(unknownMethod)
		span.SetAttributes(spanMethod.String(unknownMethod))
	}
	if !c.result.OK() {
		span.SetAttributes(spanReason.String(c.result.Reason().String()))
	}
}

// traceID returns the id of the trace that the call belongs to, empty for none.
func traceID(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		return span.TraceID().String()
	}
	return ""
}
