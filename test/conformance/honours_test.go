//go:build e2e

package conformance_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// honours reports what the language's library honours of the service config, each
// part tried.
func (l language) honours(t *testing.T, gateway string) map[string]bool {
	t.Helper()
	ends, explained := l.limits(t, gateway)
	return map[string]bool{
		"healthCheckConfig": l.checksHealth(t),
		"retryPolicy, and its trailer grpc-retry-pushback-ms": l.waits(t, gateway),
		"retryPolicy":                       l.retries(t, gateway, serviceConfig(t)) == 12,
		"retryThrottling":                   l.retries(t, gateway, changedConfig(t, throttle, throttle)) < 12,
		"timeout":                           ends,
		"timeout, also sent to the service": explained,
	}
}

// gets are calls that get a customer.
func gets(times int) []request {
	calls := make([]request, times)
	for i := range calls {
		calls[i] = request{Name: "get", Operation: "GetCustomer", ID: int64(firstID + i)}
	}
	return calls
}

// checksHealth reports whether a server that says it does not serve gets no calls.
func (l language) checksHealth(t *testing.T) bool {
	t.Helper()
	var seen atomic.Int64
	grpcServer := grpc.NewServer(grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error {
		seen.Add(1)
		return status.Error(codes.FailedPrecondition, "called although it does not serve")
	}))
	checks := health.NewServer()
	checks.SetServingStatus(pelcrov1.CustomerService_ServiceDesc.ServiceName, healthv1.HealthCheckResponse_NOT_SERVING)
	healthv1.RegisterHealthServer(grpcServer, checks)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go grpcServer.Serve(listener)
	defer grpcServer.Stop()
	l.call(t, listener.Addr().String(), serviceConfig(t), gets(3))
	return seen.Load() == 0
}

// retries returns how many requests Pelcro sees of 4 gets that it refuses.
func (l language) retries(t *testing.T, gateway, config string) int64 {
	t.Helper()
	var seen atomic.Int64
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		seen.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer upstream.Close()
	l.call(t, serve(t, gateway, upstream.URL), config, gets(4))
	return seen.Load()
}

// waits reports whether the client attempts as often as the retry policy says, but
// waits as long as the service says, which is longer.
func (l language) waits(t *testing.T, gateway string) bool {
	t.Helper()
	var mu sync.Mutex
	var seen []time.Time
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, time.Now())
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer upstream.Close()
	l.call(t, serve(t, gateway, upstream.URL), serviceConfig(t), gets(1))
	mu.Lock()
	defer mu.Unlock()
	return len(seen) == 3 && seen[1].Sub(seen[0]) > 900*time.Millisecond && seen[2].Sub(seen[1]) > 900*time.Millisecond
}

// limits reports whether a timeout ends a call whose own deadline is longer, and
// whether the service knows it, so that its reason arrives first.
func (l language) limits(t *testing.T, gateway string) (ends, explained bool) {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer upstream.Close()
	address := serve(t, gateway, upstream.URL)
	// The service answers 50 ms before the deadline, which a busy machine may need for
	// itself: one answer with the reason proves that the deadline arrived.
	for range 4 {
		began := time.Now()
		answers := l.call(t, address, changedConfig(t, `"10s"`, `"2s"`), gets(1))
		early := time.Since(began) < deadline
		ends = ends || early && answers[0].Code == "DEADLINE_EXCEEDED"
		if explained = early && answers[0].Reason == "CALLER_DEADLINE_EXCEEDED"; explained {
			break
		}
	}
	return ends, explained
}
