package promises_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/client"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// A read that meets the rate limit is retried after the delay that Pelcro names, and not at all
// when Pelcro names none: RESOURCE_EXHAUSTED in the service config does not make clients hammer.
func TestR31_ServiceConfigRetriesRateLimitedReads(t *testing.T) {
	for _, test := range []struct {
		name, rpc, retryAfter string
		wantSeen              int64
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
			t.Parallel() // the delay is a second
			var seen atomic.Int64
			after := sandbox.New(sandbox.Config{})
			g := published(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if seen.Add(1) > 1 {
					after.ServeHTTP(w, r)
					return
				}
				if test.retryAfter != "" {
					w.Header().Set("Retry-After", test.retryAfter)
				}
				answer(w, http.StatusTooManyRequests, `{"message":"Too Many Attempts."}`)
			}), client.ServiceConfig())
			err := everyRPC[test.rpc](t.Context(), g.customers)
			if got := seen.Load(); got != test.wantSeen || (err == nil) != test.wantOK {
				t.Errorf("Pelcro saw %d requests, want %d; %v", got, test.wantSeen, err)
			}
		})
	}
}
