package promises_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
	"github.com/pelcro-grpc/pelcro-grpc/test/faultproxy"
)

const (
	circuitOpen = "GATEWAY_CIRCUIT_OPEN"
	// openTime is how long the breaker stays open; toOpen is how many failures open a new
	// one.
	openTime = time.Second
	toOpen   = 20
)

// openBreaker makes creates, which are never retried, until the breaker is open.
func (g *service) openBreaker(t *testing.T) {
	t.Helper()
	each(toOpen, toOpen, func(i int) {
		if err := g.create(t.Context(), "new@example.com"); err == nil || gatewaytest.Reason(err) == circuitOpen {
			t.Errorf("create %d of those that open the breaker: %v", i, err)
		}
	})
}

// mustBeOpen checks the error of a call that the open breaker rejected.
func mustBeOpen(t *testing.T, err error) {
	t.Helper()
	if status.Code(err) != codes.Unavailable || gatewaytest.Reason(err) != circuitOpen || outcomeOf(err) != "notSent" {
		t.Errorf("got %v (%s)", err, outcomeOf(err))
	}
}

// With a dead upstream calls fail immediately, whether it refuses connections or does not
// respond.
func TestR21DeadUpstreamFailsFast(t *testing.T) {
	parallelUnlessSoaking(t)
	for _, test := range []struct {
		name  string
		fault faultproxy.Fault
	}{
		{"connection refused", faultproxy.Down()},
		{"black hole", faultproxy.BlackHole()},
	} {
		t.Run(test.name, func(t *testing.T) {
			parallelUnlessSoaking(t)
			bestOfThree(t, func() string {
				proxy := faultproxy.New(t, upstreamOf(t, newEffects().ServeHTTP))
				g := start(t, proxy.URL(), timeout(150*time.Millisecond))
				proxy.Set(test.fault)
				g.openBreaker(t)
				return failFast(t, g, scaled(2000, 100))
			})
		})
	}
}

// failFast makes calls while the breaker is open, and returns what took too long: more than two
// milliseconds, and on a busy machine more than two health checks, which do not depend on Pelcro.
func failFast(t *testing.T, g *service, calls int) string {
	t.Helper()
	took, checks := make([]time.Duration, calls), make([]time.Duration, calls)
	health := healthpb.NewHealthClient(g.Conn)
	begin, probes := time.Now(), 0
	for i := range calls {
		begin := time.Now()
		var err error
		if i%2 == 0 {
			err = g.get(t.Context(), 42)
		} else {
			err = g.create(t.Context(), "new@example.com")
		}
		took[i] = time.Since(begin)
		if err != nil && gatewaytest.Reason(err) != circuitOpen {
			probes++
		} else {
			mustBeOpen(t, err)
		}
		begin = time.Now()
		if _, err := health.Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
			t.Error(err)
		}
		checks[i] = time.Since(begin)
	}
	passed := time.Since(begin)
	slowest, usual := p99(took), p99(checks)
	t.Logf("p99 %v, of health checks %v, %d probes in %v", slowest, usual, probes, passed)
	if probes > 1+int(passed/openTime) { // the first probe may be due already
		t.Errorf("%d probes in %v", probes, passed)
	}
	if slowest > max(2*time.Millisecond, 2*usual) {
		return fmt.Sprintf("the p99 is %v, of health checks %v", slowest, usual)
	}
	return ""
}

// Cancellations of callers, their deadlines while Pelcro responds, and rejections by Pelcro, do not
// count as failures.
func TestR21StaysClosed(t *testing.T) {
	parallelUnlessSoaking(t)
	calls := scaled(1000, 100)
	t.Run("the caller cancels", func(t *testing.T) {
		arrived := make([]chan struct{}, calls) // by call: each has its own customer
		for i := range arrived {
			arrived[i] = make(chan struct{}, 1)
		}
		g := start(t, upstreamOf(t, func(_ http.ResponseWriter, r *http.Request) {
			if i := int(idOf(r)) - 1; i < calls {
				arrived[i] <- struct{}{}
			}
			<-r.Context().Done()
		}))
		// Each call arrives, so the breaker was closed for each.
		each(calls, 8, func(i int) {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- g.get(ctx, int64(i+1)) }()
			select {
			case <-arrived[i]:
				cancel()
				<-ended
			case err := <-ended:
				cancel()
				t.Errorf("got %v", err)
			}
		})
	})
	t.Run("deadlines while Pelcro responds to others", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			const quick = 1_000
			g := startInMemory(t, roundTrip(func(r *http.Request) (*http.Response, error) {
				if idOf(r) == quick {
					return succeed(r)
				}
				return neverRespond(r)
			}))
			each(100, 20, func(i int) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				ended := make(chan error, 1)
				go func() { ended <- g.get(ctx, int64(i+1)) }()
				time.Sleep(time.Second / 2)
				if err := g.get(t.Context(), quick); err != nil {
					t.Errorf("another caller got %v", err)
				}
				if err := <-ended; status.Code(err) != codes.DeadlineExceeded {
					t.Errorf("got %v", err)
				}
			})
		})
	})
	t.Run("4xx", func(t *testing.T) {
		var seen atomic.Int64
		g := start(t, upstreamOf(t, func(w http.ResponseWriter, r *http.Request) {
			seen.Add(1)
			respond(w, 400+int(idOf(r)), `{"message":"no"}`)
		}))
		each(calls, 8, func(i int) {
			if err := g.get(t.Context(), int64(1+i%99)); gatewaytest.Reason(err) == circuitOpen {
				t.Errorf("got %v", err)
			}
		})
		if n := seen.Load(); n != int64(calls) {
			t.Errorf("%d of %d calls arrived", n, calls)
		}
	})
}

