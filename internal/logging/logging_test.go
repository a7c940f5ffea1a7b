package logging_test

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/grpclog"

	"github.com/pelcro-grpc/pelcro-grpc/internal/logging"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func asJSON(w io.Writer) slog.Handler {
	return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})
}

// reader is what the log is written to.
type reader struct {
	mu    sync.Mutex
	lines []string
	// fails makes Write fail.
	fails bool
	// stuck makes Write wait until it is closed, unless it is nil.
	stuck chan struct{}
}

func (r *reader) Write(line []byte) (int, error) {
	if r.stuck != nil {
		<-r.stuck
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fails {
		return 0, errors.New("broken pipe")
	}
	r.lines = append(r.lines, string(line))
	return len(line), nil
}

// line is a line of the log.
type line struct {
	Msg, Level, Library, Cause string
	N, Lost                    int
}

func (r *reader) read(t *testing.T) (lines []line) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, text := range r.lines {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil || strings.Count(text, "\n") != 1 {
			t.Fatalf("not a line: %q", text)
		}
		lines = append(lines, l)
	}
	return lines
}

// Close writes what was logged before, in its order.
func TestEveryLine(t *testing.T) {
	var r reader
	l := logging.New(&r, asJSON)
	for n := range 2000 {
		l.Logger.Info("line", "n", n)
	}
	l.Close()
	lines := r.read(t)
	if len(lines) != 2000 || l.Lost() != 0 {
		t.Fatalf("%d lines, %d lost", len(lines), l.Lost())
	}
	for n, line := range lines {
		if line.N != n {
			t.Fatalf("line %d is %+v", n, line)
		}
	}
}

// With a reader that is stuck logging goes on, and losses are counted while it is stuck. When it reads
// again, the next line says how many lines it missed.
func TestStuckReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reader{stuck: make(chan struct{})}
		l := logging.New(&r, asJSON)
		const logged = 10_000
		for range logged {
			l.Logger.Info("line")
		}
		lost := l.Lost()
		if lost < logged/2 || lost >= logged {
			t.Errorf("%d of %d lines were lost", lost, logged)
		}
		close(r.stuck)
		synctest.Wait()
		l.Logger.Info("next")
		l.Close()
		lines, reported, written := r.read(t), 0, 0
		for _, line := range lines {
			switch line.Msg {
			case "line":
				written++
			case "log lines were lost":
				reported += line.Lost
			}
		}
		if reported != int(lost) || written+reported != logged || lines[len(lines)-1].Msg != "next" {
			t.Errorf("%d lines, %d reported as lost, of %d; %d counted", written, reported, logged, lost)
		}
	})
}

// A stop waits a second for a reader that is stuck.
func TestCloseHasLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reader{stuck: make(chan struct{})}
		l := logging.New(&r, asJSON)
		l.Logger.Info("line")
		began := time.Now()
		l.Close()
		if took := time.Since(began); took != time.Second {
			t.Errorf("it took %v", took)
		}
		l.Logger.Info("after the end")
		l.Close()
		close(r.stuck)
	})
}

// A reader that is gone loses lines, which are counted; one that comes back learns how many.
func TestFailingReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reader{fails: true}
		l := logging.New(&r, asJSON)
		for range 10 {
			l.Logger.Info("line")
		}
		synctest.Wait()
		if l.Lost() != 10 {
			t.Errorf("%d lines were lost", l.Lost())
		}
		r.mu.Lock()
		r.fails = false
		r.mu.Unlock()
		l.Logger.Info("next")
		l.Close()
		if lines := r.read(t); len(lines) != 2 || lines[0].Lost != 10 || lines[1].Msg != "next" {
			t.Errorf("written: %+v", lines)
		}
	})
}

// What libraries print arrives without what it quotes.
func TestLibraries(t *testing.T) {
	logging.RedirectLibraries()
	defer log.SetOutput(io.Discard)
	log.Print("dropped: no log receives it")
	var r reader
	l := logging.New(&r, asJSON)
	l.ReceiveLibraries()
	const canary = "canary@example.com"
	log.Printf("Unsolicited response received on idle HTTP channel starting with %q; err=%v", canary+"\r\n\""+canary, nil)
	log.Printf("starting with %#q", canary)
	log.Print("first line\n" + canary)
	log.Print("plain\n")
	log.Print(strings.Repeat("x", 255) + "é")
	grpclog.Info(canary)
	grpclog.Infof("%s", canary)
	grpclog.Warningf("a warning: desc = %q", canary)
	grpclog.Error("an error ", 7)
	grpclog.Errorln("an error", 8)
	l.Close()
	var got []line
	for _, line := range r.read(t) {
		if line.Msg != "library message" {
			t.Errorf("logged: %+v", line)
		}
		line.Msg = ""
		got = append(got, line)
	}
	want := []line{
		{Level: "WARN", Library: "go", Cause: "Unsolicited response received on idle HTTP channel starting with …"},
		{Level: "WARN", Library: "go", Cause: "starting with …"},
		{Level: "WARN", Library: "go", Cause: "first line…"},
		{Level: "WARN", Library: "go", Cause: "plain"},
		{Level: "WARN", Library: "go", Cause: strings.Repeat("x", 255) + "…"},
		{Level: "DEBUG", Library: "grpc-go", Cause: "a warning: desc = …"},
		{Level: "WARN", Library: "grpc-go", Cause: "an error 7"},
		{Level: "WARN", Library: "grpc-go", Cause: "an error 8"},
	}
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
}
