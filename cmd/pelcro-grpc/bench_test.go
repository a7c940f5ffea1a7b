package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// BenchmarkObservability compares, in one run, the CPU time of a call without a line in the log, with
// a line for each call to a file and an admin address, and with traces in addition, to a collector in
// this process. There are three processes, called in turn, with the system's accounting of CPU time,
// which is in hundredths of a second: use -benchtime=20000x or more.
func BenchmarkObservability(b *testing.B) {
	const rounds, callers = 5, 16
	dir := b.TempDir()
	binary := filepath.Join(dir, "pelcro-grpc")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"data":{"id":42,"email":"ada@example.com","first_name":"Ada","metadata":{"a":"b"}}}`)
	}))
	defer web.Close()
	var batches atomic.Int64
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		batches.Add(1)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	defer collector.Close()
	start := func(env []string, args ...string) *measured {
		return startMeasured(b, binary, env, append([]string{"--pelcro-url=" + web.URL, "--site-id=1", "--log-format=json"}, args...)...)
	}
	off := start(nil, "--admin-listen=", "--log-level=error")
	seen := start(nil, "--admin-listen=127.0.0.1:0", "--log-level=info")
	// Batches are sent while calls are made, and not after them.
	traced := start([]string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + collector.URL, "OTEL_BSP_SCHEDULE_DELAY=100"},
		"--admin-listen=127.0.0.1:0", "--log-level=info")
	b.ResetTimer()
	for range rounds {
		for _, m := range []*measured{off, seen, traced} {
			m.call(b, max(1, b.N/rounds), callers)
		}
	}
	if batches.Load() == 0 {
		b.Error("no span was exported")
	}
	b.ReportMetric(off.perCall(), "off-µs-cpu/call")
	b.ReportMetric(seen.perCall(), "logs+metrics-µs-cpu/call")
	b.ReportMetric(traced.perCall(), "traces-µs-cpu/call")
	b.ReportMetric(seen.perCall()/off.perCall(), "logs+metrics/off")
	b.ReportMetric(traced.perCall()/off.perCall(), "traces/off")
}

// measured is a service in its own process.
type measured struct {
	pid   int
	conn  *grpc.ClientConn
	cpu   time.Duration
	calls int
}

// startMeasured runs serve with its log in a file and these variables in its environment.
func startMeasured(b *testing.B, binary string, env []string, args ...string) *measured {
	b.Helper()
	// A service without log lines does not report its address.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	file, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	command := exec.Command(binary, append([]string{"serve", "--listen=" + address}, args...)...)
	command.Stderr = file
	command.Env = append(append(os.Environ(), keyEnv+"="+canaryKey), env...)
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	m := &measured{pid: command.Process.Pid}
	b.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		file.Close()
	})
	m.conn, err = grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.conn.Close() })
	m.call(b, 500, 16) // connections and caches
	m.cpu, m.calls = 0, 0
	return m
}

// call makes so many calls, from so many callers.
func (m *measured) call(b *testing.B, calls, callers int) {
	b.Helper()
	before := m.used(b)
	customers := pelcrov1.NewCustomerServiceClient(m.conn)
	var left atomic.Int64
	left.Store(int64(calls))
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := customers.GetCustomer(b.Context(), &pelcrov1.GetCustomerRequest{Id: 42}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	m.cpu += m.used(b) - before
	m.calls += calls
}

// used returns the CPU time of the process so far (proc_pid_stat(5), fields 14 and 15, in hundredths
// of a second).
func (m *measured) used(b *testing.B) time.Duration {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", m.pid))
	if err != nil {
		b.Skip("there is no /proc here")
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.Atoi(fields[14-3])
	system, _ := strconv.Atoi(fields[15-3])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// perCall returns the CPU time of a call in microseconds.
func (m *measured) perCall() float64 { return float64(m.cpu.Microseconds()) / float64(m.calls) }