// probedUpstream fails at first, and counts concurrent requests until it has succeeded
// once.
type probedUpstream struct {
	mu        sync.Mutex
	failures  int // remaining
	running   int
	most      int // concurrent requests
	times     []time.Time
	succeeded bool
	latency   time.Duration
}

func (p *probedUpstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	probing := !p.succeeded
	if probing {
		p.running++
		p.most = max(p.most, p.running)
		p.times = append(p.times, time.Now())
	}
	p.mu.Unlock()
	if probing {
		select { // long enough for others to arrive
		case <-time.After(p.latency):
		case <-r.Context().Done():
		}
	}
	p.mu.Lock()
	fail := probing && p.failures > 0
	if probing {
		p.running--
		p.failures--
		p.succeeded = p.succeeded || !fail
	}
	p.mu.Unlock()
	if fail {
		respond(w, 500, `{"message":"Server Error"}`)
		return
	}
	respond(w, 200, aCustomer)
}

// An open breaker lets one call through after each second, and all calls once one has succeeded.
func TestR21OneProbeAtATime(t *testing.T) {
	parallelUnlessSoaking(t)
	const failedProbes = 1
	upstream := &probedUpstream{failures: toOpen + failedProbes, latency: 20 * time.Millisecond}
	g := start(t, upstreamOf(t, upstream.ServeHTTP))
	g.openBreaker(t)
	upstream.mu.Lock()
	upstream.most, upstream.times = 0, nil
	upstream.mu.Unlock()
	opened := time.Now()
	var recovered atomic.Bool
	each(scaled(100, 10), scaled(100, 10), func(int) {
		for pace := time.NewTicker(10 * time.Millisecond); !recovered.Load(); <-pace.C {
			if g.get(t.Context(), 42) == nil {
				recovered.Store(true)
			}
		}
		if err := g.get(t.Context(), 42); err != nil {
			t.Errorf("failed after the recovery: %v", err)
		}
	})
	upstream.mu.Lock()
	defer upstream.mu.Unlock()
	if len(upstream.times) != 1+failedProbes || upstream.most != 1 {
		t.Errorf("%d probes, %d at a time", len(upstream.times), upstream.most)
	}
	for i, last := 0, opened; soaking && i < len(upstream.times); i++ {
		wait := upstream.times[i].Sub(last)
		// The breaker opened shortly before the caller received its error.
		if wait < openTime-50*time.Millisecond || wait > openTime+100*time.Millisecond {
			t.Errorf("probe %d came after %v", i+1, wait)
		}
		last = upstream.times[i].Add(upstream.latency)
	}
}

// When the caller of the probe cancels it, the next call becomes the probe: a cancelled probe proves
// nothing, so the open time does not restart.
func TestR21CancelledProbe(t *testing.T) {
	parallelUnlessSoaking(t)
	for _, test := range []struct {
		name string
		end  func(context.Context) (context.Context, context.CancelFunc)
		code codes.Code
	}{
		{"cancel", context.WithCancel, codes.Canceled},
		{"deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 200*time.Millisecond)
		}, codes.DeadlineExceeded},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				respond := func(*http.Request) (*http.Response, error) {
					return httpResponse(500, `{"message":"Server Error"}`), nil
				}
				probes := make(chan struct{}, toOpen)
				g := startInMemory(t, roundTrip(func(r *http.Request) (*http.Response, error) { return respond(r) }))
				g.openBreaker(t)
				respond = func(r *http.Request) (*http.Response, error) {
					probes <- struct{}{}
					return neverRespond(r)
				}
				time.Sleep(openTime + time.Millisecond)
				ctx, cancel := test.end(t.Context())
				defer cancel()
				ended := make(chan error, 1)
				go func() { ended <- g.create(ctx, "new@example.com") }()
				<-probes
				mustBeOpen(t, g.get(t.Context(), 42)) // one at a time
				if test.code == codes.Canceled {
					cancel()
				}
				if err := <-ended; status.Code(err) != test.code {
					t.Errorf("the probe: %v", err)
				}
				respond = succeed
				synctest.Wait() // the service knows that the probe has ended
				if err := g.create(t.Context(), "new@example.com"); err != nil {
					t.Errorf("the breaker is stuck: %v", err)
				}
			})
		})
	}
}
