package promises_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// throttled is a Pelcro with Laravel's fixed window, which begins with the first request after the
// one before has ended. It has every customer, and takes up to a hundredth of the window.
type throttled struct {
	limit  int
	window time.Duration

	mu       sync.Mutex
	began    time.Time
	count    int
	arrivals []time.Time // of the requests that were not rejected
	rejected []time.Time
}

func (p *throttled) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	time.Sleep(rand.N(p.window / 200))
	remaining, ok := p.take(time.Now())
	time.Sleep(rand.N(p.window / 200))
	w.Header().Set("X-Ratelimit-Limit", strconv.Itoa(p.limit))
	w.Header().Set("X-Ratelimit-Remaining", strconv.Itoa(remaining))
	if !ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(p.window/time.Second)))
		respond(w, http.StatusTooManyRequests, `{"message":"Too Many Attempts."}`)
		return
	}
	respond(w, http.StatusOK, `{"data":{"id":`+path.Base(r.URL.Path)+`}}`)
}

func (p *throttled) take(now time.Time) (remaining int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.began) >= p.window {
		p.began, p.count = now, 0
	}
	if p.count == p.limit {
		p.rejected = append(p.rejected, now)
		return 0, false
	}
	p.count++
	p.arrivals = append(p.arrivals, now)
	return p.limit - p.count, true
}

// check reports the 429 outside of the given times, and windows with more than the limit.
func (p *throttled) check(t *testing.T, allowed ...time.Time) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range p.rejected {
		if !slices.ContainsFunc(allowed, func(from time.Time) bool { return at.After(from) && at.Before(from.Add(p.window)) }) {
			t.Errorf("a 429 at %v", at)
		}
	}
	for i, first := range p.arrivals {
		if end, _ := slices.BinarySearchFunc(p.arrivals, first.Add(p.window), time.Time.Compare); len(allowed) == 0 && end-i > p.limit {
			t.Fatalf("%d requests in a window", end-i)
		}
	}
}

// used returns the part of the limit that was used after the first window.
func (p *throttled) used() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	limits := len(p.arrivals)/p.limit - 2
	if limits < 1 {
		return 0
	}
	took := p.arrivals[(limits+1)*p.limit].Sub(p.arrivals[p.limit])
	return float64(limits) * float64(p.window) / float64(took)
}

// quotaFleet runs replicas in front of the Pelcro, with its limit and a common Redis.
func quotaFleet(t *testing.T, p *throttled, replicas int, redis *testkit.Redis) []*testkit.Process {
	t.Helper()
	upstream := httptest.NewServer(p)
	t.Cleanup(upstream.Close)
	fleet := make([]*testkit.Process, replicas)
	for i := range fleet {
		fleet[i] = run(t, upstream.URL, withKey, "--redis-url="+redis.URL(), fmt.Sprintf("--rate-limit=%d/%v", p.limit, p.window))
	}
	return fleet
}

// offer sends calls to the replicas in turn, so many times the limit, and returns how many failed
// otherwise than by the quota, and how many by it.
func offer(t *testing.T, p *throttled, fleet []*testkit.Process, times float64, lasts, deadline time.Duration) (failed, limited int64) {
	t.Helper()
	var clients []pelcrov1.CustomerServiceClient
	for _, replica := range fleet {
		clients = append(clients, pelcrov1.NewCustomerServiceClient(gatewaytest.Dial(t, replica.Address)))
	}
	var calls sync.WaitGroup
	var failures, rejections atomic.Int64
	interval := time.NewTicker(time.Duration(float64(p.window) / times / float64(p.limit)))
	defer interval.Stop()
	end := time.Now().Add(lasts)
	for i := 0; time.Now().Before(end); i++ {
		<-interval.C
		calls.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			_, err := clients[i%len(clients)].GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: int64(1000 + i)})
			switch status.Code(err) {
			case codes.OK, codes.DeadlineExceeded: // its slot was too late for the response
			case codes.ResourceExhausted:
				rejections.Add(1)
			default:
				if failures.Add(1) <= 3 {
					t.Log(err)
				}
			}
		})
	}
	calls.Wait()
	return failures.Load(), rejections.Load()
}

// However many replicas share a quota and whatever is offered: Pelcro rejects nothing, no window of
// it gets more than the limit, and little is left unused. A round in which the machine was too busy
// for Redis to respond within 50 ms shows something else, and is repeated.
func TestR06OneQuota(t *testing.T) {
	if !soaking {
		t.Skip("internal/quota has the simulation; this is the real run of the soak")
	}
	for _, replicas := range []int{1, 2, 4} {
		for _, times := range []float64{.5, 1, 3, 10} {
			t.Run(fmt.Sprintf("%v times the limit on %d replicas", times, replicas), func(t *testing.T) {
				for range 5 {
					p := &throttled{limit: 200, window: 4 * time.Second} // this machine's own delays are small beside it
					fleet := quotaFleet(t, p, replicas, testkit.StartRedis(t))
					failed, limited := offer(t, p, fleet, times, 6*p.window, p.window)
					t.Logf("%.1f %% of the quota used, %d calls rejected, %d responses were 429", 100*p.used(), limited, len(p.rejected))
					if slices.ContainsFunc(fleet, func(p *testkit.Process) bool { return strings.Contains(p.Log.String(), "Redis is unavailable") }) {
						t.Log("Redis was slow")
						continue
					}
					p.check(t)
					if failed > 0 {
						t.Errorf("%d calls failed", failed)
					}
					if times >= 3 && p.used() < .97 {
						t.Errorf("%.1f %% of the quota used", 100*p.used())
					}
					return
				}
				t.Error("the machine was too busy in each round")
			})
		}
	}
}

// Redis is killed, restarted without its data, frozen and continued: no call fails because of it,
// and Pelcro sends a 429 only in the first window after.
func TestR07RedisFails(t *testing.T) {
	if !soaking {
		t.Skip("internal/quota has the same without the service; this is the real run of the soak")
	}
	redis := testkit.StartRedis(t)
	p := &throttled{limit: 100, window: 2 * time.Second}
	fleet := quotaFleet(t, p, 2, redis)
	var events []time.Time
	steps := []func(){
		redis.Kill,
		redis.Restart,
		func() { redis.Signal(t, syscall.SIGSTOP) },
		func() { redis.Signal(t, syscall.SIGCONT) },
	}
	for _, step := range steps {
		step()
		events = append(events, time.Now())
		// The deadline is for a busy machine: the quota is enough for these calls.
		if failed, limited := offer(t, p, fleet, .5, 10*p.window, testkit.Timeout); failed+limited > 0 {
			t.Errorf("step %d: %d calls failed, %d were rejected", len(events), failed, limited)
		}
	}
	p.check(t, events...)
}
