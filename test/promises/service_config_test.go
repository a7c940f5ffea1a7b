package promises_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"

	"github.com/pelcro-grpc/pelcro-grpc/client"
	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// failingUpstream is a Pelcro that responds with 503 to its first requests and then like
// the sandbox.
type failingUpstream struct {
	times    atomic.Int64
	received atomic.Int64
	after    http.Handler
}

func (f *failingUpstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.received.Add(1)
	if f.times.Add(-1) >= 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	f.after.ServeHTTP(w, r)
}

// startWithServiceConfig starts a service without retries of its own, and connects to it
// with the service config.
func startWithServiceConfig(t *testing.T, upstream http.Handler, serviceConfig string) *service {
	t.Helper()
	httpServer := httptest.NewServer(upstream)
	t.Cleanup(httpServer.Close)
	return start(t, httpServer.URL, withServiceConfig(serviceConfig))
}

// startWithServiceConfigInMemory does the same without a network, so that a test can use the clock of
// testing/synctest.
func startWithServiceConfigInMemory(t *testing.T, upstream http.Handler, serviceConfig string) *service {
	t.Helper()
	immediately := func() time.Duration { return 0 }
	return start(t, gatewaytest.InMemoryURL, gatewaytest.InMemory(upstream, immediately), withServiceConfig(serviceConfig))
}

// withServiceConfig connects with the service config to a service without retries of its own.
func withServiceConfig(serviceConfig string) func(*gatewaytest.Config) {
	return func(c *gatewaytest.Config) {
		c.Pelcro.Retries, c.Pelcro.CircuitBreaker = 0, false
		c.Dial = append(c.Dial, grpc.WithDefaultServiceConfig(serviceConfig))
	}
}

// everyRPC calls each RPC once.
var everyRPC = map[string]func(context.Context, pelcrov1.CustomerServiceClient) error{
	"GetCustomer": func(ctx context.Context, c pelcrov1.CustomerServiceClient) error {
		_, err := c.GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: 1001})
		return err
	},
	"ListCustomers": func(ctx context.Context, c pelcrov1.CustomerServiceClient) error {
		_, err := c.ListCustomers(ctx, &pelcrov1.ListCustomersRequest{})
		return err
	},
	"BatchGetCustomers": func(ctx context.Context, c pelcrov1.CustomerServiceClient) error {
		_, err := c.BatchGetCustomers(ctx, &pelcrov1.BatchGetCustomersRequest{Ids: []int64{1001, 1002}})
		return err
	},
	"CreateCustomer": func(ctx context.Context, c pelcrov1.CustomerServiceClient) error {
		_, err := c.CreateCustomer(ctx, &pelcrov1.CreateCustomerRequest{Customer: &pelcrov1.Customer{DisplayName: new("x")}})
		return err
	},
	"UpdateCustomer": func(ctx context.Context, c pelcrov1.CustomerServiceClient) error {
		_, err := c.UpdateCustomer(ctx, &pelcrov1.UpdateCustomerRequest{Customer: &pelcrov1.Customer{Id: 1001, Title: new("x")}})
		return err
	},
	"DeleteCustomer": func(ctx context.Context, c pelcrov1.CustomerServiceClient) error {
		_, err := c.DeleteCustomer(ctx, &pelcrov1.DeleteCustomerRequest{Id: 1008})
		return err
	},
}

// Reads are retried; changes never are, whatever the status.
func TestR31_ServiceConfigRetriesReadsOnly(t *testing.T) {
	parallelUnlessSoaking(t)
	for name, call := range everyRPC {
		reads := slices.Contains([]string{"GetCustomer", "ListCustomers", "BatchGetCustomers"}, name)
		for _, test := range []struct {
			failures, wantRequests int64
			wantOK                 bool
		}{
			{0, 1, true},
			{2, 3, true},
			{9, 3, false},
		} {
			if !reads {
				test.wantRequests, test.wantOK = 1, test.failures == 0
			}
			t.Run(fmt.Sprintf("%s, %d failures", name, test.failures), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					upstream := &failingUpstream{after: sandbox.New(sandbox.Config{})}
					upstream.times.Store(test.failures)
					err := call(t.Context(), startWithServiceConfigInMemory(t, upstream, client.ServiceConfig()).Customers)
					if got := upstream.received.Load(); got != test.wantRequests || (err == nil) != test.wantOK {
						t.Errorf("Pelcro received %d requests, want %d; %v", got, test.wantRequests, err)
					}
				})
			})
		}
	}
}

// An outage is not multiplied: each failure takes one of 10 tokens, and there are no
// retries below 6.
func TestR31_ServiceConfigThrottlesRetries(t *testing.T) {
	parallelUnlessSoaking(t)
	synctest.Test(t, func(t *testing.T) {
		upstream := &failingUpstream{}
		upstream.times.Store(100)
		g := startWithServiceConfigInMemory(t, upstream, client.ServiceConfig())
		var received []int64
		for range 4 {
			if err := everyRPC["GetCustomer"](t.Context(), g.Customers); gatewaytest.Reason(err) != "PELCRO_UNAVAILABLE" {
				t.Fatal(err)
			}
			received = append(received, upstream.received.Swap(0))
		}
		if fmt.Sprint(received) != "[3 2 1 1]" {
			t.Errorf("requests a call: %v", received)
		}
	})
}

// backend is a gRPC server with a fixed health status that rejects every call.
type backend struct {
	address   string
	mu        sync.Mutex
	calls     int
	deadlines map[string]time.Duration // by method
}

