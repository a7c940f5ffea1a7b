package promises_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/test/faultproxy"
)

// effects counts the customers that were created, by email.
type effects struct {
	mu    sync.Mutex
	count map[string]int
	// created is told each customer that was created, unless it is nil.
	created func(email string)
}

func newEffects() *effects { return &effects{count: map[string]int{}} }

// ServeHTTP creates a customer.
func (e *effects) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if e.take(r) {
		respond(w, 201, aCustomer)
	}
}

// take counts the create and reports whether it was complete.
func (e *effects) take(r *http.Request) bool {
	var sent struct {
		Email string `json:"email"`
	}
	if json.NewDecoder(r.Body).Decode(&sent) != nil {
		return false
	}
	e.mu.Lock()
	e.count[sent.Email]++
	e.mu.Unlock()
	if e.created != nil {
		e.created(sent.Email)
	}
	return true
}

func (e *effects) of(email string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.count[email]
}

// mustMatchOutcome compares the outcome in the error of a create with its effect, and
// returns the effect.
func (e *effects) mustMatchOutcome(t *testing.T, email string, err error) int {
	t.Helper()
	n := e.of(email)
	outcome := outcomeOf(err)
	switch {
	case n > 1:
		t.Errorf("%s took effect %d times", email, n)
	case err == nil && n != 1:
		t.Errorf("%s succeeded without effect", email)
	case n == 1 && (outcome == "notSent" || outcome == "rejected"):
		t.Errorf("%s took effect, but its outcome is %s: %v", email, outcome, err)
	}
	return n
}

// A thousand creates for each of eight faults. Nothing on the way, neither the retries
// nor net/http, sends one twice, and no error denies an effect.
func TestR03WritesArriveOnce(t *testing.T) {
	parallelUnlessSoaking(t)
	calls := scaled(1000, 50)
	const some = -1
	for _, test := range []struct {
		name    string
		fault   faultproxy.Fault
		effects int // number of customers created
	}{
		{"connection refused", faultproxy.Down(), 0},
		{"reset before it was read", faultproxy.ResetBeforeRequest(), 0},
		{"reset after it was read", faultproxy.ResetAfterUpstream(), calls},
		{"black hole", faultproxy.BlackHole(), 0},
		{"slow", faultproxy.Latency(time.Hour, time.Hour), calls},
		{"truncated response", faultproxy.TruncateBody(5), calls},
		{"closed on reuse", faultproxy.CloseOnReuse(), some},
	} {
		t.Run(test.name, func(t *testing.T) {
			parallelUnlessSoaking(t)
			upstream := newEffects()
			proxy := faultproxy.New(t, upstreamOf(t, upstream.ServeHTTP))
			proxy.Set(test.fault)
			n := createAll(t, test.name, proxy.URL(), upstream, calls)
			switch {
			case test.effects == some && (n == 0 || n == calls):
				t.Errorf("%d of %d creates took effect: the fault affected none, or all", n, calls)
			case test.effects != some && n != test.effects:
				t.Errorf("%d of %d creates took effect, want %d", n, calls, test.effects)
			}
		})
	}
	t.Run("TLS failure", func(t *testing.T) {
		upstream := newEffects()
		server := httptest.NewUnstartedServer(upstream)
		server.Config.ErrorLog = log.New(io.Discard, "", 0) // it would log each handshake
		server.StartTLS()                                   // with an untrusted certificate
		t.Cleanup(server.Close)
		if n := createAll(t, "TLS failure", server.URL, upstream, calls); n != 0 {
			t.Errorf("%d creates took effect", n)
		}
	})
}

// createAll makes the calls and returns the number of customers created. A caller waits for half a
// second, or, where Pelcro creates the customer and its response does not arrive, until then.
func createAll(t *testing.T, fault, url string, upstream *effects, calls int) (total int) {
	t.Helper()
	g := start(t, url, withoutBreaker)
	errs := make([]error, calls)
	email := func(i int) string { return fmt.Sprintf("new-%d@example.com", i) }
	timeout := 500 * time.Millisecond
	var waiting sync.Map // the ends of the calls, by email
	if fault == "slow" {
		upstream.created = func(email string) {
			if cancel, ok := waiting.Load(email); ok {
				cancel.(context.CancelFunc)()
			}
		}
	}
	if fault != "black hole" {
		timeout = testkit.Timeout
	}
	each(calls, scaled(100, 25), func(i int) {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		waiting.Store(email(i), cancel)
		errs[i] = g.create(ctx, email(i))
	})
	if err := g.Stop(); err != nil { // no request arrives after this
		t.Error(err)
	}
	for i, err := range errs {
		total += upstream.mustMatchOutcome(t, email(i), err)
	}
	return total
}
