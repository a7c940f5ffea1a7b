package promises_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// What all promises share: an upstream, many calls, and readers of errors.

// upstreamOf starts a plain HTTP/1.1 upstream with the handler, until the test
// ends, and returns its URL.
func upstreamOf(tb testing.TB, handler http.HandlerFunc) string {
	tb.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it would log each broken connection
	server.Start()
	tb.Cleanup(server.Close)
	return server.URL
}

// respond writes a JSON response.
func respond(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// aCustomer is the body of a success.
const aCustomer = `{"data":{"id":42}}`

// withoutBreaker is for tests in which every call must reach Pelcro.
func withoutBreaker(c *config) { c.pelcro.CircuitBreaker = false }

// withoutRetries is for tests of a single attempt.
func withoutRetries(c *config) { c.pelcro.Retries = 0 }

// timeout replaces the service's own time limit.
func timeout(d time.Duration) func(*config) {
	return func(c *config) { c.pelcro.Timeout = d }
}

var lastSite atomic.Int32

// getRequest reads a customer, on a site that no other request names: equal reads would share a
// request to Pelcro.
func getRequest(id int64) *pelcrov1.GetCustomerRequest {
	return &pelcrov1.GetCustomerRequest{Id: id, SiteId: new(lastSite.Add(1))}
}

func newCustomer(email string) *pelcrov1.CreateCustomerRequest {
	return &pelcrov1.CreateCustomerRequest{Customer: &pelcrov1.Customer{Email: &email}}
}

func (g *gateway) get(ctx context.Context, id int64) error {
	_, err := g.customers.GetCustomer(ctx, getRequest(id))
	return err
}

func (g *gateway) create(ctx context.Context, email string) error {
	_, err := g.customers.CreateCustomer(ctx, newCustomer(email))
	return err
}

// each calls f with 0 to n-1 from that many goroutines, and returns when all calls have
// ended.
func each(n, workers int, f func(i int)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(n, workers) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	group.Wait()
}

// paced calls f n times, perSecond times a second, each in its own goroutine and
// whether or not earlier calls have ended. It returns when all have ended.
func paced(n, perSecond int, f func(i int)) {
	ticker := time.NewTicker(time.Second / time.Duration(perSecond))
	defer ticker.Stop()
	var group sync.WaitGroup
	for i := range n {
		<-ticker.C
		group.Go(func() { f(i) })
	}
	group.Wait()
}

// bestOfThree runs a round that measures times until it finds nothing wrong, at most
// three times, and reports what the last one found. Other programs on the machine can
// spoil one round; a slow service spoils all.
func bestOfThree(t *testing.T, round func() (wrong string)) {
	t.Helper()
	wrong := round()
	for range 2 {
		if wrong == "" {
			return
		}
		t.Log("measuring again:", wrong)
		wrong = round()
	}
	if wrong != "" {
		t.Error(wrong)
	}
}

// p99 returns the 99th percentile. It sorts the times.
func p99(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[(len(times)*99+99)/100-1]
}

// detailOf returns the first detail of that type, the zero value if there is none.
func detailOf[D any](err error) (detail D) {
	for _, d := range status.Convert(err).Details() {
		if found, ok := d.(D); ok {
			return found
		}
	}
	return detail
}

// outcomeOf returns the outcome in an error, empty if there is none.
func outcomeOf(err error) string {
	return detailOf[*errdetails.ErrorInfo](err).GetMetadata()["outcome"]
}
