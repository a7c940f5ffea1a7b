package pelcro_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// TestBreakerIgnoresCancels: a call that its caller cancelled says nothing about Pelcro, neither
// against it nor, as the probe, for it.
func TestBreakerIgnoresCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{attempts: []attempt{hangs}}
		client := transport.client(t, guarded)
		leave := func() {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			time.AfterFunc(10*time.Millisecond, cancel)
			noResponse(t, get(ctx, client), pelcro.CallerGone, true)
		}
		for range 1000 {
			leave()
		}
		transport.mustHave(t, 1000)

		time.Sleep(10 * time.Second)
		fails(t, transport, client, 20, responds(500))
		time.Sleep(time.Second + 1)
		transport.attempts = []attempt{hangs}
		leave()                                       // as the probe
		fails(t, transport, client, 1, responds(500)) // the next one is it, and fails
		mustBeOpen(t, transport, client)
		time.Sleep(time.Second + 1)
		transport.attempts = []attempt{hangs}
		leave()
		mustBeClosed(t, transport, client)
	})
}

// TestBreakerIgnoresImpatientCallers: calls that end at their own deadlines cost others nothing
// while Pelcro responds, be it with an error.
func TestBreakerIgnoresImpatientCallers(t *testing.T) {
	for _, status := range []int{200, 404} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := at(t, "https://pelcro.example"+basePath, guarded, func(c *pelcro.Config) {
					c.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
						if strings.HasSuffix(r.URL.Path, "/customers") {
							return hangs(r)
						}
						return responds(status)(r)
					})
				})
				for range 100 {
					impatient := make(chan error)
					for page := range 10 { // equal reads would share a request
						go func() {
							ctx, cancel := context.WithTimeout(t.Context(), time.Second)
							defer cancel()
							_, err := client.ListCustomers(ctx, 0, pelcro.ListOptions{Page: page})
							impatient <- err
						}()
					}
					time.Sleep(500 * time.Millisecond)
					if err := get(t.Context(), client); isOpen(err) {
						t.Fatal("the breaker is open")
					}
					for range 10 {
						noResponse(t, <-impatient, pelcro.CallerGone, true)
					}
				}
			})
		})
	}
}

// TestBreakerIgnoresStaleConnections: a connection that was closed while idle says nothing about
// Pelcro, also when it met a change, or the probe.
func TestBreakerIgnoresStaleConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{attempts: []attempt{stale}}
		client := transport.client(t, guarded)
		for range 100 {
			noResponse(t, create(t.Context(), client), pelcro.StaleConnection, true)
		}
		mustBeClosed(t, transport, client)
		time.Sleep(10 * time.Second)
		fails(t, transport, client, 20, responds(500))
		time.Sleep(time.Second + 1)
		transport.attempts, transport.times = []attempt{stale, responds(200)}, nil
		if err := get(t.Context(), client); err != nil {
			t.Error(err)
		}
		mustBeClosed(t, transport, client)
	})
}
