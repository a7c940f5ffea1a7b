//go:build e2e

package e2e_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// Pelcro's documented limit, 120 requests a minute, not scaled: the error of the next
// request has the delay, and a retry after it succeeds. The test runs in parallel with
// the others.
func TestRequestBeyondTheLimit(t *testing.T) {
	t.Parallel()
	const limit = 120
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

// With the quota on, calls at three times the limit get no 429 of Laravel's throttle: they wait, or
// are rejected here. Equal reads are avoided, which would share requests.
func TestQuotaCausesNo429(t *testing.T) {
	t.Parallel()
	const limit = 30 // a minute, and the account says so
	g := startGateway(t, startLaravel(t, "PELCRO_REQUESTS_PER_MINUTE="+strconv.Itoa(limit)).url,
		gatewaySettings{flags: []string{"--rate-limit=auto"}, direct: true})
	var ids atomic.Int64
	var ok, rejected, throttled atomic.Int32
	ctx, cancel := context.WithTimeout(t.Context(), 130*time.Second) // two windows and a little
	defer cancel()
	var callers sync.WaitGroup
	for range 12 {
		callers.Go(func() {
			for ctx.Err() == nil {
				waiting, stop := context.WithTimeout(ctx, 20*time.Second)
				_, err := g.customers.GetCustomer(waiting, &pelcrov1.GetCustomerRequest{Id: 5000 + ids.Add(1)})
				stop()
				switch reasonOf(err) {
				case "PELCRO_NOT_FOUND":
					ok.Add(1)
				case "PELCRO_RATE_LIMITED":
					throttled.Add(1)
				case "GATEWAY_RATE_LIMITED":
					rejected.Add(1)
					<-time.After(100 * time.Millisecond) // the load, not a wait for something
				}
			}
		})
	}
	callers.Wait()
	t.Logf("%d answered, %d rejected here, %d by Laravel", ok.Load(), rejected.Load(), throttled.Load())
	if throttled.Load() > 0 || ok.Load() < 2*limit-2 || rejected.Load() == 0 {
		t.Error("Laravel rejects calls, or the quota is not used")
	}
}

// reasonOf returns the reason of an error, empty for none.
func reasonOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}
