package main

import (
	"strings"
	"testing"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

func (p *program) health(t *testing.T, service string) string {
	t.Helper()
	resp, err := healthpb.NewHealthClient(p.conn).Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
	if err != nil {
		t.Fatal(err)
	}
	return resp.GetStatus().String()
}

const (
	isServing  = "SERVING"
	notServing = "NOT_SERVING"
)

// replace changes the content of the file, and waits until it is in use.
func (p *program) replace(t *testing.T, file, content string) {
	t.Helper()
	before := strings.Count(p.err.String(), `"msg":"reloaded"`)
	testkit.Replace(t, file, content)
	testkit.Eventually(t, "the file is in use", func() bool { return strings.Count(p.err.String(), `"msg":"reloaded"`) > before })
}

// TestRejectedKey: an operator must replace a key that Pelcro rejects. Each change is logged once,
// errors of calls say whose key it is, and the health of Pelcro is NOT_SERVING until the key is
// valid and the circuit breaker is closed.
func TestRejectedKey(t *testing.T) {
	t.Parallel()
	const rejectedLine, acceptedLine = `"level":"ERROR","msg":"Pelcro rejects the API key`, `"level":"INFO","msg":"Pelcro accepts the API key"`
	pelcro, url := startKeyed(t, "Bearer first-key")
	file := testkit.File(t, "first-key\n")
	p := startWithAdmin(t, "--pelcro-url="+url, "--site-id=1", "--pelcro-api-key-file="+file, "--upstream-retries=0")
	customers := pelcrov1.NewCustomerServiceClient(p.conn)
	get := func(want string) {
		t.Helper()
		_, err := customers.GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 42})
		if got := gatewaytest.Reason(err); err != nil && got != want || err == nil && want != "" {
			t.Errorf("got %s, want %s", got, want)
		}
		if want == "PELCRO_UNAUTHENTICATED" && gatewaytest.Metadata(err, "credential") != "gateway" {
			t.Errorf("whose credential: %q", gatewaytest.Metadata(err, "credential"))
		}
	}
	expect := func(what string, rejected, accepted int, health string) {
		t.Helper()
		logged := func() (r, a int) {
			log := p.err.String()
			return strings.Count(log, rejectedLine), strings.Count(log, acceptedLine)
		}
		testkit.Eventually(t, "the lines about the key", func() bool {
			r, a := logged()
			return r >= rejected && a >= accepted
		})
		if r, a := logged(); r != rejected || a != accepted {
			t.Errorf("%s: %d lines for a rejected and %d for an accepted key, want %d and %d", what, r, a, rejected, accepted)
		}
		if got := p.health(t, "pelcro"); got != health {
			t.Errorf("%s: health is %s", what, got)
		}
		// Callers must see the reasons.
		if all, service := p.health(t, ""), p.health(t, "pelcro.v1.CustomerService"); all != isServing || service != isServing {
			t.Errorf("%s: the others are %s, %s", what, all, service)
		}
	}
	expect("before the first call", 0, 0, isServing)
	get("")
	get("")
	expect("a valid key", 0, 1, isServing)
	pelcro.take("Bearer second-key")
	for range 10 {
		get("PELCRO_UNAUTHENTICATED")
	}
	expect("revoked", 1, 1, notServing)
	p.replace(t, file, "wrong-key")
	expect("replaced, and not used yet", 1, 1, notServing)
	get("PELCRO_UNAUTHENTICATED")
	get("PELCRO_UNAUTHENTICATED")
	expect("replaced by an invalid one", 2, 1, notServing)
	p.replace(t, file, "second-key\r\n")
	get("")
	get("")
	expect("replaced by a valid one", 2, 2, isServing)

	// Together with the circuit breaker: key and breaker must both be healthy.
	pelcro.take()
	get("PELCRO_UNAUTHENTICATED")
	pelcro.fail(true)
	for range 40 {
		_, _ = customers.GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 42})
	}
	p.err.Match(t, `("msg":"the circuit breaker is open)`)
	expect("rejected and open", 3, 2, notServing)
	pelcro.fail(false)
	testkit.Eventually(t, "the breaker closes", func() bool {
		_, _ = customers.GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 42})
		return strings.Contains(p.err.String(), "the circuit breaker is closed")
	})
	expect("closed, but rejected", 3, 2, notServing)
	pelcro.take("Bearer second-key")
	get("")
	expect("both are healthy", 3, 3, isServing)

	mustCount(t, "reloads", counts(p.scrape(t)["pelcro_grpc_file_reloads_total"], "file", "result"), map[string]int{"api_key adopted": 2})
	p.stop() // then every line is written
	levels := map[string]int{}
	for _, line := range p.finished(t) {
		if line["reason"] == "PELCRO_UNAUTHENTICATED" {
			levels[line["level"].(string)]++
		}
	}
	if levels["ERROR"] < 13 || levels["INFO"] != 0 {
		t.Errorf("levels of calls with a rejected key: %v", levels)
	}
}
