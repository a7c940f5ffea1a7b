package testkit

import (
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// Log is the output of a program or a logger. Tests read it while it is written. The zero value is
// an empty log.
type Log struct {
	mu      sync.Mutex
	text    strings.Builder
	read    int           // the bytes that Next and Unread have returned
	written chan struct{} // closed by the next Write
}

// Line is a line of a log in JSON.
type Line map[string]any

// Text returns a field, empty if it is missing or not a text.
func (l Line) Text(key string) string {
	text, _ := l[key].(string)
	return text
}

// Write appends to the log. It never fails.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written != nil {
		close(l.written)
		l.written = nil
	}
	return l.text.Write(p)
}

// String returns everything so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// End returns the last 3 KiB, for the output of a failed test.
func (l *Log) End() string {
	text := l.String()
	return text[max(0, len(text)-3<<10):]
}

// Match waits until the log matches the pattern and returns the groups of the first match.
func (l *Log) Match(tb testing.TB, pattern string) (groups []string) {
	tb.Helper()
	expression := regexp.MustCompile(pattern)
	if !l.wait(func(text string) bool {
		groups = expression.FindStringSubmatch(text)
		return groups != nil
	}) {
		tb.Fatalf("the log does not match %s:\n%s", pattern, l.End())
	}
	return groups
}

// Next waits for the next line with this message ("msg"). It counts the lines up to it as read.
func (l *Log) Next(tb testing.TB, message string) (next Line) {
	tb.Helper()
	var lines []Line
	if !l.wait(func(string) bool {
		lines = l.parse(tb, func(line Line) bool { return line.Text("msg") == message })
		return lines != nil
	}) {
		tb.Fatalf("nothing was logged as %q:\n%s", message, l.End())
	}
	return lines[0]
}

// Unread returns the whole lines that were not read yet, and counts them as read.
func (l *Log) Unread() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text.String()
	whole := text[l.read : strings.LastIndexByte(text, '\n')+1]
	l.read += len(whole)
	return whole
}

// UnreadLines returns the lines with this message that were not read yet, and counts all lines as
// read.
func (l *Log) UnreadLines(tb testing.TB, message string) (lines []Line) {
	tb.Helper()
	for text := range strings.Lines(l.Unread()) {
		if line := parse(tb, text); line.Text("msg") == message {
			lines = append(lines, line)
		}
	}
	return lines
}

// parse returns the next unread line that is wanted, nil if there is none yet.
func (l *Log) parse(tb testing.TB, wanted func(Line) bool) []Line {
	tb.Helper()
	for text := range strings.Lines(l.text.String()[l.read:]) {
		if !strings.HasSuffix(text, "\n") {
			break
		}
		l.read += len(text)
		if line := parse(tb, text); wanted(line) {
			return []Line{line}
		}
	}
	return nil
}

func parse(tb testing.TB, text string) (line Line) {
	tb.Helper()
	if err := json.Unmarshal([]byte(text), &line); err != nil {
		tb.Errorf("a line that is not JSON: %s", text)
	}
	return line
}

// wait reports whether the condition holds within Timeout. It asks again after each Write, and
// holds the lock while it asks.
func (l *Log) wait(holds func(text string) bool) bool {
	timeout := time.NewTimer(Timeout)
	defer timeout.Stop()
	for {
		l.mu.Lock()
		held := holds(l.text.String())
		if l.written == nil {
			l.written = make(chan struct{})
		}
		written := l.written
		l.mu.Unlock()
		if held {
			return true
		}
		select {
		case <-written:
		case <-timeout.C:
			return false
		}
	}
}
