package promises_test

import (
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

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// tally counts how calls ended.
type tally struct {
	mu                 sync.Mutex
	accepted, rejected []time.Duration
	others             map[string]int
}

func (c *tally) call(t *testing.T, g *service) {
	begin := time.Now()
	_, err := g.Customers.GetCustomer(t.Context(), getRequest(42))
	took := time.Since(begin)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		c.accepted = append(c.accepted, took)
	case status.Code(err) == codes.ResourceExhausted && gatewaytest.Reason(err) == "GATEWAY_OVERLOADED":
		c.rejected = append(c.rejected, took)
	default:
		if c.others == nil {
			c.others = map[string]int{}
		}
		c.others[fmt.Sprint(err)]++
	}
}

// While as many calls run as the limit allows, each further call is rejected before it reaches
// Pelcro, health checks are served, and the running calls succeed.
func TestR23ExcessIsRejected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit, excess = 10, 50
		upstream := newHoldingUpstream()
		g := startInMemory(t, upstream, func(c *gatewaytest.Config) { c.Server.MaxConcurrentCalls = limit })
		var accepted, rejected tally
		var running sync.WaitGroup
		for range limit {
			running.Go(func() { accepted.call(t, g) })
			testkit.Receive(t, upstream.arrived, "call at the upstream")
		}
		each(excess, 10, func(int) { rejected.call(t, g) })
		got, err := healthpb.NewHealthClient(g.Conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
		if err != nil || got.GetStatus() != serving {
			t.Errorf("health: %v, %v", got, err)
		}
		close(upstream.released)
		running.Wait()
		if len(rejected.rejected) != excess || len(upstream.arrived) != 0 {
			t.Errorf("%d of %d were rejected, %d reached Pelcro: %v", len(rejected.rejected), excess, len(upstream.arrived), rejected.others)
		}
		if len(accepted.accepted) != limit {
			t.Errorf("%d of %d succeeded: %v", len(accepted.accepted), limit, accepted.others)
		}
	})
}

// With three times the load that the limit of concurrent calls allows, the throughput is
// the same as without the excess, and no rejected call reaches Pelcro.
func TestR23Throughput(t *testing.T) {
	if !soaking {
		t.Skip("it compares throughput, so it is a part of make soak")
	}
	const latency = 50 * time.Millisecond // of Pelcro
	limit := 40
	var upstream atomic.Int64
	g := start(t, noUpstream, withTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		upstream.Add(1)
		<-time.After(latency)
		return successResponse(r), nil
	})), func(c *gatewaytest.Config) { c.Server.MaxConcurrentCalls = limit })

	// The capacity: as many clients as concurrent calls.
	var capacity tally
	var clients sync.WaitGroup
	begin := time.Now()
	for range limit {
		clients.Go(func() {
			for time.Since(begin) < 5*time.Second {
				capacity.call(t, g)
			}
		})
	}
	clients.Wait()
	perSecond := float64(len(capacity.accepted)) / time.Since(begin).Seconds()
	if len(capacity.rejected) > len(capacity.accepted)/20 || capacity.others != nil {
		t.Errorf("at the limit: %d of %d were rejected; %v", len(capacity.rejected), len(capacity.accepted), capacity.others)
	}
	upstream.Store(0)

	// The load does not wait for earlier calls.
	var load tally
	var calls sync.WaitGroup
	const length = 20 * time.Second
	health := healthpb.NewHealthClient(g.Conn)
	checks := 0
	offered := 0
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	for begin = time.Now(); time.Since(begin) < length; {
		<-pace.C
		for due := int(3 * perSecond * time.Since(begin).Seconds()); offered < due; offered++ {
			calls.Go(func() { load.call(t, g) })
		}
		if due := int(time.Since(begin) / (100 * time.Millisecond)); checks < due {
			checks++
			calls.Go(func() {
				got, err := health.Check(t.Context(), &healthpb.HealthCheckRequest{})
				if err != nil || got.GetStatus() != healthpb.HealthCheckResponse_SERVING {
					t.Errorf("health: %v, %v", got, err)
				}
			})
		}
	}
	took := time.Since(begin)
	calls.Wait()
	goodput := float64(len(load.accepted)) / took.Seconds()
	t.Logf("capacity %.0f/s; offered %.0f/s, goodput %.0f/s (%.1f %%); accepted p99 %v, unloaded %v; %d rejected, p50 %v, p99 %v; %d health checks",
		perSecond, float64(offered)/took.Seconds(), goodput, 100*goodput/perSecond,
		percentile(load.accepted, 99), percentile(capacity.accepted, 99),
		len(load.rejected), percentile(load.rejected, 50), percentile(load.rejected, 99), checks)
	if goodput < 0.9*perSecond {
		t.Errorf("the goodput is %.0f/s, want 90 %% of %.0f/s", goodput, perSecond)
	}
	if load.others != nil || len(load.rejected) == 0 {
		t.Errorf("%d were rejected; other ends: %v", len(load.rejected), load.others)
	}
	if n := upstream.Load(); n != int64(len(load.accepted)) {
		t.Errorf("%d upstream calls for %d accepted ones", n, len(load.accepted))
	}
	if p99 := percentile(load.accepted, 99); p99 > 2*percentile(capacity.accepted, 99) {
		t.Errorf("the accepted calls took %v at the 99th percentile", p99)
	}
	if p50 := percentile(load.rejected, 50); p50 > 5*time.Millisecond {
		t.Errorf("the rejections took %v at the median", p50)
	}
}
