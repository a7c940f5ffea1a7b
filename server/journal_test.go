package server_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// journal is a log that tests can read while it is written.
type journal struct{ lines chan string }

// Write takes one line, as slog's handlers write them.
func (j *journal) Write(line []byte) (int, error) {
	j.lines <- string(line)
	return len(line), nil
}

// entry is one line.
type entry map[string]any

func (e entry) text(key string) string {
	s, _ := e[key].(string)
	return s
}

// call waits for the line of the next call.
func (j *journal) call(t *testing.T) entry {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		select {
		case line := <-j.lines:
			if e := parse(t, line); e.text("msg") == "finished call" {
				return e
			}
		case <-timeout.C:
			t.Fatal("no call was logged")
		}
	}
}

// rest returns what was written and not read yet.
func (j *journal) rest() string {
	var b strings.Builder
	for {
		select {
		case line := <-j.lines:
			b.WriteString(line)
		default:
			return b.String()
		}
	}
}

// calls returns the lines of calls that were written and not read yet.
func (j *journal) calls(t *testing.T) []entry {
	t.Helper()
	var entries []entry
	for line := range strings.Lines(j.rest()) {
		if e := parse(t, line); e.text("msg") == "finished call" {
			entries = append(entries, e)
		}
	}
	return entries
}

func parse(t *testing.T, line string) entry {
	t.Helper()
	var e entry
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		t.Fatalf("a line that is no JSON: %s", line)
	}
	return e
}
