package server_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// logBuffer is a log that tests can read while it is written.
type logBuffer struct{ lines chan string }

// Write takes one line, as slog's handlers write them.
func (b *logBuffer) Write(line []byte) (int, error) {
	b.lines <- string(line)
	return len(line), nil
}

// logLine is one line.
type logLine map[string]any

func (l logLine) text(key string) string {
	s, _ := l[key].(string)
	return s
}

// call waits for the line of the next call.
func (b *logBuffer) call(t *testing.T) logLine {
	t.Helper()
	return b.line(t, "finished call")
}

// line waits for the next line with this message.
func (b *logBuffer) line(t *testing.T, message string) logLine {
	t.Helper()
	timeout := time.NewTimer(testTimeout)
	defer timeout.Stop()
	for {
		select {
		case line := <-b.lines:
			if l := parse(t, line); l.text("msg") == message {
				return l
			}
		case <-timeout.C:
			t.Fatalf("nothing was logged as %q", message)
		}
	}
}

// rest returns the lines that were not read yet.
func (b *logBuffer) rest() string {
	var lines strings.Builder
	for {
		select {
		case line := <-b.lines:
			lines.WriteString(line)
		default:
			return lines.String()
		}
	}
}

// calls returns the lines of calls that were not read yet.
func (b *logBuffer) calls(t *testing.T) []logLine {
	t.Helper()
	var calls []logLine
	for line := range strings.Lines(b.rest()) {
		if l := parse(t, line); l.text("msg") == "finished call" {
			calls = append(calls, l)
		}
	}
	return calls
}

func parse(t *testing.T, line string) logLine {
	t.Helper()
	var l logLine
	if err := json.Unmarshal([]byte(line), &l); err != nil {
		t.Fatalf("a line that is not JSON: %s", line)
	}
	return l
}
