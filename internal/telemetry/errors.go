package telemetry

import (
	"log/slog"
	"strings"
	"sync"
	"time"
)

// An error of the SDK may hold the whole response of the collector, and an unreachable collector
// causes an error for each batch.
const (
	// maxErrorText is how much of an error is logged, in bytes.
	maxErrorText = 512
	// errorInterval is the time between two lines.
	errorInterval = time.Minute
)

// otelErrors logs the errors that the SDK reports while it runs.
type otelErrors struct {
	logger *slog.Logger
	// redact removes the credentials, which a collector may quote.
	redact *strings.Replacer

	mu      sync.Mutex
	next    time.Time // when the next one is logged
	leftOut int
	silent  bool
}

func newOtelErrors(logger *slog.Logger, credentials []string) *otelErrors {
	var pairs []string
	for _, credential := range credentials {
		pairs = append(pairs, credential, "(hidden)")
	}
	return &otelErrors{logger: logger, redact: strings.NewReplacer(pairs...)}
}

// Handle implements [otel.ErrorHandler].
func (e *otelErrors) Handle(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.silent {
		return
	}
	if time.Now().Before(e.next) {
		e.leftOut++
		return
	}
	attrs := []any{"cause", e.text(err)}
	if e.leftOut > 0 {
		attrs = append(attrs, "left_out", e.leftOut)
	}
	e.next, e.leftOut = time.Now().Add(errorInterval), 0
	e.logger.Warn("OpenTelemetry reports a problem", attrs...)
}

// silence ends the logging: spans that a stop loses are reported once.
func (e *otelErrors) silence() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.silent = true
}

func (e *otelErrors) text(err error) string {
	text := e.redact.Replace(err.Error())
	if len(text) <= maxErrorText {
		return text
	}
	return strings.ToValidUTF8(text[:maxErrorText], "") + "…"
}
