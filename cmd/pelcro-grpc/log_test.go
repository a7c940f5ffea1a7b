package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// process is serve as a process of its own, whose standard error is a pipe.
type process struct {
	program
	*testkit.Process

	// stderr is the end of the pipe that the test reads, or does not.
	stderr *os.File
}

// asProcess returns the command that runs the program with the arguments, which is this test binary.
func asProcess(args ...string) *exec.Cmd {
	command := exec.Command(os.Args[0], args...)
	command.Env = append(os.Environ(), asProgram+"=1")
	return command
}

// startProcess starts the sandbox. Its addresses are in the banner, because a test may not read the log.
// With isFull the pipe of its log is full already.
func startProcess(t *testing.T, isFull bool) *process {
	t.Helper()
	stderr, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stderr.Close() })
	if isFull {
		fill(t, write)
	}
	command := asProcess("serve", "--sandbox", "--sandbox-rate-limit=1000000", "--log-format=json", "--log-level=debug",
		"--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0")
	command.Stderr = write
	p := &process{Process: testkit.Start(t, command), stderr: stderr}
	write.Close()
	p.address = p.Log.Match(t, `SANDBOX on (\S+):`+" an")[1]
	p.admin = strings.TrimSuffix(p.Log.Match(t, `browser: (\S+)\n`)[1], "/")
	p.conn = gatewaytest.Dial(t, p.address)
	return p
}

// fill writes to the pipe until it is full.
func fill(t *testing.T, pipe *os.File) {
	t.Helper()
	if err := pipe.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for spaces := bytes.Repeat([]byte(" "), 4<<10); ; {
		if _, err := pipe.Write(spaces); errors.Is(err, os.ErrDeadlineExceeded) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// lost is what the metric says.
func (p *process) lost(t *testing.T) int {
	t.Helper()
	return counts(p.scrape(t)["pelcro_grpc_log_lines_lost_total"])[""]
}

// callUntilLost makes calls, which must succeed, until lines are lost, and returns how many.
// between runs after each batch. Most calls are checks of the health, which at debug have a line
// like any other and take the least time.
func (p *process) callUntilLost(t *testing.T, between func()) (calls int) {
	t.Helper()
	customers, health := pelcrov1.NewCustomerServiceClient(p.conn), healthpb.NewHealthClient(p.conn)
	var failed atomic.Int64
	for p.lost(t) == 0 {
		const callers, each = 5, 100 // a connection may have 10 checks at the same time
		var running sync.WaitGroup
		for range callers {
			running.Go(func() {
				for i := range each {
					var err error
					if i%20 == 0 {
						_, err = customers.GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 1001})
					} else {
						_, err = health.Check(t.Context(), &healthpb.HealthCheckRequest{})
					}
					if err != nil {
						failed.Add(1)
					}
				}
			})
		}
		running.Wait()
		calls += callers * each
		between()
	}
	if failed.Load() != 0 {
		t.Errorf("%d of %d calls failed", failed.Load(), calls)
	}
	return calls
}

// TestLogReaderStuck: with a reader that never reads no call fails, the metric counts the lost lines,
// and a stop ends.
func TestLogReaderStuck(t *testing.T) {
	t.Parallel()
	p := startProcess(t, true)
	p.callUntilLost(t, func() {})
	if err := p.Stop(t, syscall.SIGTERM); err != nil {
		t.Errorf("ended with %v", err)
	}
}

// TestLogReaderStuckAbort: a second SIGTERM ends a stop that waits for a call, whatever the reader
// does.
func TestLogReaderStuckAbort(t *testing.T) {
	t.Parallel()
	p := startProcess(t, true)
	p.callUntilLost(t, func() {})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = pelcrov1.NewCustomerServiceClient(p.conn).GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 602}) // it hangs
	}()
	testkit.Eventually(t, "the call runs", func() bool { return counts(p.scrape(t)["pelcro_grpc_calls_in_flight"])[""] == 1 })
	p.Signal(t, syscall.SIGTERM)
	testkit.Eventually(t, "the service is stopping", func() bool {
		code, _ := p.get(t, "/readyz")
		return code == http.StatusServiceUnavailable
	})
	exit, ok := errors.AsType[*exec.ExitError](p.Stop(t, syscall.SIGTERM))
	if !ok || exit.ExitCode() != exitFailure {
		t.Errorf("ended with %v", exit)
	}
	<-ended
}

// TestLogReaderGone: a reader that goes away does not end the process.
func TestLogReaderGone(t *testing.T) {
	t.Parallel()
	p := startProcess(t, false)
	p.stderr.Close()
	p.callUntilLost(t, func() {})
	if err := p.Stop(t, syscall.SIGTERM); err != nil {
		t.Errorf("ended with %v", err)
	}
}

// TestLogReaderSlow: every call has its line, or is in the number of a line about lost ones.
func TestLogReaderSlow(t *testing.T) {
	t.Parallel()
	p := startProcess(t, false)
	lines := bufio.NewReader(p.stderr)
	finished, reported, isStopped := 0, 0, false
	read := func() (ok bool) {
		line, err := lines.ReadString('\n')
		if err != nil {
			return false
		}
		var l struct {
			Msg  string
			Lost int
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Errorf("a line that is not JSON: %s", line)
		}
		reported += l.Lost
		switch l.Msg {
		case "finished call":
			finished++
		case "stopped":
			isStopped = true
		}
		return true
	}
	calls := p.callUntilLost(t, func() { read() }) // one of hundreds
	lost := p.lost(t)
	for finished < calls-lost && read() { // so that no line about the stop is lost
	}
	if err := p.Stop(t, syscall.SIGTERM); err != nil {
		t.Errorf("ended with %v", err)
	}
	for read() {
	}
	if finished+reported != calls || reported != lost || !isStopped {
		t.Errorf("%d calls: %d lines, %d reported as lost, %d counted", calls, finished, reported, lost)
	}
}

// TestLoggedFailure: a failure that is in the log is not printed.
func TestLoggedFailure(t *testing.T) {
	var out strings.Builder
	if code := report(&out, printedError{exitFailure}); code != exitFailure || out.String() != "" {
		t.Errorf("exit code %d, printed %q", code, out.String())
	}
}
