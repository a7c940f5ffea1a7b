package main

import (
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// TestSandbox starts the sandbox, calls it and stops it; no goroutine remains.
func TestSandbox(t *testing.T) {
	before := goleak.IgnoreCurrent()
	p := start(t, "--sandbox", "--admin-listen=127.0.0.1:0")
	golden(t, "banner.txt", asDocumented(t, p, p.out.String()))
	if n := strings.Count(p.out.String(), "\n  grpcurl "); n != 4 {
		t.Errorf("%d lines to try", n)
	}

	customers := pelcrov1.NewCustomerServiceClient(p.conn)
	got, err := customers.GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 1001})
	if err != nil || got.GetCustomer().GetEmail() != "ada@example.com" {
		t.Errorf("got %v, %v", got, err)
	}
	list, err := customers.ListCustomers(t.Context(), &pelcrov1.ListCustomersRequest{})
	if rows := list.GetCustomers(); err != nil || len(rows) != 8 || rows[0].GetId() != 1001 || rows[7].GetId() != 1008 {
		t.Errorf("the banner says 1001 to 1008: %v, %v", list, err)
	}
	for id, want := range map[int64]string{
		404: "PELCRO_NOT_FOUND", 429: "PELCRO_RATE_LIMITED", 599: "PELCRO_UNAVAILABLE",
		601: "PELCRO_CONNECTION_LOST", 603: "PELCRO_CONNECTION_LOST", 604: "PELCRO_MALFORMED_RESPONSE",
		605: "GATEWAY_RATE_LIMITED",
	} {
		_, err := customers.GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: id})
		if reason := gatewaytest.Reason(err); reason != want {
			t.Errorf("customer %d: %s, want %s", id, reason, want)
		}
	}
	health, err := healthpb.NewHealthClient(p.conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil || health.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("health: %v, %v", health, err)
	}

	if code := p.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	p.conn.Close()
	p.err.Match(t, `("msg":"stopped")`)
	testkit.NoLeaks(t, before)
}

func TestSandboxWithSite(t *testing.T) {
	t.Parallel()
	p := start(t, "--sandbox", "--site-id=7")
	customers := pelcrov1.NewCustomerServiceClient(p.conn)
	if _, err := customers.GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 1001}); err != nil {
		t.Error(err)
	}
	_, err := customers.GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 1001, SiteId: new(int32(8))})
	if status.Code(err) != codes.PermissionDenied {
		t.Errorf("got %v", err)
	}
}

// TestSandboxRateLimit: the sandbox throttles as the flag says.
func TestSandboxRateLimit(t *testing.T) {
	t.Parallel()
	p := start(t, "--sandbox", "--sandbox-rate-limit=2")
	customers := pelcrov1.NewCustomerServiceClient(p.conn)
	for n := range 3 {
		_, err := customers.GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 1001})
		if want := n == 2; (err != nil) != want || want && gatewaytest.Reason(err) != "PELCRO_RATE_LIMITED" {
			t.Errorf("request %d: %v", n+1, err)
		}
	}
}

// TestSignal: SIGTERM and Ctrl-C stop the service in order.
func TestSignal(t *testing.T) {
	p := start(t, "--sandbox")
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(os.Interrupt); err != nil {
		t.Skip(err)
	}
	p.err.Match(t, `("msg":"stopped")`)
	if code := p.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// TestUnreachable: the service starts without a reachable Pelcro, and the reason names no host.
func TestUnreachable(t *testing.T) {
	t.Setenv(keyEnv, canaryKey)
	p := start(t, "--site-id=7", "--pelcro-url=http://127.0.0.1:1/api")
	_, err := pelcrov1.NewCustomerServiceClient(p.conn).CreateCustomer(t.Context(), &pelcrov1.CreateCustomerRequest{
		Customer: &pelcrov1.Customer{Email: new("a@example.com")},
	})
	if status.Code(err) != codes.Unavailable || gatewaytest.Reason(err) != "PELCRO_UNREACHABLE" || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("got %v", err)
	}
	p.err.Match(t, `("reason":"PELCRO_UNREACHABLE","outcome":"`+string(mapping.OutcomeNotSent)+`".*refused)`)
}

// TestDrainTimeout: a stop waits longer than any call of Pelcro takes, so that it ends no create
// whose outcome is then unknown.
func TestDrainTimeout(t *testing.T) {
	t.Parallel()
	for timeout, want := range map[string]string{"1s": "40s", "30s": "40s", "110s": "2m0s"} {
		p := start(t, "--sandbox", "--request-timeout="+timeout)
		p.stop()
		if got := p.err.Match(t, `"msg":"stopping","drain_timeout":"([^"]+)"`)[1]; got != want {
			t.Errorf("--request-timeout=%s: %s, want %s", timeout, got, want)
		}
	}
}
