package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// logger writes to w in the chosen form. What it wrote is there for certain only
// after flush.
func (c serveCommand) logger(w io.Writer) (logger *slog.Logger, flush func()) {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // one of those that the flag takes
	options := &slog.HandlerOptions{Level: level}
	if c.logFormat(w) == "text" { // for people, who watch
		return slog.New(slog.NewTextHandler(w, options)), func() {}
	}
	lines := &gatheredLines{to: w}
	return slog.New(urgentLines{slog.NewJSONHandler(lines, options), lines}), lines.flush
}

// logFormat is the form in which lines are written to w: text or json.
func (c serveCommand) logFormat(w io.Writer) string {
	if c.LogFormat != "auto" {
		return c.LogFormat
	}
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return "text"
	}
	return "json"
}

const (
	// gatherTime is how old a line can be before it is written: what a program that is
	// killed takes with it.
	gatherTime = 100 * time.Millisecond
	// gatherBytes is how much is gathered before it is written.
	gatherBytes = 32 << 10
	// maxGathered is how much is gathered while a write takes its time. Then those who
	// log wait for it, too: neither lines nor memory are lost to a slow disk.
	maxGathered = 1 << 20
)

// gatheredLines writes lines several at a time, because a write for each was the
// dearest part of the line of a call, and in a goroutine that no call waits for.
type gatheredLines struct {
	to io.Writer

	// writing is held while lines are written, and keeps them in their order. written
	// is what they stood in.
	writing sync.Mutex
	written []byte

	mu      sync.Mutex
	waiting []byte
	timer   *time.Timer // of the next flush
}

// Write takes a line.
func (g *gatheredLines) Write(line []byte) (int, error) {
	g.mu.Lock()
	before := len(g.waiting)
	g.waiting = append(g.waiting, line...)
	now := len(g.waiting)
	switch {
	case g.timer == nil:
		g.timer = time.AfterFunc(gatherTime, g.flush)
	case before == 0:
		g.timer.Reset(gatherTime)
	case before < gatherBytes && now >= gatherBytes:
		g.timer.Reset(0)
	}
	g.mu.Unlock()
	if now >= maxGathered {
		g.flush()
	}
	return len(line), nil
}

// flush writes what is gathered. A line that cannot be written is lost, as it would
// be anyway: there is no other place to say so.
func (g *gatheredLines) flush() {
	g.writing.Lock()
	defer g.writing.Unlock()
	g.mu.Lock()
	g.waiting, g.written = g.written[:0], g.waiting
	g.mu.Unlock()
	if len(g.written) > 0 {
		_, _ = g.to.Write(g.written)
	}
}

// urgentLines does not let warnings and errors wait, nor what happened before them.
type urgentLines struct {
	slog.Handler
	lines *gatheredLines
}

// Handle implements [slog.Handler], as do the others.
func (h urgentLines) Handle(ctx context.Context, record slog.Record) error {
	err := h.Handler.Handle(ctx, record)
	if record.Level >= slog.LevelWarn {
		h.lines.flush()
	}
	return err
}

func (h urgentLines) WithAttrs(attrs []slog.Attr) slog.Handler {
	return urgentLines{h.Handler.WithAttrs(attrs), h.lines}
}

func (h urgentLines) WithGroup(name string) slog.Handler {
	return urgentLines{h.Handler.WithGroup(name), h.lines}
}
