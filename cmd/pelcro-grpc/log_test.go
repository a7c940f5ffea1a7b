package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
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

// writes are what a file is asked to write.
type writes struct {
	sizes []int
	err   error
}

func (w *writes) Write(p []byte) (int, error) {
	w.sizes = append(w.sizes, len(p))
	return len(p), w.err
}

// TestManyLinesAreNotKept: what is gathered is bounded, however much comes, also when
// it cannot be written.
func TestManyLinesAreNotKept(t *testing.T) {
	for _, failure := range []error{nil, errors.New("disk full")} {
		synctest.Test(t, func(t *testing.T) {
			file := &writes{err: failure}
			lines := &gatheredLines{to: file}
			line := []byte(strings.Repeat("x", 999) + "\n")
			for range 100 {
				_, _ = lines.Write(line)
			}
			lines.flush()
			total := 0
			for _, size := range file.sizes {
				total += size
				if size >= gatherBytes+len(line) || size%len(line) != 0 {
					t.Errorf("a write of %d bytes", size)
				}
			}
			if total != 100*len(line) || len(file.sizes) != 4 {
				t.Errorf("%d bytes in writes of %d", total, file.sizes)
			}
		})
	}
}
