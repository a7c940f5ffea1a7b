package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// flushTimeout is how long a stop waits for the collector to accept the last spans.
const flushTimeout = 5 * time.Second

// Start begins the export; the provider is nil without one. stop sends the last spans.
func (c Config) Start(ctx context.Context, logger *slog.Logger, version string) (provider trace.TracerProvider, stop func(), err error) {
	if c.Protocol == "" {
		return nil, func() {}, nil
	}
	// The SDK has one logger and one error handler for the whole process. Its logger prints the
	// values of variables, credentials among them.
	otel.SetLogger(logr.Discard())
	otel.SetErrorHandler(&otelErrors{logger: logger})
	client := otlptracehttp.NewClient()
	if c.Protocol == GRPC {
		client = otlptracegrpc.NewClient()
	}
	exporter, err := otlptrace.New(ctx, client)
	if err != nil {
		return nil, nil, fmt.Errorf("traces cannot be exported (%w); see the variables that begin with %s", err, otlpPrefix)
	}
	described, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName("pelcro-grpc"), semconv.ServiceVersion(version)),
		resource.WithTelemetrySDK(),
		resource.WithFromEnv(), // the operator's values win
	)
	if err != nil {
		otel.Handle(err) // the valid attributes remain
	}
	traces := sdktrace.NewTracerProvider(sdktrace.WithBatcher(withoutTexts{exporter}), sdktrace.WithResource(described))
	return traces, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		err := traces.Shutdown(ctx)
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) // lost spans are reported once
		if err != nil {
			logger.Warn("failed to flush spans", "cause", publicText(err))
			_ = exporter.Shutdown(ctx) // ends the export that is running
		}
	}, nil
}

// withoutTexts exports spans without the texts of their statuses: otelgrpc puts the status message
// of the call there, which may quote Pelcro, with personal data. The reason is an attribute.
type withoutTexts struct{ sdktrace.SpanExporter }

func (e withoutTexts) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	bare := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, span := range spans {
		bare[i] = withoutText{span}
	}
	return e.SpanExporter.ExportSpans(ctx, bare)
}

type withoutText struct{ sdktrace.ReadOnlySpan }

func (s withoutText) Status() sdktrace.Status {
	return sdktrace.Status{Code: s.ReadOnlySpan.Status().Code}
}
