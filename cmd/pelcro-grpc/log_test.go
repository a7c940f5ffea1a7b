package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// messages are those of the lines that were written.
func messages(written *bytes.Buffer) string {
	var all []string
	for line := range strings.Lines(written.String()) {
		_, rest, _ := strings.Cut(line, `"msg":"`)
		message, _, _ := strings.Cut(rest, `"`)
		all = append(all, message)
	}
	return strings.Join(all, " ")
}

// TestLinesAreGathered: a line waits a little for others, unless it is urgent, and
// none is lost or overtaken.
func TestLinesAreGathered(t *testing.T) {
	for _, test := range []struct {
		name, format string
		log          func(logger *slog.Logger, flush func())
		want         string
	}{
		{"at first it waits", "json", func(logger *slog.Logger, _ func()) {
			logger.Info("a")
			time.Sleep(gatherTime - 1)
			logger.Info("b")
		}, ""},
		{"then it is written", "json", func(logger *slog.Logger, _ func()) {
			logger.Info("a")
			logger.Info("b")
			time.Sleep(gatherTime)
		}, "a b"},
		{"the next one waits anew", "json", func(logger *slog.Logger, _ func()) {
			logger.Info("a")
			time.Sleep(2 * gatherTime)
			logger.Info("b")
			time.Sleep(gatherTime - 1)
		}, "a"},
		{"and is written, too", "json", func(logger *slog.Logger, _ func()) {
			logger.Info("a")
			time.Sleep(2 * gatherTime)
			logger.Info("b")
			time.Sleep(gatherTime)
		}, "a b"},
		{"a warning does not wait", "json", func(logger *slog.Logger, _ func()) {
			logger.Info("a")
			logger.Warn("b")
			logger.Info("c")
		}, "a b"},
		{"nor with attributes and groups", "json", func(logger *slog.Logger, _ func()) {
			logger.With("k", "v").Info("a")
			logger.WithGroup("g").With("k", "v").Error("b")
		}, "a b"},
		{"the end", "json", func(logger *slog.Logger, flush func()) {
			logger.Info("a")
			flush()
		}, "a"},
		{"for people nothing waits", "text", func(logger *slog.Logger, _ func()) {
			logger.Info("a")
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var written bytes.Buffer
				logger, flush := serveCommand{LogFormat: test.format, LogLevel: "info"}.logger(&written)
				test.log(logger, flush)
				synctest.Wait()
				if test.format == "text" {
					if !strings.Contains(written.String(), "msg=a") {
						t.Errorf("written: %s", &written)
					}
				} else if got := messages(&written); got != test.want {
					t.Errorf("written: %q, want %q", got, test.want)
				}
			})
		})
	}
}

// disk takes what it is given once it is let.
type disk struct {
	let     chan struct{}
	written bytes.Buffer
	largest int
	err     error
}

func (d *disk) Write(p []byte) (int, error) {
	<-d.let
	d.written.Write(p)
	d.largest = max(d.largest, len(p))
	return len(p), d.err
}

// TestSlowDisk: a call does not wait for the disk, unless that much is gathered that it
// must; in the end all lines are there, in their order, also when a write failed.
func TestSlowDisk(t *testing.T) {
	for _, failure := range []error{nil, errors.New("disk full")} {
		file := &disk{let: make(chan struct{}), err: failure}
		lines := &gatheredLines{to: file}
		const size, many = 1000, 3 * maxGathered / 1000
		var taken atomic.Int64
		var logging sync.WaitGroup
		logging.Go(func() {
			for n := range many {
				_, _ = fmt.Fprintf(lines, "%0*d\n", size-1, n)
				taken.Add(1)
			}
		})
		until(t, "lines are taken while none is written", func() bool { return taken.Load() >= maxGathered/size })
		close(file.let)
		logging.Wait()
		lines.flush()
		if file.written.Len() != many*size || file.largest > maxGathered+size {
			t.Errorf("%d bytes written, %d at once", file.written.Len(), file.largest)
		}
		n := 0
		for line := range strings.Lines(file.written.String()) {
			if line != fmt.Sprintf("%0*d\n", size-1, n) {
				t.Fatalf("line %d is %.30s", n, line)
			}
			n++
		}
	}
}
