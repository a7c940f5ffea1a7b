package promises_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// What all promises share: an upstream, many calls, and readers of errors.

// upstreamOf starts an upstream with the handler, until the test ends, and returns its URL.
func upstreamOf(tb testing.TB, handler http.HandlerFunc) string {
	tb.Helper()
	return testkit.Upstream(tb, handler)
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
func withoutBreaker(c *gatewaytest.Config) { c.Pelcro.CircuitBreaker = false }

// withoutRetries is for tests of a single attempt.
func withoutRetries(c *gatewaytest.Config) { c.Pelcro.Retries = 0 }

// timeout replaces the service's own time limit.
func timeout(d time.Duration) func(*gatewaytest.Config) {
	return func(c *gatewaytest.Config) { c.Pelcro.Timeout = d }
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

func (g *service) get(ctx context.Context, id int64) error {
	_, err := g.Customers.GetCustomer(ctx, getRequest(id))
	return err
}

func (g *service) create(ctx context.Context, email string) error {
	_, err := g.Customers.CreateCustomer(ctx, newCustomer(email))
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

// bestOfThree runs a round until it finds nothing wrong, at most three times, and reports what the
// last one found. Each round has its own gateway. Times are compared in the soak only, and other
// programs on the machine can spoil one round; a slow service spoils all.
func bestOfThree(t *testing.T, round func() (wrong string)) {
	t.Helper()
	wrong := round()
	if !soaking {
		return
	}
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

// untilSent repeats a call until its request is sent. On a busy machine the time limit of the service
// may be over before that.
func untilSent(t *testing.T, call func() error) (err error) {
	t.Helper()
	testkit.Eventually(t, "the request is sent", func() bool {
		err = call()
		return outcomeOf(err) != "notSent"
	})
	return err
}

// p99 returns the 99th percentile. It sorts the times.
func p99(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[(len(times)*99+99)/100-1]
}

// outcomeOf returns the outcome in an error, empty if there is none.
func outcomeOf(err error) string { return gatewaytest.Metadata(err, "outcome") }
