package telemetry

import (
	"log/slog"
	"net/url"
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

	mu      sync.Mutex
	next    time.Time // when the next one is logged
	leftOut int
}

// Handle implements [otel.ErrorHandler].
func (e *otelErrors) Handle(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Now().Before(e.next) {
		e.leftOut++
		return
	}
	e.logger.Warn("OpenTelemetry reports a problem", "cause", publicText(err), "left_out", e.leftOut)
	e.next, e.leftOut = time.Now().Add(errorInterval), 0
}

// publicText is the beginning of the error, without the credentials that the collector gets and may
// quote: each word of its headers' values.
func publicText(err error) string {
	text := err.Error()
	for header := range strings.SplitSeq(get(otlpPrefix+"HEADERS")+","+get(tracesPrefix+"HEADERS"), ",") {
		_, value, _ := strings.Cut(header, "=")
		value, _ = url.PathUnescape(value) // the SDK does not send an invalid one
		for word := range strings.FieldsSeq(value) {
			if len(word) >= 8 { // a shorter one is not a credential, and may be part of any word
				text = strings.ReplaceAll(text, word, "(hidden)")
			}
		}
	}
	if len(text) <= maxErrorText {
		return text
	}
	return strings.ToValidUTF8(text[:maxErrorText], "") + "…"
}
