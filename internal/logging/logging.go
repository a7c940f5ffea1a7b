// Package logging writes the log, and never makes a call wait for whoever reads it: lines go through
// a bounded queue, and those that find it full are lost and counted. It also receives what libraries
// print (libraries.go).
//
// The queue is a channel. The diode of zerolog, the usual library for this, counts lost lines only
// when its reader goes on, so with a reader that is stuck no metric would show them, and it prints
// to the standard logger, which ends here.
package logging

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxLines is how many lines wait for the reader: some tenths of a second under full load, and
	// usually less than 1 MiB. The longest lines, those of panics, have about 20 KiB.
	maxLines = 2048
	// flushTimeout is how long [Log.Close] waits for the reader.
	flushTimeout = time.Second
)

// Log is a log whose lines are written in the background. A crash or a kill loses those that wait,
// normally none.
type Log struct {
	// Logger never blocks.
	Logger *slog.Logger

	out   io.Writer
	lines chan []byte
	lost  atomic.Int64
	// losses writes the line about lost lines, to out and not through the queue.
	losses slog.Handler
	// reportedLosses is how many of the lost lines are in such a line.
	reportedLosses int64

	closeOnce     sync.Once
	closing, done chan struct{}
}

// New returns a log that writes to out until [Log.Close]. handler returns the handler that formats
// lines; each is one Write.
func New(out io.Writer, handler func(io.Writer) slog.Handler) *Log {
	l := &Log{
		out: out, lines: make(chan []byte, maxLines), losses: handler(out),
		closing: make(chan struct{}), done: make(chan struct{}),
	}
	l.Logger = slog.New(handler(queue{l}))
	go l.write()
	return l
}

// Lost returns how many lines were lost, because the queue was full or because they could not be
// written.
func (l *Log) Lost() int64 { return l.lost.Load() }

// Close waits until the lines so far are written, but only a second. Later lines are lost.
func (l *Log) Close() {
	l.closeOnce.Do(func() { close(l.closing) })
	select {
	case <-l.done:
	case <-time.After(flushTimeout):
	}
}

// queue is the way of lines to the goroutine that writes them.
type queue struct{ log *Log }

// Write implements [io.Writer]. It never fails: a lost line is only counted.
func (q queue) Write(line []byte) (int, error) {
	select {
	case q.log.lines <- bytes.Clone(line): // the handler uses its buffer again
	default:
		q.log.lost.Add(1)
	}
	return len(line), nil
}

// write writes lines until Close, and then those that still wait.
func (l *Log) write() {
	defer close(l.done)
	defer l.reportLosses()
	for {
		select {
		case line := <-l.lines:
			l.writeLine(line)
		case <-l.closing:
			for {
				select {
				case line := <-l.lines:
					l.writeLine(line)
				default:
					return
				}
			}
		}
	}
}

func (l *Log) writeLine(line []byte) {
	l.reportLosses()
	if _, err := l.out.Write(line); err != nil {
		l.lost.Add(1)
	}
}

// reportLosses writes a line about the lines that were lost since the last one.
func (l *Log) reportLosses() {
	lost := l.lost.Load()
	if lost == l.reportedLosses {
		return
	}
	record := slog.NewRecord(time.Now(), slog.LevelWarn, "log lines were lost", 0)
	record.AddAttrs(slog.Int64("lost", lost-l.reportedLosses))
	if err := l.losses.Handle(context.Background(), record); err == nil {
		l.reportedLosses = lost
	}
}
