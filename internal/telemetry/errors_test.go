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

// TestErrorsAreLimited: one line a minute, with the number of errors that were left out; none after
// silence.
func TestErrorsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		e := newOtelErrors(slog.New(slog.NewJSONHandler(&log, nil)), nil)
		for range 150 { // two and a half minutes
			e.Handle(errors.New("broken"))
			time.Sleep(time.Second)
		}
		e.silence()
		e.Handle(errors.New("broken"))
		text := log.String()
		if strings.Count(text, "OpenTelemetry reports a problem") != 3 || strings.Count(text, `"left_out":59`) != 2 || strings.Count(text, "left_out") != 2 {
			t.Errorf("logged: %s", text)
		}
	})
}
