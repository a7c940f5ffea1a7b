package telemetry

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestErrorsAreLimited: one line a minute, with the number of errors that were left out.
func TestErrorsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		e := &otelErrors{logger: slog.New(slog.NewJSONHandler(&log, nil))}
		for range 150 { // two and a half minutes
			e.Handle(errors.New("broken"))
			time.Sleep(time.Second)
		}
		text := log.String()
		if strings.Count(text, "OpenTelemetry reports a problem") != 3 || strings.Count(text, `"left_out":59`) != 2 || strings.Count(text, `"left_out":0`) != 1 {
			t.Errorf("logged: %s", text)
		}
	})
}

// TestPublicText: the beginning of an error, without what the collector gets as a credential.
func TestPublicText(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", " authorization = Bearer%20"+canary+" ,x-tenant=,short=c=d,invalid=%zz"+canary)
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-key=another-canary")
	for _, test := range []struct{ name, text, want string }{
		{"with its scheme", "no right with Bearer " + canary, "no right with Bearer (hidden)"},
		{"alone, twice", canary + canary, "(hidden)(hidden)"},
		{"of traces", "got another-canary", "got (hidden)"},
		{"short values are not credentials", "c=d", "c=d"},
		{"long", strings.Repeat("é", 300), strings.Repeat("é", 256) + "…"},
	} {
		if got := publicText(errors.New(test.text)); got != test.want {
			t.Errorf("%s: got %q", test.name, got)
		}
	}
}
