package promises_test

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// silentUpstream reads requests and never responds. It reports when each request arrived
// and when it was cancelled.
type silentUpstream struct {
	arrived, cancelled chan int64 // the ids of the customers
}

func newSilentUpstream(tb testing.TB, calls int) (*silentUpstream, string) {
	tb.Helper()
	u := &silentUpstream{arrived: make(chan int64, calls), cancelled: make(chan int64, calls)}
	return u, upstreamOf(tb, func(_ http.ResponseWriter, r *http.Request) {
		id := idOf(r)
		u.arrived <- id
		<-r.Context().Done()
		u.cancelled <- id
		panic(http.ErrAbortHandler)
	})
}

// idOf returns the customer that a request names, 0 for none.
func idOf(r *http.Request) int64 {
	id, _ := strconv.ParseInt(path.Base(r.URL.Path), 10, 64)
	return id
}

// The upstream never responds, the callers have a deadline.
func TestR01DeadlineReachesPelcro(t *testing.T) {
	parallelUnlessSoaking(t)
	bestOfThree(t, func() string {
		return callsWithDeadline(t, scaled(200, 20), scaled(200*time.Millisecond, 500*time.Millisecond))
	})
}

// callsWithDeadline makes calls with the deadline and returns what was too late.
func callsWithDeadline(t *testing.T, calls int, deadline time.Duration) string {
	t.Helper()
	var mu sync.Mutex
	begun, took := make([]time.Time, calls), make([]time.Duration, calls)
	arrived := make([]bool, calls)
	running, last := 0, time.Duration(0) // requests at the upstream, and the longest time from a call to the end of its request
	g := start(t, upstreamOf(t, func(_ http.ResponseWriter, r *http.Request) {
		i := int(idOf(r)) - 1
		mu.Lock()
		arrived[i] = true
		running++
		mu.Unlock()
		<-r.Context().Done()
		mu.Lock()
		running--
		last = max(last, time.Since(begun[i]))
		mu.Unlock()
		panic(http.ErrAbortHandler)
	}), withoutBreaker) // a busy machine makes calls long enough to count
	each(calls, 20, func(i int) {
		// On a busy machine a deadline may pass before the request is sent. Such a call is made again.
		testkit.Eventually(t, "the request arrived", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			begin := time.Now()
			mu.Lock()
			begun[i] = begin
			mu.Unlock()
			err := g.get(ctx, int64(i+1))
			took[i] = time.Since(begin)
			if status.Code(err) != codes.DeadlineExceeded {
				t.Errorf("call %d: %v", i, err)
			}
			mu.Lock()
			defer mu.Unlock()
			return arrived[i]
		})
	})
	testkit.Eventually(t, "every request has ended at the upstream", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return running == 0
	})
	responded := p99(took)
	t.Logf("p99 of the calls %v; the last request ended at the upstream after %v", responded, last)
	if responded > deadline+50*time.Millisecond || last > deadline+100*time.Millisecond {
		return fmt.Sprintf("the p99 of the calls is %v; a request lasted %v", responded, last)
	}
	return ""
}

// The error with the reason arrives before the client's own deadline: over a network when soaking,
// where a busy machine may spoil a round.
func TestR01ReasonArrivesInTime(t *testing.T) {
	parallelUnlessSoaking(t)
	if soaking {
		_, url := newSilentUpstream(t, 1000)
		g := start(t, url, withoutBreaker)
		bestOfThree(t, func() string { return callsWithoutReason(t, g, 200) })
		return
	}
	synctest.Test(t, func(t *testing.T) {
		g := startInMemory(t, roundTrip(neverRespond))
		if wrong := callsWithoutReason(t, g, 10); wrong != "" {
			t.Error(wrong)
		}
	})
}

// callsWithoutReason makes calls that end at their deadline, and returns how many got no reason.
func callsWithoutReason(t *testing.T, g *service, calls int) string {
	t.Helper()
	var without atomic.Int64
	each(calls, calls, func(i int) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := g.get(ctx, int64(i+1))
		if status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("call %d: %v", i, err)
		}
		if gatewaytest.Reason(err) != "CALLER_DEADLINE_EXCEEDED" {
			without.Add(1)
		}
	})
	if n := without.Load(); n > 0 {
		return fmt.Sprintf("%d of %d calls got no reason", n, calls)
	}
	return ""
}

// When the caller cancels, the request to Pelcro is cancelled.
func TestR01CancelReachesPelcro(t *testing.T) {
	parallelUnlessSoaking(t)
	calls := scaled(200, 40)
	upstream, url := newSilentUpstream(t, calls)
	g := start(t, url)
	for i := range calls {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- g.get(ctx, int64(i+1)) }()
		<-upstream.arrived
		cancelled := time.Now()
		cancel()
		if err := <-ended; status.Code(err) != codes.Canceled {
			t.Errorf("call %d: %v", i, err)
		}
		<-upstream.cancelled
		if took := time.Since(cancelled); soaking && took > 100*time.Millisecond {
			t.Errorf("the request was cancelled after %v", took)
		}
	}
}

// A caller without a deadline waits no longer than the service's time limit.
func TestR01OwnTimeLimit(t *testing.T) {
	parallelUnlessSoaking(t)
	_, url := newSilentUpstream(t, 1000)
	g := start(t, url, timeout(100*time.Millisecond))
	if err := untilSent(t, func() error { return g.get(t.Context(), 1) }); status.Code(err) != codes.Unavailable || gatewaytest.Reason(err) != "PELCRO_TIMEOUT" {
		t.Errorf("got %v", err)
	}
}
