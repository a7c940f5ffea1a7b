package promises_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// Pelcro responds with 503 to every request. Every call is a read, because only reads are
// retried.
func TestR02OutageIsNotMultiplied(t *testing.T) {
	parallelUnlessSoaking(t)
	t.Run("with the breaker", func(t *testing.T) { outage(t) })
	t.Run("without the breaker", func(t *testing.T) { outage(t, withoutBreaker) })
}

func outage(t *testing.T, options ...func(*gatewaytest.Config)) {
	t.Parallel()
	const perSecond = 200
	before, n, after := scaled(2*perSecond, perSecond/2), scaled(10*perSecond, perSecond), scaled(3*perSecond, 9*perSecond/4)

	var mu sync.Mutex
	requests := map[int64]int{} // by call: each has its own customer
	var down atomic.Bool
	g := start(t, upstreamOf(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		requests[idOf(r)]++
		mu.Unlock()
		if down.Load() {
			respond(w, 503, `{"message":"Service Unavailable"}`)
			return
		}
		respond(w, 200, aCustomer)
	}), options...)

	// Fill the retry budget.
	paced(before, perSecond, func(i int) {
		if err := g.get(t.Context(), int64(1_000_000+i)); err != nil {
			t.Error(err)
		}
	})
	mu.Lock()
	clear(requests)
	mu.Unlock()
	down.Store(true)
	paced(n, perSecond, func(i int) {
		if err := g.get(t.Context(), int64(1+i)); status.Code(err) != codes.Unavailable {
			t.Errorf("during the outage: %v", err)
		}
	})
	total, most := 0, 0
	mu.Lock()
	for _, count := range requests {
		total += count
		most = max(most, count)
	}
	mu.Unlock()
	t.Logf("%d requests for %d calls (%.3f a call), %d for one at most", total, n, float64(total)/float64(n), most)
	if 5*total > 6*n || most > 3 {
		t.Errorf("%d requests for %d calls, %d for one", total, n, most)
	}

	down.Store(false)
	recovered := time.Now()
	if !soaking {
		testkit.Eventually(t, "calls succeed again", func() bool { return g.get(t.Context(), 1) == nil })
		return
	}
	failures, last := 0, time.Duration(0)
	paced(after, perSecond, func(i int) {
		since := time.Since(recovered)
		if err := g.get(t.Context(), int64(2_000_000+i)); err != nil {
			mu.Lock()
			failures, last = failures+1, max(last, since)
			mu.Unlock()
		}
	})
	t.Logf("%d failures after the recovery, the last after %v", failures, last)
	if soaking && last > 2*time.Second {
		t.Errorf("a call failed %v after the recovery", last)
	}
}
