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

// supportedParts reports which parts of the service config the language's library
// supports, each part tried.
func (l language) supportedParts(t *testing.T, gateway string) map[string]bool {
	t.Helper()
	ends, sent := l.timeout(t)
	return map[string]bool{
		"healthCheckConfig": l.checksHealth(t),
		"retryPolicy, and its trailer grpc-retry-pushback-ms": l.waits(t, gateway),
		"retryPolicy":                       l.retries(t, gateway, serviceConfig(t)) == 12,
		"retryThrottling":                   l.retries(t, gateway, changedConfig(t, throttle, throttle)) < 12,
		"timeout":                           ends,
		"timeout, also sent to the service": sent,
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

// checksHealth reports whether a server that reports NOT_SERVING receives no calls.
func (l language) checksHealth(t *testing.T) bool {
	t.Helper()
	var received atomic.Int64
	grpcServer := grpc.NewServer(grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error {
		received.Add(1)
		return status.Error(codes.FailedPrecondition, "called although it reports NOT_SERVING")
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
	return received.Load() == 0
}

// retries returns how many requests Pelcro receives for 4 gets that it rejects.
func (l language) retries(t *testing.T, gateway, config string) int64 {
	t.Helper()
	var received atomic.Int64
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		received.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer upstream.Close()
	l.call(t, serve(t, gateway, upstream.URL), config, gets(4))
	return received.Load()
}

// waits reports whether the client makes all attempts of the retry policy, but waits
// for the service's longer delay before each.
func (l language) waits(t *testing.T, gateway string) bool {
	t.Helper()
	var mu sync.Mutex
	var received []time.Time
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		received = append(received, time.Now())
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer upstream.Close()
	l.call(t, serve(t, gateway, upstream.URL), serviceConfig(t), gets(1))
	mu.Lock()
	defer mu.Unlock()
	return len(received) == 3 && received[1].Sub(received[0]) > 900*time.Millisecond && received[2].Sub(received[1]) > 900*time.Millisecond
}

// timeout reports whether the timeout of 4 s ends a call whose own deadline is 10 s, and whether it is
// also sent to the service. Both are seen by the server, so the start of the client's process, which
// may take seconds, does not count.
func (l language) timeout(t *testing.T) (ends, sent bool) {
	t.Helper()
	const halfway = 7 * time.Second // between both limits
	var mu sync.Mutex
	var lasted time.Duration // 0 if the call ended before it arrived, which C-core's early timeouts can do
	grpcServer := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		if method, _ := grpc.MethodFromServerStream(stream); method != pelcrov1.CustomerService_GetCustomer_FullMethodName {
			return status.Error(codes.Unimplemented, "only GetCustomer") // a server without health counts as healthy
		}
		began := time.Now()
		until, ok := stream.Context().Deadline()
		<-stream.Context().Done()
		mu.Lock()
		defer mu.Unlock()
		lasted, sent = time.Since(began), ok && until.Sub(began) < halfway
		return stream.Context().Err()
	}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go grpcServer.Serve(listener)
	responses := l.call(t, listener.Addr().String(), changedConfig(t, `"10s"`, `"4s"`), gets(1))
	grpcServer.GracefulStop()
	mu.Lock()
	defer mu.Unlock()
	return lasted < halfway && responses[0].Code == "DEADLINE_EXCEEDED", sent
}
