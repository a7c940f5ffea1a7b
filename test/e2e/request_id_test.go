//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// lossy is a proxy that, of each four creates, passes one, loses the request of one and the response
// of one, and answers one with 504 although Laravel has created the customer.
func lossy(t *testing.T, upstream string) string {
	t.Helper()
	target, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	passing := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite:   func(p *httputil.ProxyRequest) { p.Out.URL.Scheme, p.Out.URL.Host = target.Scheme, target.Host },
	}
	var creates atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			passing.ServeHTTP(w, r)
			return
		}
		switch creates.Add(1) % 4 {
		case 1:
			passing.ServeHTTP(w, r)
		case 2:
			panic(http.ErrAbortHandler)
		case 3:
			passing.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		default:
			passing.ServeHTTP(httptest.NewRecorder(), r)
			w.WriteHeader(http.StatusGatewayTimeout)
		}
	}))
	t.Cleanup(func() { server.Close(); transport.CloseIdleConnections() })
	return server.URL + target.Path
}

// Laravel finds customers by the request_id in their metadata: whatever becomes of its responses,
// there is one customer for each id, and its caller gets it.
func TestRequestID(t *testing.T) {
	t.Parallel()
	g := startGateway(t, lossy(t, startLaravel(t).url), gatewaySettings{
		// Longer than Laravel needs on a busy machine: a create that it completes after the
		// settle time would be a second customer.
		direct: true, flags: []string{"--request-timeout=10s", "--create-settle-time=10s"},
	})
	for i := range 8 {
		id := fmt.Sprintf("6f1c27b4-0d3e-4c55-9a54-%012d", i+1)
		request := newCustomer(&pelcrov1.Customer{Email: new(fmt.Sprintf("once-%d@example.com", i))})
		request.RequestId = &id
		response, got := call(t, g, g.customers.CreateCustomer, request)
		// As client/service-config-request-id.json retries.
		for over := time.Now().Add(deadline); got.code == "UNAVAILABLE" && time.Now().Before(over); {
			time.Sleep(got.retryDelay)
			response, got = call(t, g, g.customers.CreateCustomer, request)
		}
		got.must(t, "OK", "")
		list, got := call(t, g, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{
			Filters: []*pelcrov1.CustomerFilter{{Attribute: "metadata.grpc_request_id", Values: []string{id}}},
		})
		got.must(t, "OK", "")
		if len(list.GetCustomers()) != 1 || list.GetCustomers()[0].GetId() != response.GetCustomer().GetId() || response.GetCustomer().GetRequestId() != id {
			t.Errorf("%s: the caller got %v, Laravel has %v", id, response, list)
		}
	}
}
