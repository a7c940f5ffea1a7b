package promises_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// tally counts how calls ended.
type tally struct {
	mu                 sync.Mutex
	accepted, rejected []time.Duration
	others             map[string]int
}

func (c *tally) call(t *testing.T, g *gateway) {
	begin := time.Now()
	_, err := g.customers.GetCustomer(t.Context(), getRequest(42))
	took := time.Since(begin)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		c.accepted = append(c.accepted, took)
	case status.Code(err) == codes.ResourceExhausted && reasonOf(err) == "GATEWAY_OVERLOADED":
		c.rejected = append(c.rejected, took)
	default:
		if c.others == nil {
			c.others = map[string]int{}
		}
		c.others[fmt.Sprint(err)]++
	}
}

// With three times the load that the limit of concurrent calls allows, the throughput is
// the same as without the excess, and no rejected call reaches Pelcro.
func TestR23OverloadSheds(t *testing.T) {
	const latency = 50 * time.Millisecond // of Pelcro
	limit := scaled(40, 10)
	var upstream atomic.Int64
	g := start(t, noUpstream, withTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		upstream.Add(1)
		<-time.After(latency)
		return successResponse(r), nil
	})), func(c *config) { c.server.MaxConcurrentCalls = limit })

	// The capacity: as many clients as concurrent calls.
	var capacity tally
	var clients sync.WaitGroup
	begin := time.Now()
	for range limit {
		clients.Go(func() {
			for time.Since(begin) < scaled(5*time.Second, 500*time.Millisecond) {
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
	length := scaled(20*time.Second, 1500*time.Millisecond)
	health := healthpb.NewHealthClient(g.conn)
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
	if share := scaled(0.9, 0.2); goodput < share*perSecond {
		t.Errorf("the goodput is %.0f/s, want %.0f %% of %.0f/s", goodput, 100*share, perSecond)
	}
	if load.others != nil || len(load.rejected) == 0 {
		t.Errorf("%d were rejected; other ends: %v", len(load.rejected), load.others)
	}
	if n := upstream.Load(); n != int64(len(load.accepted)) {
		t.Errorf("%d upstream calls for %d accepted ones", n, len(load.accepted))
	}
	if soaking {
		if p99 := percentile(load.accepted, 99); p99 > 2*percentile(capacity.accepted, 99) {
			t.Errorf("the accepted calls took %v at the 99th percentile", p99)
		}
		if p50 := percentile(load.rejected, 50); p50 > 5*time.Millisecond {
			t.Errorf("the rejections took %v at the median", p50)
		}
	}
}
