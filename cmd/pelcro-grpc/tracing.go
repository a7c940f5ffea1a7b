package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
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

// flushTimeout is how long a stop waits for the collector to take the last spans.
const flushTimeout = 5 * time.Second

// start begins the export; the provider is nil if there is none. stop sends the
// last spans. Sampling, batches, headers, certificates and the resource are
// configured by the standard variables, too.
func (e export) start(ctx context.Context, logger *slog.Logger) (provider trace.TracerProvider, stop func(), err error) {
	if e.protocol == "" {
		return nil, func() {}, nil
	}
	// There is one log and one handler for the whole process. The log prints the values
	// of variables; what it would say of them, exportOf has said.
	otel.SetLogger(logr.Discard())
	problems := newComplaints(logger, e.secrets)
	otel.SetErrorHandler(problems)
	var exporter *otlptrace.Exporter
	if e.protocol == overGRPC {
		exporter, err = otlptracegrpc.New(ctx)
	} else {
		exporter, err = otlptracehttp.New(ctx)
	}
	if err != nil {
		return nil, nil, usageErrorf("traces cannot be exported (%v); see the variables that begin with %s", err, otlpPrefix)
	}
	described, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName("pelcro-grpc"), semconv.ServiceVersion(version())),
		resource.WithTelemetrySDK(),
		resource.WithFromEnv(), // what the operator says wins
	)
	if err != nil {
		return nil, nil, fmt.Errorf("what OpenTelemetry calls the resource cannot be described: %w", err)
	}
	traces := sdktrace.NewTracerProvider(sdktrace.WithBatcher(withoutTexts{exporter}), sdktrace.WithResource(described))
	return traces, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		err := traces.Shutdown(ctx)
		if problems.silence(); err != nil {
			logger.Warn("the last spans are lost", "cause", problems.text(err))
			_ = exporter.Shutdown(ctx) // ends the export that is under way
		}
	}, nil
}

// withoutTexts exports spans without the texts of their statuses: otelgrpc puts
// there what the caller was told, and that can be Pelcro's words, with personal data
// among them. The reason is an attribute.
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

// How much of a problem is logged, in bytes, and how often one is: the collector's
// whole reply is in it, and one that is away makes one for each batch.
const (
	maxComplaint   = 512
	complaintPause = time.Minute
)

// complaints logs what OpenTelemetry finds wrong while it runs.
type complaints struct {
	logger *slog.Logger
	// hide takes the credentials out, which a collector may repeat.
	hide *strings.Replacer

	mu      sync.Mutex
	next    time.Time // when the next one is logged
	leftOut int
	silent  bool
}

func newComplaints(logger *slog.Logger, secrets []string) *complaints {
	var pairs []string
	for _, secret := range secrets {
		pairs = append(pairs, secret, hidden)
	}
	return &complaints{logger: logger, hide: strings.NewReplacer(pairs...)}
}

// Handle implements [otel.ErrorHandler].
func (c *complaints) Handle(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.silent {
		return
	}
	if time.Now().Before(c.next) {
		c.leftOut++
		return
	}
	attrs := []any{"cause", c.text(err)}
	if c.leftOut > 0 {
		attrs = append(attrs, "left_out", c.leftOut)
	}
	c.next, c.leftOut = time.Now().Add(complaintPause), 0
	c.logger.Warn("OpenTelemetry reports a problem", attrs...)
}

// silence ends the logging: what is given up at a stop is said once.
func (c *complaints) silence() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.silent = true
}

func (c *complaints) text(err error) string {
	text := c.hide.Replace(err.Error())
	if len(text) <= maxComplaint {
		return text
	}
	return strings.ToValidUTF8(text[:maxComplaint], "") + "…"
}
