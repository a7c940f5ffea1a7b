package promises_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// holdingUpstream holds creates and calls for customer 42 until they are released; it
// responds to all others immediately.
type holdingUpstream struct {
	arrived  chan struct{}
	released chan struct{}
	others   atomic.Int64
}

func newHoldingUpstream() *holdingUpstream {
	return &holdingUpstream{arrived: make(chan struct{}, 1000), released: make(chan struct{})}
}

func (h *holdingUpstream) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPost && !strings.HasSuffix(r.URL.Path, "/42") {
		h.others.Add(1)
		return successResponse(r), nil
	}
	h.arrived <- struct{}{}
	select {
	case <-h.released:
		return successResponse(r), nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// A stop loses no accepted call, and health watchers receive NOT_SERVING before their
// connections are closed.
func TestR08StopLosesNoCall(t *testing.T) {
	parallelUnlessSoaking(t)
	for range scaled(20, 3) {
		stopUnderLoad(t, scaled(500, 150))
	}
}

func stopUnderLoad(t *testing.T, inFlight int) {
	upstream := newHoldingUpstream()
	g := start(t, noUpstream, withTransport(upstream))
	insecurely := grpc.WithTransportCredentials(insecure.NewCredentials())
	watching, endWatch := context.WithCancel(t.Context())
	defer endWatch()
	watch, err := healthpb.NewHealthClient(gatewaytest.Dial(t, g.Address, insecurely)).Watch(watching, &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := watch.Recv(); err != nil || got.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Fatal(got, err)
	}

	var clients []pelcrov1.CustomerServiceClient
	for range 4 { // a connection has at most 250 calls
		clients = append(clients, pelcrov1.NewCustomerServiceClient(gatewaytest.Dial(t, g.Address, insecurely)))
	}
	ended := make(chan error, inFlight)
	for i := range inFlight {
		client := clients[i%len(clients)]
		go func() { ended <- anyCall(context.WithoutCancel(t.Context()), client, i) }()
	}
	for range inFlight {
		testkit.Receive(t, upstream.arrived, "call at the upstream")
	}

	// These calls race with the stop: some are accepted and some are not.
	var racing sync.WaitGroup
	var succeeded atomic.Int64
	for i := range 8 {
		racing.Go(func() {
			for {
				_, err := clients[i%len(clients)].GetCustomer(t.Context(), getRequest(43))
				if err != nil {
					if status.Code(err) != codes.Unavailable {
						t.Errorf("a rejected call: %v", err)
					}
					return
				}
				succeeded.Add(1)
			}
		})
	}
	testkit.Eventually(t, "calls race with the stop", func() bool { return succeeded.Load() > 20 })

	stopped := make(chan error, 1)
	go func() { stopped <- g.Stop() }()
	if got, err := watch.Recv(); err != nil || got.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("the watcher received %v, %v", got, err)
	}
	endWatch()
	racing.Wait() // they end when the service no longer accepts calls
	close(upstream.released)
	for range inFlight {
		if err := testkit.Receive(t, ended, "end of a call"); err != nil {
			t.Errorf("an accepted call was lost: %v", err)
		}
	}
	if err := testkit.Receive(t, stopped, "end of the stop"); err != nil {
		t.Error(err)
	}
	if arrived := upstream.others.Load(); succeeded.Load() != arrived {
		t.Errorf("%d racing calls were accepted, %d of them succeeded", arrived, succeeded.Load())
	}
}

// anyCall makes one of the calls for customer 42.
func anyCall(ctx context.Context, customers pelcrov1.CustomerServiceClient, i int) (err error) {
	switch i % 4 {
	case 0:
		_, err = customers.GetCustomer(ctx, getRequest(42))
	case 1:
		_, err = customers.CreateCustomer(ctx, &pelcrov1.CreateCustomerRequest{Customer: &pelcrov1.Customer{Email: new("ada@example.com")}})
	case 2:
		_, err = customers.UpdateCustomer(ctx, &pelcrov1.UpdateCustomerRequest{Customer: &pelcrov1.Customer{Id: 42, FirstName: new("Ada")}})
	case 3:
		_, err = customers.DeleteCustomer(ctx, &pelcrov1.DeleteCustomerRequest{Id: 42})
	}
	return err
}

// A stop ends within its time limit, whatever the calls do, and each call receives an error with a
// reason.
func TestR08StopIsBounded(t *testing.T) {
	parallelUnlessSoaking(t)
	const drain = 100 * time.Millisecond
	short := func(c *gatewaytest.Config) { c.Server.DrainTimeout = drain }
	if soaking {
		upstream := newHoldingUpstream()
		if took := stopEndsCalls(t, start(t, noUpstream, withTransport(upstream), short), upstream, 200); took > drain+2*time.Second {
			t.Errorf("the stop took %v", took)
		}
		return
	}
	synctest.Test(t, func(t *testing.T) {
		upstream := newHoldingUpstream()
		if took := stopEndsCalls(t, startInMemory(t, upstream, short), upstream, 50); took != drain {
			t.Errorf("the stop took %v", took)
		}
	})
}

// stopEndsCalls stops the service while calls run, and returns how long that took.
func stopEndsCalls(t *testing.T, g *service, upstream *holdingUpstream, calls int) (took time.Duration) {
	t.Helper()
	ended := make(chan error, calls)
	for range calls {
		go func() { ended <- anyCall(context.WithoutCancel(t.Context()), g.Customers, 0) }()
	}
	for range calls {
		testkit.Receive(t, upstream.arrived, "call at the upstream")
	}
	begin := time.Now()
	if err := g.Stop(); err != nil {
		t.Error(err)
	}
	took = time.Since(begin)
	for range calls {
		if err := testkit.Receive(t, ended, "end of a call"); gatewaytest.Reason(err) != "GATEWAY_SHUTTING_DOWN" {
			t.Errorf("a call that was ended: %v", err)
		}
	}
	return took
}
