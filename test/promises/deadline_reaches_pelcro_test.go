package promises_test

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
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

// The error with the reason arrives before the client's own deadline. In go test there is no network and
// the clock is the test's. The soak uses a network; there a busy machine may spoil a round.
func TestR01ReasonArrivesInTime(t *testing.T) {
	parallelUnlessSoaking(t)
	if soaking {
		bestOfThree(t, func() string {
			_, url := newSilentUpstream(t, 200)
			g := start(t, url, withoutBreaker)
			ends := untilDeadline(t, 200, g.get)
			return ends.wrong(100 * time.Millisecond)
		})
		return
	}
	synctest.Test(t, func(t *testing.T) {
		g := startInMemory(t, roundTrip(neverRespond))
		if wrong := untilDeadline(t, 10, g.get).wrong(0); wrong != "" {
			t.Error(wrong)
		}
	})
}

// ends says how calls with a deadline ended.
type ends struct {
	late    time.Duration // how long after its deadline the latest call ended
	without int64         // how many calls the client's own library ended, without a reason
}

func (e ends) wrong(tolerated time.Duration) string {
	if e.late > tolerated || e.without > 0 {
		return fmt.Sprintf("a call ended %v after its deadline, %d got no reason", e.late, e.without)
	}
	return ""
}

// untilDeadline makes calls, all at the same time, that end at their deadline of a second.
func untilDeadline(t *testing.T, calls int, call func(ctx context.Context, id int64) error) ends {
	t.Helper()
	var without atomic.Int64
	late := make([]time.Duration, calls)
	each(calls, calls, func(i int) {
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := call(ctx, int64(i+1))
		late[i] = time.Since(begin) - time.Second
		switch reason := gatewaytest.Reason(err); {
		case status.Code(err) == codes.DeadlineExceeded && reason == "":
			without.Add(1)
		case status.Code(err) != codes.DeadlineExceeded || reason != "CALLER_DEADLINE_EXCEEDED":
			t.Errorf("call %d: %v", i, err)
		}
	})
	return ends{slices.Max(late), without.Load()}
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
	synctest.Test(t, func(t *testing.T) {
		g := start(t, gatewaytest.InMemoryURL, gatewaytest.ServedInMemory(t, testkit.NewHanging()))
		begin := time.Now()
		err := g.get(t.Context(), 1)
		if status.Code(err) != codes.Unavailable || gatewaytest.Reason(err) != "PELCRO_TIMEOUT" {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begin); took > pelcro.DefaultTimeout {
			t.Errorf("it took %v", took)
		}
	})
}
