package promises_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/pelcro-grpc/pelcro-grpc/client"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// A read that reaches the rate limit is retried after the delay in Pelcro's response, and not at
// all if the response has none: RESOURCE_EXHAUSTED in the service config adds no load.
func TestR31_ServiceConfigRetriesRateLimitedReads(t *testing.T) {
	parallelUnlessSoaking(t)
	for _, test := range []struct {
		name, rpc, retryAfter string
		wantRequests          int64
		wantOK                bool
	}{
		{"get, delay known", "GetCustomer", "1", 2, true},
		{"list, delay known", "ListCustomers", "1", 2, true},
		{"get, delay unknown", "GetCustomer", "", 1, false},
		{"create, delay known", "CreateCustomer", "1", 1, false},
		{"update, delay known", "UpdateCustomer", "1", 1, false},
		{"delete, delay known", "DeleteCustomer", "1", 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var received atomic.Int64
				after := sandbox.New(sandbox.Config{})
				g := startWithServiceConfigInMemory(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if received.Add(1) > 1 {
						after.ServeHTTP(w, r)
						return
					}
					if test.retryAfter != "" {
						w.Header().Set("Retry-After", test.retryAfter)
					}
					respond(w, http.StatusTooManyRequests, `{"message":"Too Many Attempts."}`)
				}), client.ServiceConfig())
				err := everyRPC[test.rpc](t.Context(), g.Customers)
				if got := received.Load(); got != test.wantRequests || (err == nil) != test.wantOK {
					t.Errorf("Pelcro received %d requests, want %d; %v", got, test.wantRequests, err)
				}
			})
		})
	}
}
