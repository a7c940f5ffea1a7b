package promises_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// nowhere is the upstream of services whose transport is a [roundTrip].
const nowhere = "http://127.0.0.1:1"

// roundTrip is an upstream without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	return f(r)
}

// through makes the service call Pelcro through the transport.
func through(transport http.RoundTripper) func(*config) {
	return func(c *config) { c.pelcro.Transport = transport }
}

// answered is an answer with a JSON body.
func answered(code int, body string) *http.Response {
	return &http.Response{
		StatusCode: code,
		ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(strings.NewReader(body)),
	}
}

// found answers any operation on customer 42 with success.
func found(r *http.Request) *http.Response {
	switch {
	case r.Method == http.MethodDelete:
		return answered(http.StatusNoContent, "")
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/customers"):
		return answered(http.StatusOK, `{"data":[{"id":42}]}`)
	}
	return answered(http.StatusOK, `{"data":{"id":42}}`)
}

// finding is found as a [roundTrip].
func finding(r *http.Request) (*http.Response, error) { return found(r), nil }

// eventually waits until the condition holds.
func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	end := time.NewTimer(patience)
	defer end.Stop()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-end.C:
			tb.Fatalf("after %v it does not hold that %s", patience, what)
		}
	}
}

// receive receives, but not for ever.
func receive[T any](tb testing.TB, from <-chan T, what string) (value T) {
	tb.Helper()
	end := time.NewTimer(patience)
	defer end.Stop()
	select {
	case value = <-from:
	case <-end.C:
		tb.Fatalf("after %v there is no %s", patience, what)
	}
	return value
}

// goroutinesReturn checks that no more goroutines stay than there were, but two.
func goroutinesReturn(tb testing.TB, before int) {
	tb.Helper()
	eventually(tb, fmt.Sprintf("about %d goroutines run", before), func() bool { return runtime.NumGoroutine() <= before+2 })
}

// memory is the resident memory of this process, which holds the client, too.
type memory struct {
	tb     testing.TB
	before int64
}

// measureMemory begins to measure the most memory that is used. Where the system
// does not tell, nothing is.
func measureMemory(tb testing.TB) memory {
	tb.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	// How much garbage the collector tolerates is in proportion to what earlier tests
	// left alive, and not what this one is about.
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if tolerated := 100 * (8 << 20) / max(stats.HeapAlloc, 1); tolerated < 100 {
		percent := debug.SetGCPercent(int(tolerated))
		tb.Cleanup(func() { debug.SetGCPercent(percent) })
	}
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // resets VmHWM
	return memory{tb, resident("VmRSS:")}
}

// grewLess fails the test if at any moment the memory had grown by the limit or
// more, and returns by how much it had. The race detector takes several times the memory, so the full limit counts
// when soaking.
func (m memory) grewLess(limit int64) int64 {
	m.tb.Helper()
	grown := max(0, resident("VmHWM:")-m.before)
	if limit *= scaled[int64](1, 8); grown >= limit {
		m.tb.Errorf("the memory grew by %d bytes, want less than %d", grown, limit)
	}
	return grown
}

func resident(field string) int64 {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(raw) {
		if rest, ok := strings.CutPrefix(string(line), field); ok {
			kilobytes, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}

// percentile returns the time below which so many of a hundred lie.
func percentile(times []time.Duration, percent int) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[min(len(times)*percent/100, len(times)-1)]
}
