//go:build e2e

package e2e_test

import (
	"strconv"
	"testing"
	"time"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// Laravel's own limit, 60 requests in a minute, not scaled: the 61st is told how long
// to wait, and who waits that long is served. It runs beside the other tests.
func TestSixtyFirstRequestInAMinute(t *testing.T) {
	t.Parallel()
	const limit = 60
	g := startGateway(t, startLaravel(t, "PELCRO_REQUESTS_PER_MINUTE="+strconv.Itoa(limit)).url, gatewaySettings{})
	request := &pelcrov1.GetCustomerRequest{Id: 1001}
	var refused answer
	began := time.Now()
	for n := 1; ; n++ {
		_, got := call(t, g, g.customers.GetCustomer, request)
		if got.code == "OK" && n <= limit {
			continue
		}
		refused = got
		if n != limit+1 {
			t.Fatalf("request %d of a minute: %s %s after %v", n, got.code, got.message, time.Since(began))
		}
		break
	}
	refused.must(t, "RESOURCE_EXHAUSTED", "PELCRO_RATE_LIMITED")
	if refused.quota != limit || refused.info["outcome"] != "rejected" {
		t.Errorf("quota %d, outcome %q", refused.quota, refused.info["outcome"])
	}
	if refused.retryDelay <= 0 || refused.retryDelay > time.Minute || refused.pushback != strconv.FormatInt(refused.retryDelay.Milliseconds(), 10) {
		t.Fatalf("delay %v, pushback %q", refused.retryDelay, refused.pushback)
	}
	<-time.After(refused.retryDelay)
	_, got := call(t, g, g.customers.GetCustomer, request)
	got.must(t, "OK", "")
}
