package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// flushTimeout is how long a stop waits for the collector to take the last spans.
const flushTimeout = 5 * time.Second

// The protocols of OTLP.
const (
	overGRPC = "grpc"
	overHTTP = "http/protobuf"
)

// export says where spans go.
type export struct {
	protocol string // empty: nowhere
}

// exportOf reads OpenTelemetry's standard variables
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/)
// and returns all problems with them. Spans are exported only where an endpoint or
// the exporter is named: a service that nobody configured dials nobody.
func exportOf(getenv func(string) string) (export, []string) {
	const exporter, protocol = "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL"
	switch name := getenv(exporter); {
	case name == "none", strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true"):
		return export{}, nil
	case name == "" && getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "":
		return export{}, nil
	case name != "" && name != "otlp":
		return export{}, []string{fmt.Sprintf("%s %q is not known here; use otlp or none", exporter, name)}
	}
	switch chosen := cmp.Or(getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), getenv(protocol), overHTTP); chosen {
	case overGRPC, overHTTP:
		return export{chosen}, nil
	default:
		return export{}, []string{fmt.Sprintf("%s %q is not known here; use %s or %s", protocol, chosen, overGRPC, overHTTP)}
	}
}

// start begins the export; the provider is nil if there is none. stop sends the
// last spans. Sampling, batches, headers, certificates and the resource are
// configured by the standard variables, too.
func (e export) start(ctx context.Context, logger *slog.Logger) (provider trace.TracerProvider, stop func(), err error) {
	if e.protocol == "" {
		return nil, func() {}, nil
	}
	// There is one handler for the whole process; exporters tell it alone.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		logger.Warn("traces are not exported", "cause", err.Error())
	}))
	var exporter *otlptrace.Exporter
	if e.protocol == overGRPC {
		exporter, err = otlptracegrpc.New(ctx)
	} else {
		exporter, err = otlptracehttp.New(ctx)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("traces cannot be exported (%w); see the variables that begin with OTEL_EXPORTER_OTLP", err)
	}
	described, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName("pelcro-grpc"), semconv.ServiceVersion(version())),
		resource.WithTelemetrySDK(),
		resource.WithFromEnv(), // what the operator says wins
	)
	if err != nil {
		return nil, nil, fmt.Errorf("the variable OTEL_RESOURCE_ATTRIBUTES cannot be read: %w", err)
	}
	traces := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(described))
	return traces, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		if err := traces.Shutdown(ctx); err != nil {
			logger.Warn("the last spans are lost", "cause", err.Error())
		}
	}, nil
}
