//go:build e2e

package e2e_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// A webhook is called for each new customer while the create still waits.
type webhook struct {
	url      string
	received chan struct{}
	release  context.CancelFunc
}

func startWebhook(t *testing.T) *webhook {
	t.Helper()
	ctx, release := context.WithCancel(t.Context())
	w := &webhook{received: make(chan struct{}, 1), release: release}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		w.received <- struct{}{}
		select {
		case <-ctx.Done():
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() {
		release()
		server.Close()
	})
	w.url = server.URL
	return w
}

// startCreate starts a create and returns the channel of its result.
func startCreate(t *testing.T, g *gateway, email string) <-chan result {
	t.Helper()
	results := make(chan result, 1)
	go func() {
		_, got := call(t, g, g.customers.CreateCustomer, newCustomer(&pelcrov1.Customer{Email: new(email)}))
		results <- got
	}()
	return results
}

func mustHaveUnknownOutcome(t *testing.T, got result) {
	t.Helper()
	got.must(t, "INTERNAL", "PELCRO_OUTCOME_UNKNOWN")
	got.mustNotLeak(t)
	if got.info["outcome"] != "unknown" || got.pushback != "-1" || got.retryDelay != 0 {
		t.Errorf("metadata %v, pushback %q, delay %v", got.info, got.pushback, got.retryDelay)
	}
}

// found counts the customers with this email, as a caller does after
// PELCRO_OUTCOME_UNKNOWN.
func found(t *testing.T, g *gateway, email string) int {
	t.Helper()
	response, got := call(t, g, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{
		Filters: []*pelcrov1.CustomerFilter{{Attribute: "email", Values: []string{email}}},
	})
	got.must(t, "OK", "")
	return len(response.GetCustomers())
}

// A create loses its response. The caller receives the same whether the customer exists
// or not, because the gateway cannot know.
func TestCreateWithoutResponse(t *testing.T) {
	t.Parallel()
	const email = "middle@example.com"
	t.Run("after the insert", func(t *testing.T) {
		hook := startWebhook(t)
		l := startLaravel(t, "PELCRO_WEBHOOK="+hook.url)
		results := startCreate(t, startGateway(t, l.url, gatewaySettings{direct: true}), email)
		<-hook.received
		l.kill(t)
		mustHaveUnknownOutcome(t, <-results)

		after := startGateway(t, startLaravelIn(t, l.storage).url, gatewaySettings{})
		if n := found(t, after, email); n != 1 {
			t.Errorf("%d customers", n)
		}
		_, got := call(t, after, after.customers.CreateCustomer, newCustomer(&pelcrov1.Customer{Email: new(email)}))
		got.must(t, "INVALID_ARGUMENT", "PELCRO_VALIDATION_FAILED")
	})
	t.Run("before the insert", func(t *testing.T) {
		l := startLaravel(t)
		l.signal(t, syscall.SIGSTOP) // its kernel still accepts connections
		g := startGateway(t, l.url, gatewaySettings{})
		results := startCreate(t, g, email)
		<-g.recorder.arrived // the gateway has sent the request
		l.kill(t)
		mustHaveUnknownOutcome(t, <-results)

		after := startGateway(t, startLaravelIn(t, l.storage).url, gatewaySettings{})
		if n := found(t, after, email); n != 0 {
			t.Errorf("%d customers", n)
		}
		_, got := call(t, after, after.customers.CreateCustomer, newCustomer(&pelcrov1.Customer{Email: new(email)}))
		got.must(t, "OK", "")
	})
	t.Run("nginx timed out before Laravel responded", func(t *testing.T) {
		hook := startWebhook(t)
		l := startLaravel(t, "PELCRO_WEBHOOK="+hook.url)
		g := startGateway(t, startNginx(t, l.url, shortReadTimeout), gatewaySettings{})
		results := startCreate(t, g, email)
		<-hook.received
		mustHaveUnknownOutcome(t, <-results)
		hook.release()
		if n := found(t, startGateway(t, l.url, gatewaySettings{}), email); n != 1 {
			t.Errorf("%d customers", n)
		}
	})
	t.Run("the gateway timed out before Laravel responded", func(t *testing.T) {
		hook := startWebhook(t)
		l := startLaravel(t, "PELCRO_WEBHOOK="+hook.url)
		g := startGateway(t, l.url, gatewaySettings{flags: []string{"--request-timeout=3s"}})
		results := startCreate(t, g, email)
		<-hook.received
		mustHaveUnknownOutcome(t, <-results)
		hook.release()
		if n := found(t, startGateway(t, l.url, gatewaySettings{}), email); n != 1 {
			t.Errorf("%d customers", n)
		}
	})
}

// Laravel does not run, or does not respond: the error of a request that was not sent
// says so.
func TestNoResponse(t *testing.T) {
	t.Parallel()
	t.Run("connection refused", func(t *testing.T) {
		l := startLaravel(t)
		l.kill(t)
		g := startGateway(t, l.url, gatewaySettings{direct: true})
		for _, operation := range []string{get, list, create, update, remove} {
			t.Run(operation, func(t *testing.T) {
				got := act(t, g, operation, 1001, 0)
				got.must(t, "UNAVAILABLE", "PELCRO_UNREACHABLE")
				got.mustNotLeak(t)
				if got.info["outcome"] != "notSent" || got.pushback != "" {
					t.Errorf("metadata %v, pushback %q", got.info, got.pushback)
				}
			})
		}
	})
	t.Run("no response", func(t *testing.T) {
		l := startLaravel(t)
		l.signal(t, syscall.SIGSTOP)
		g := startGateway(t, l.url, gatewaySettings{flags: []string{"--request-timeout=1s", "--no-circuit-breaker"}})
		for operation, want := range map[string][2]string{
			get: {"UNAVAILABLE", "PELCRO_TIMEOUT"}, list: {"UNAVAILABLE", "PELCRO_TIMEOUT"}, create: {"INTERNAL", "PELCRO_OUTCOME_UNKNOWN"},
			update: {"UNAVAILABLE", "PELCRO_TIMEOUT"}, remove: {"UNAVAILABLE", "PELCRO_TIMEOUT"},
		} {
			t.Run(operation, func(t *testing.T) {
				got := act(t, g, operation, 1001, 0)
				got.must(t, want[0], want[1])
				got.mustNotLeak(t)
			})
		}
	})
	t.Run("the caller's deadline", func(t *testing.T) {
		l := startLaravel(t)
		l.signal(t, syscall.SIGSTOP)
		g := startGateway(t, l.url, gatewaySettings{direct: true})
		// The service responds 50 ms before the deadline, which a busy machine may not keep:
		// one error of the service proves that it keeps to the caller's deadline.
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := g.customers.GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: 1001})
			cancel()
			if status.Code(err) != codes.DeadlineExceeded {
				t.Fatal(err)
			}
			if len(status.Convert(err).Details()) > 0 {
				read(t, err, nil).must(t, "DEADLINE_EXCEEDED", "CALLER_DEADLINE_EXCEEDED")
				return
			}
		}
		t.Error("every call ended before the service's error arrived")
	})
	t.Run("a late response within the time limit", func(t *testing.T) {
		l := startLaravel(t)
		l.signal(t, syscall.SIGSTOP)
		g := startGateway(t, l.url, gatewaySettings{})
		results := make(chan result, 1)
		go func() { results <- act(t, g, get, 1001, 0) }()
		<-g.recorder.arrived
		l.signal(t, syscall.SIGCONT)
		(<-results).must(t, "OK", "")
	})
}
