package promises_test

import (
	"context"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
	"github.com/pelcro-grpc/pelcro-grpc/test/faultproxy"
)

// descriptors returns the number of open files and sockets, 0 without /proc.
func descriptors() int {
	files, _ := os.ReadDir("/proc/self/fd")
	return len(files)
}

// heap returns the live heap.
func heap() int64 {
	for range 3 { // finalizers, and the memory that they release
		runtime.GC()
	}
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// After ten thousand calls with all faults no goroutine, socket or memory remains.
func TestR22NothingLeaks(t *testing.T) { alone(t, nothingLeaks) }

func nothingLeaks(t *testing.T) {
	box := httptest.NewServer(sandbox.New(sandbox.Config{RequestsPerMinute: 1e9}))
	defer box.Close()
	proxy := faultproxy.New(t, box.URL)
	transport := pelcro.NewTransport()
	g := start(t, proxy.URL(), withTransport(transport), func(c *gatewaytest.Config) {
		c.Pelcro.CircuitBreaker = false // it would reject calls before they reach a fault
		c.Pelcro.Retries = 1
	})
	faults := []faultproxy.Fault{
		faultproxy.None(), faultproxy.Latency(0, 20*time.Millisecond), faultproxy.Bandwidth(20_000), faultproxy.Slicer(50, time.Millisecond),
		faultproxy.ResetOnAccept(), faultproxy.ResetBeforeRequest(), faultproxy.ResetAfterRequest(), faultproxy.ResetAfterUpstream(), faultproxy.BlackHole(),
		faultproxy.Truncate(10), faultproxy.TruncateReset(200), faultproxy.TruncateBody(1), faultproxy.TruncateBodyReset(100),
		faultproxy.SlowClose(5 * time.Millisecond), faultproxy.CloseAfterResponse(), faultproxy.CloseOnReuse(),
		faultproxy.Garbage("canary\r\n\r\n"), faultproxy.Garbage(""), faultproxy.Down(),
	}
	calls := func(n int) {
		const parallel = 16
		for _, fault := range faults {
			proxy.Set(fault)
			var running sync.WaitGroup
			for worker := range parallel {
				running.Go(func() {
					for i := worker; i < n; i += parallel {
						ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
						_ = anyCall(ctx, g.Customers, i/parallel)
						cancel()
					}
				})
			}
			running.Wait()
		}
		proxy.Set(faultproxy.None())
		transport.CloseIdleConnections()
	}
	settled := func() (goroutines, files int) {
		// Sockets close after their calls have returned.
		box.CloseClientConnections()
		for same := 0; same < 20; {
			before := [2]int{goroutines, files}
			goroutines, files = runtime.NumGoroutine(), descriptors()
			same++
			if before != [2]int{goroutines, files} {
				same = 0
			}
			<-time.After(5 * time.Millisecond)
		}
		return goroutines, files
	}
	calls(16) // so that intentional caches and pools exist
	goroutines, files := settled()
	perFault := scaled(10_000, 200) / len(faults)
	// A leak grows with each round. A pool that a first, slow round did not need yet grows once.
	grown := true
	for round := 0; grown && round < 3; round++ {
		before := heap()
		begin := time.Now()
		calls(perFault + 1)
		t.Logf("%d calls in %v", (perFault+1)*len(faults), time.Since(begin))
		testkit.Eventually(t, "no goroutine and no descriptor remains", func() bool {
			return runtime.NumGoroutine() <= goroutines+2 && descriptors() <= files+2
		})
		now := heap()
		t.Logf("heap %d, then %d", before, now)
		// A twentieth of this small heap is less than a timer or a pool needs.
		grown = now > before+max(before/20, 512<<10)
	}
	if grown {
		t.Error("the heap grows")
	}
}
