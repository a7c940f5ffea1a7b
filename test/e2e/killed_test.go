//go:build e2e

package e2e_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// A webhook is told of new customers while the one who creates them still waits.
type webhook struct {
	url     string
	told    chan struct{}
	release context.CancelFunc
}

func startWebhook(t *testing.T) *webhook {
	t.Helper()
	ctx, release := context.WithCancel(t.Context())
	w := &webhook{told: make(chan struct{}, 1), release: release}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		w.told <- struct{}{}
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

// creating starts a create and returns where its answer will be.
func creating(t *testing.T, g *gateway, email string) <-chan answer {
	t.Helper()
	answers := make(chan answer, 1)
	go func() {
		_, got := call(t, g, g.customers.CreateCustomer, newCustomer(&pelcrov1.Customer{Email: new(email)}))
		answers <- got
	}()
	return answers
}

func mustBeUnknown(t *testing.T, got answer) {
	t.Helper()
	got.must(t, "INTERNAL", "PELCRO_OUTCOME_UNKNOWN")
	got.mustNotLeak(t)
	if got.info["outcome"] != "unknown" || got.pushback != "-1" || got.retryDelay != 0 {
		t.Errorf("metadata %v, pushback %q, delay %v", got.info, got.pushback, got.retryDelay)
	}
}

// found counts the customers with this email, and so answers the question that
// PELCRO_OUTCOME_UNKNOWN leaves.
func found(t *testing.T, g *gateway, email string) int {
	t.Helper()
	response, got := call(t, g, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{
		Filters: []*pelcrov1.CustomerFilter{{Attribute: "email", Values: []string{email}}},
	})
	got.must(t, "OK", "")
	return len(response.GetCustomers())
}

// Laravel dies in the middle of a create. The caller gets the same whether the
// customer is there or not, because nobody between them can know.
func TestKilledInTheMiddleOfACreate(t *testing.T) {
	t.Parallel()
	const email = "middle@example.com"
	t.Run("after the insert", func(t *testing.T) {
		hook := startWebhook(t)
		l := startLaravel(t, "PELCRO_WEBHOOK="+hook.url)
		answers := creating(t, startGateway(t, l.url, gatewaySettings{direct: true}), email)
		<-hook.told
		l.kill(t)
		mustBeUnknown(t, <-answers)

		after := startGateway(t, startLaravelIn(t, l.storage).url, gatewaySettings{})
		if n := found(t, after, email); n != 1 {
			t.Errorf("%d customers", n)
		}
		_, got := call(t, after, after.customers.CreateCustomer, newCustomer(&pelcrov1.Customer{Email: new(email)}))
		got.must(t, "INVALID_ARGUMENT", "PELCRO_VALIDATION_FAILED")
	})
	t.Run("before the insert", func(t *testing.T) {
		l := startLaravel(t)
		l.signal(t, syscall.SIGSTOP) // its kernel still takes connections
		g := startGateway(t, l.url, gatewaySettings{})
		answers := creating(t, g, email)
		<-g.recorder.arrived // so the gateway has sent it
		l.kill(t)
		mustBeUnknown(t, <-answers)

		after := startGateway(t, startLaravelIn(t, l.storage).url, gatewaySettings{})
		if n := found(t, after, email); n != 0 {
			t.Errorf("%d customers", n)
		}
		_, got := call(t, after, after.customers.CreateCustomer, newCustomer(&pelcrov1.Customer{Email: new(email)}))
		got.must(t, "OK", "")
	})
	t.Run("nginx gave up before Laravel did", func(t *testing.T) {
		hook := startWebhook(t)
		l := startLaravel(t, "PELCRO_WEBHOOK="+hook.url)
		g := startGateway(t, startNginx(t, l.url, impatient), gatewaySettings{})
		answers := creating(t, g, email)
		<-hook.told
		mustBeUnknown(t, <-answers)
		hook.release()
		if n := found(t, startGateway(t, l.url, gatewaySettings{}), email); n != 1 {
			t.Errorf("%d customers", n)
		}
	})
	t.Run("the gateway gave up before Laravel did", func(t *testing.T) {
		hook := startWebhook(t)
		l := startLaravel(t, "PELCRO_WEBHOOK="+hook.url)
		g := startGateway(t, l.url, gatewaySettings{flags: []string{"--request-timeout", "3s"}})
		answers := creating(t, g, email)
		<-hook.told
		mustBeUnknown(t, <-answers)
		hook.release()
		if n := found(t, startGateway(t, l.url, gatewaySettings{}), email); n != 1 {
			t.Errorf("%d customers", n)
		}
	})
}

// Laravel is not there, or there and silent: what is safe to repeat says so.
func TestNoReply(t *testing.T) {
	t.Parallel()
	t.Run("nobody listens", func(t *testing.T) {
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
	t.Run("silence", func(t *testing.T) {
		l := startLaravel(t)
		l.signal(t, syscall.SIGSTOP)
		g := startGateway(t, l.url, gatewaySettings{flags: []string{"--request-timeout", "1s", "--no-circuit-breaker"}})
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
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := g.customers.GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: 1001})
		if got := read(t, err, nil); got.reason != "CALLER_DEADLINE_EXCEEDED" {
			t.Errorf("%s %s", got.code, got.reason)
		}
	})
	t.Run("a Laravel that comes back in time", func(t *testing.T) {
		l := startLaravel(t)
		l.signal(t, syscall.SIGSTOP)
		g := startGateway(t, l.url, gatewaySettings{})
		answers := make(chan answer, 1)
		go func() { answers <- act(t, g, get, 1001, 0) }()
		<-g.recorder.arrived
		l.signal(t, syscall.SIGCONT)
		(<-answers).must(t, "OK", "")
	})
}
