package promises_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/retry"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
	"github.com/pelcro-grpc/pelcro-grpc/test/faultproxy"
)

// retryEverything is a client whose service config retries every code that it can; the
// library obeys the pushback.
func retryEverything(c *gatewaytest.Config) {
	c.Dial = append(c.Dial, grpc.WithDefaultServiceConfig(`{"methodConfig": [{
		"name": [{"service": "pelcro.v1.CustomerService"}],
		"retryPolicy": {
			"maxAttempts": 5, "initialBackoff": "0.001s", "maxBackoff": "0.001s", "backoffMultiplier": 1,
			"retryableStatusCodes": ["UNAVAILABLE", "UNKNOWN", "INTERNAL", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"]
		}
	}]}`))
}

// retryByCode is a client that retries by the code alone and ignores the pushback.
func retryByCode(options ...retry.CallOption) func(*gatewaytest.Config) {
	options = append(options, retry.WithMax(5), retry.WithBackoff(retry.BackoffLinear(time.Millisecond)))
	return func(c *gatewaytest.Config) {
		c.Dial = append(c.Dial, grpc.WithUnaryInterceptor(retry.UnaryClientInterceptor(options...)))
	}
}

// attempts counts the attempts of a client.
type attempts struct {
	stats.Handler
	n atomic.Int64
}

func (a *attempts) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (a *attempts) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (a *attempts) HandleConn(context.Context, stats.ConnStats)                       {}
func (a *attempts) HandleRPC(_ context.Context, s stats.RPCStats) {
	if _, ok := s.(*stats.OutHeader); ok {
		a.n.Add(1)
	}
}

func (a *attempts) watch(c *gatewaytest.Config) { c.Dial = append(c.Dial, grpc.WithStatsHandler(a)) }

// unknownOutcome are the statuses after which a create may have happened.
var unknownOutcome = []int{408, 499, 502, 503, 504, 509, 511, 520, 522, 524, 527, 529, 598, 599}

// lostResponses are the ways to lose the response to a create, except a Pelcro that does not respond.
var lostResponses = []faultproxy.Fault{
	faultproxy.ResetAfterRequest(),
	faultproxy.ResetAfterUpstream(),
	faultproxy.Truncate(20),
	faultproxy.TruncateBody(5),
	faultproxy.TruncateBodyReset(5),
	faultproxy.Garbage(""),
	faultproxy.Garbage("nonsense\r\n\r\n"),
}

// No retry policy of a client repeats a create that may have happened.
func TestR27CreateIsNotRetried(t *testing.T) {
	parallelUnlessSoaking(t)
	for _, client := range []struct {
		name   string
		policy func(*gatewaytest.Config)
	}{
		{"service config", retryEverything},
		{"go-grpc-middleware with its codes", retryByCode()},
		{"go-grpc-middleware on UNAVAILABLE", retryByCode(retry.WithCodes(codes.Unavailable))},
	} {
		t.Run(client.name, func(t *testing.T) {
			var next atomic.Int64 // the status of the next response
			proxy := faultproxy.New(t, upstreamOf(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", "0") // invites a retry
				respond(w, int(next.Load()), aCustomer)
			}))
			g := start(t, proxy.URL(), client.policy, withoutBreaker)
			// For a Pelcro that does not respond.
			impatient := start(t, proxy.URL(), client.policy, withoutBreaker, timeout(300*time.Millisecond))
			create := func(g *service, name, outcome string) {
				t.Helper()
				before := proxy.Counts().Requests
				err := untilSent(t, func() error { return g.create(t.Context(), "new@example.com") })
				_ = proxy.WaitFor(t.Context(), func(c faultproxy.Counts) bool { return c.Requests > before })
				if n := proxy.Counts().Requests - before; n != 1 {
					t.Errorf("%s: %d requests", name, n)
				}
				if reason := gatewaytest.Reason(err); reason != "PELCRO_OUTCOME_UNKNOWN" || status.Code(err) != codes.Internal || outcomeOf(err) != outcome {
					t.Errorf("%s: %v %s %s", name, err, reason, outcomeOf(err))
				}
			}
			for range scaled(20, 1) {
				for _, code := range unknownOutcome {
					next.Store(int64(code))
					create(g, strconv.Itoa(code), "unknown")
				}
				next.Store(201)
				for _, fault := range lostResponses {
					proxy.Set(fault)
					create(g, fault.String(), "unknown")
				}
				// The connection closes when it is reused.
				proxy.Set(faultproxy.CloseOnReuse())
				if err := g.create(t.Context(), "new@example.com"); err != nil {
					t.Error(err)
				}
				create(g, "CloseOnReuse", "unknown")
				proxy.Set(faultproxy.BlackHole())
				create(impatient, "BlackHole", "unknown")
				proxy.Set(faultproxy.None())
			}
		})
	}
}

// Reads are retried if the client's policy says so.
func TestR27ReadIsRetried(t *testing.T) {
	parallelUnlessSoaking(t)
	var client attempts
	var requests, failures atomic.Int64
	g := start(t, upstreamOf(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		if failures.Add(-1) >= 0 {
			respond(w, 503, `{"message":"Service Unavailable"}`)
			return
		}
		respond(w, 200, aCustomer)
	}), retryEverything, client.watch)

	failures.Store(1 << 30)
	begin := time.Now()
	if err := g.get(t.Context(), 42); status.Code(err) != codes.Unavailable {
		t.Error(err)
	}
	// The service's own retries are limited by their budget: three, and one more after each second.
	if n := client.n.Swap(0); n < 2 || n > 5 {
		t.Errorf("%d attempts of the client", n)
	}
	if n := requests.Load(); n > 5+3+int64(time.Since(begin)/time.Second) {
		t.Errorf("%d requests", n)
	}
	failures.Store(3)
	if err := g.get(t.Context(), 42); err != nil {
		t.Error(err)
	}
}

// A client waits for Pelcro's delay if its deadline allows that.
func TestR27RateLimited(t *testing.T) {
	parallelUnlessSoaking(t)
	for _, wait := range []time.Duration{time.Second, 30 * time.Second} {
		t.Run(fmt.Sprint(wait), func(t *testing.T) {
			t.Parallel()
			var client attempts
			var rejected atomic.Bool
			g := start(t, upstreamOf(t, func(w http.ResponseWriter, _ *http.Request) {
				if rejected.Swap(true) {
					respond(w, 201, aCustomer)
					return
				}
				w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)))
				respond(w, 429, `{"message":"Too Many Attempts."}`)
			}), retryEverything, client.watch)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			begin := time.Now()
			err := g.create(ctx, "new@example.com") // safe to retry, because Pelcro rejected it
			took := time.Since(begin)
			if wait < 20*time.Second {
				if err != nil || client.n.Load() != 2 || took < wait || soaking && took > wait+200*time.Millisecond {
					t.Errorf("%d attempts within %v: %v", client.n.Load(), took, err)
				}
				return
			}
			delay := gatewaytest.Detail[*errdetails.RetryInfo](err).GetRetryDelay().AsDuration()
			if gatewaytest.Reason(err) != "PELCRO_RATE_LIMITED" || delay != wait || client.n.Load() != 1 || soaking && took > 200*time.Millisecond {
				t.Errorf("%d attempts within %v: %v, delay %v", client.n.Load(), took, err, delay)
			}
		})
	}
}