func startBackend(t *testing.T, serving healthv1.HealthCheckResponse_ServingStatus) *backend {
	t.Helper()
	b := &backend{deadlines: map[string]time.Duration{}}
	grpcServer := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.calls++
		method, _ := grpc.MethodFromServerStream(stream)
		if deadline, ok := stream.Context().Deadline(); ok {
			b.deadlines[method[strings.LastIndex(method, "/")+1:]] = time.Until(deadline)
		}
		return status.Error(codes.FailedPrecondition, "the wrong backend")
	}))
	checks := health.NewServer()
	checks.SetServingStatus(pelcrov1.CustomerService_ServiceDesc.ServiceName, serving)
	healthv1.RegisterHealthServer(grpcServer, checks)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		grpcServer.Serve(listener)
	}()
	t.Cleanup(func() { grpcServer.Stop(); <-served })
	b.address = listener.Addr().String()
	return b
}

// dialAll connects to several addresses behind one name.
func dialAll(t *testing.T, config string, addresses ...string) pelcrov1.CustomerServiceClient {
	t.Helper()
	names := manual.NewBuilderWithScheme("several")
	var state resolver.State
	for _, address := range addresses {
		state.Addresses = append(state.Addresses, resolver.Address{Addr: address})
	}
	names.InitialState(state)
	conn, err := grpc.NewClient("several:///customers", grpc.WithResolvers(names),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultServiceConfig(config))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return pelcrov1.NewCustomerServiceClient(conn)
}

// A backend that does not serve receives no calls; without the health check it would
// receive half of them.
func TestR31_ServiceConfigAvoidsBackendsThatDoNotServe(t *testing.T) {
	parallelUnlessSoaking(t)
	g := startWithServiceConfig(t, sandbox.New(sandbox.Config{}), client.ServiceConfig())
	unchecked := strings.Replace(client.ServiceConfig(), "healthCheckConfig", "ignored", 1)
	for _, test := range []struct {
		name, config string
		serving      healthv1.HealthCheckResponse_ServingStatus
		used         bool
	}{
		{"not serving", client.ServiceConfig(), healthv1.HealthCheckResponse_NOT_SERVING, false},
		{"serving", client.ServiceConfig(), healthv1.HealthCheckResponse_SERVING, true},
		{"not serving, unchecked", unchecked, healthv1.HealthCheckResponse_NOT_SERVING, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			other := startBackend(t, test.serving)
			customers := dialAll(t, test.config, other.address, g.Address)
			// A backend receives calls as soon as its connection and its health are known.
			// So wait for that where it must be used, and make many calls where it must not.
			over := time.Now().Add(testkit.Timeout)
			for i := 0; i < scaled(1000, 50) || test.used && time.Now().Before(over); i++ {
				err := everyRPC["GetCustomer"](t.Context(), customers)
				other.mu.Lock()
				calls := other.calls
				other.mu.Unlock()
				if err != nil && calls == 0 && status.Code(err) != codes.DeadlineExceeded { // a busy machine may miss it
					t.Fatal(err)
				}
				if calls > 0 {
					break
				}
			}
			if used := other.calls > 0; used != test.used {
				t.Errorf("the backend was used: %v, want %v", used, test.used)
			}
		})
	}
}

// Calls are spread over all addresses.
func TestR31_ServiceConfigSpreadsCalls(t *testing.T) {
	parallelUnlessSoaking(t)
	var received [2]failingUpstream
	var addresses []string
	for i := range received {
		received[i].after = sandbox.New(sandbox.Config{})
		addresses = append(addresses, startWithServiceConfig(t, &received[i], client.ServiceConfig()).Address)
	}
	customers := dialAll(t, client.ServiceConfig(), addresses...)
	testkit.Eventually(t, "both receive calls", func() bool {
		err := everyRPC["GetCustomer"](t.Context(), customers)
		if err != nil && status.Code(err) != codes.DeadlineExceeded { // a busy machine may miss it
			t.Error(err)
		}
		return received[0].received.Load() > 0 && received[1].received.Load() > 0
	})
}

// A call without a deadline gets one, a call with a shorter one keeps it.
func TestR31_ServiceConfigSetsDeadlines(t *testing.T) {
	b := startBackend(t, healthv1.HealthCheckResponse_SERVING)
	customers := dialAll(t, client.ServiceConfig(), b.address)
	everyRPC["GetCustomer"](t.Context(), customers) // connects, which counts towards the deadline of a call
	for name, want := range map[string]time.Duration{
		"GetCustomer": 10 * time.Second, "ListCustomers": 20 * time.Second,
		"CreateCustomer": 35 * time.Second, "UpdateCustomer": 35 * time.Second, "DeleteCustomer": 35 * time.Second,
	} {
		everyRPC[name](t.Context(), customers)
		if got := b.deadlines[name]; got > want || got < want-5*time.Second {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		everyRPC[name](ctx, customers)
		cancel()
		if got := b.deadlines[name]; got > 5*time.Second {
			t.Errorf("%s with its own deadline: %v", name, got)
		}
	}
}

// A deadline from the service config is like any other to the service: the error with
// the reason arrives before it.
func TestR31_ServiceConfigDeadlineHasAReason(t *testing.T) {
	parallelUnlessSoaking(t)
	synctest.Test(t, func(t *testing.T) {
		g := startInMemory(t, roundTrip(neverRespond), withServiceConfig(client.ServiceConfig()))
		err := everyRPC["GetCustomer"](t.Context(), g.Customers)
		if status.Code(err) != codes.DeadlineExceeded || gatewaytest.Reason(err) != "CALLER_DEADLINE_EXCEEDED" {
			t.Error(err)
		}
	})
}
