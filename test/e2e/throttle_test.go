//go:build e2e

package e2e_test

import (
	"strconv"
	"testing"
	"time"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// Laravel's own throttle: the error of the first request beyond the limit of a minute has the delay,
// and a retry after it succeeds. The limit is small, so that a busy machine reaches it in a minute.
// The test runs in parallel with the others.
func TestRequestBeyondTheLimit(t *testing.T) {
	t.Parallel()
	const limit = 10
	g := startGateway(t, startLaravel(t, "PELCRO_REQUESTS_PER_MINUTE="+strconv.Itoa(limit)).url, gatewaySettings{})
	request := &pelcrov1.GetCustomerRequest{Id: 1001}
	var rejected result
	began := time.Now()
	for n := 1; ; n++ {
		_, got := call(t, g, g.customers.GetCustomer, request)
		if got.code == "OK" && n <= limit {
			continue
		}
		rejected = got
		if n != limit+1 {
			t.Fatalf("request %d of a minute: %s %s after %v", n, got.code, got.message, time.Since(began))
		}
		break
	}
	rejected.must(t, "RESOURCE_EXHAUSTED", "PELCRO_RATE_LIMITED")
	if rejected.quota != limit || rejected.info["outcome"] != "rejected" {
		t.Errorf("quota %d, outcome %q", rejected.quota, rejected.info["outcome"])
	}
	if rejected.retryDelay <= 0 || rejected.retryDelay > time.Minute || rejected.pushback != strconv.FormatInt(rejected.retryDelay.Milliseconds(), 10) {
		t.Fatalf("delay %v, pushback %q", rejected.retryDelay, rejected.pushback)
	}
	<-time.After(rejected.retryDelay)
	_, got := call(t, g, g.customers.GetCustomer, request)
	got.must(t, "OK", "")
}
