package pelcro_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// store is a Pelcro with one title, that takes a second for each request. A read returns the title
// that it had when the request arrived.
type store struct {
	mu       sync.Mutex
	title    string
	requests []string
	running  atomic.Int32
	most     atomic.Int32 // reads that ran concurrently
}

func (s *store) RoundTrip(r *http.Request) (*http.Response, error) {
	sent(r, false)
	s.mu.Lock()
	title := s.title
	s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI())
	if r.Method == http.MethodPut {
		s.title = "new"
	}
	s.mu.Unlock()
	if r.Method == http.MethodGet {
		s.most.Store(max(s.most.Load(), s.running.Add(1)))
		defer s.running.Add(-1)
	}
	select {
	case <-time.After(time.Second):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	body := fmt.Sprintf(`{"data":{"id":1,"title":%q}}`, title)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

// client returns a client of the store.
func (s *store) client(t *testing.T, options ...func(*pelcro.Config)) *pelcro.Client {
	t.Helper()
	return at(t, "https://pelcro.example"+basePath, append(options, func(c *pelcro.Config) { c.Transport = s })...)
}

// titleOf reads the title.
func titleOf(ctx context.Context, client *pelcro.Client) (string, error) {
	received, err := client.GetCustomer(ctx, 0, 1, nil)
	if err != nil {
		return "", err
	}
	defer received.Release()
	title, _ := received.JSON.Member("data").Member("title").Text()
	return title, nil
}

// TestEqualReadsShareRequests: however many callers read a customer, one request runs and one waits.
func TestEqualReadsShareRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pelcroStore, registry := &store{title: "old"}, prometheus.NewRegistry()
		client := pelcroStore.client(t, counted(registry))
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() {
				attempts, statusCode := 0, 0
				title, err := titleOf(pelcro.WithCallStats(t.Context(), &attempts, &statusCode), client)
				if err != nil || title != "old" || attempts != 1 || statusCode != 200 {
					t.Errorf("%q, %v, %d attempts, HTTP %d", title, err, attempts, statusCode)
				}
			})
		}
		callers.Wait()
		if n := pelcroStore.count(); n != 2 || pelcroStore.most.Load() != 1 {
			t.Errorf("%d requests, %d concurrently", n, pelcroStore.most.Load())
		}
		mustBeSeries(t, registry, "pelcro_grpc_coalesced_reads_total", map[string]float64{"GET customers/{id}": 98})
		// Nothing of them is left for a later read.
		if _, err := titleOf(t.Context(), client); err != nil || pelcroStore.count() != 3 {
			t.Errorf("%d requests, %v", pelcroStore.count(), err)
		}
	})
}

// TestReadAfterWrite: a read that begins after a write returns what was written, although a slow read
// that began before it is in flight, and others have joined.
func TestReadAfterWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pelcroStore := &store{title: "old"}
		client, otherReplica := pelcroStore.client(t), pelcroStore.client(t)
		var before sync.WaitGroup
		for range 10 { // one runs, the others wait for the next request
			before.Go(func() { _, _ = titleOf(t.Context(), client) })
		}
		time.Sleep(100 * time.Millisecond)
		if _, err := otherReplica.UpdateCustomer(t.Context(), 0, 1, map[string]any{"title": "new"}); err != nil {
			t.Fatal(err)
		}
		for name, replica := range map[string]*pelcro.Client{"the same replica": client, "another replica": otherReplica} {
			before.Go(func() {
				if title, err := titleOf(t.Context(), replica); title != "new" || err != nil {
					t.Errorf("%s: %q, %v", name, title, err)
				}
			})
		}
		before.Wait()
	})
}

// TestDifferentReads: what is not equal shares nothing.
func TestDifferentReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pelcroStore := &store{}
		client := pelcroStore.client(t)
		list := pelcro.ListOptions{Page: 1, Limit: 10, Sort: "id"}
		nextPage := list
		nextPage.Page = 2
		reads := []func() error{
			func() error { _, err := client.GetCustomer(t.Context(), 0, 1, nil); return err },
			func() error { _, err := client.GetCustomer(t.Context(), 0, 2, nil); return err },
			func() error { _, err := client.GetCustomer(t.Context(), 8, 1, nil); return err },
			func() error { _, err := client.GetCustomer(t.Context(), 0, 1, []string{"addresses"}); return err },
			func() error {
				_, err := client.GetCustomer(pelcro.WithAuthorization(t.Context(), "Bearer another"), 0, 1, nil)
				return err
			},
			func() error { _, err := client.ListCustomers(t.Context(), 0, list); return err },
			func() error { _, err := client.ListCustomers(t.Context(), 0, nextPage); return err },
		}
		var callers sync.WaitGroup
		for _, read := range reads {
			callers.Go(func() {
				if err := read(); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		if n := int(pelcroStore.most.Load()); n != len(reads) {
			t.Errorf("%d of %d ran concurrently", n, len(reads))
		}
	})
}

// TestCallersOfSharedRequestLeave: a caller that leaves ends nothing for the others; the last one ends
// the request.
func TestCallersOfSharedRequestLeave(t *testing.T) {
	for _, test := range []struct {
		name  string
		stay  int // of three callers
		sends int // requests, with the one before
	}{{"one leaves", 2, 2}, {"two leave", 1, 2}, {"all leave", 0, 2}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pelcroStore := &store{title: "old"}
				client := pelcroStore.client(t)
				go func() { _, _ = titleOf(t.Context(), client) }()
				synctest.Wait()
				ended := make(chan error, 3)
				for i := range 3 {
					ctx := t.Context()
					if i >= test.stay {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, 1500*time.Millisecond) // half of the shared request
						defer cancel()
					}
					go func() {
						_, err := titleOf(ctx, client)
						ended <- err
					}()
				}
				left := 0
				for range 3 {
					if err := <-ended; err != nil {
						noResponse(t, err, pelcro.CallerGone, true)
						left++
					}
				}
				if left != 3-test.stay || pelcroStore.count() != test.sends {
					t.Errorf("%d left, %d requests", left, pelcroStore.count())
				}
				synctest.Wait()
				if pelcroStore.running.Load() != 0 {
					t.Error("the request goes on without callers")
				}
			})
		})
	}
}

// A request that all its callers left while it waited is not sent.
func TestAbandonedRequestIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pelcroStore := &store{}
		client := pelcroStore.client(t)
		go func() { _, _ = titleOf(t.Context(), client) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := titleOf(ctx, client)
		noResponse(t, err, pelcro.CallerGone, false)
		time.Sleep(time.Second)
		if n := pelcroStore.count(); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestSharedFailure: all callers of a request get its failure, and a panic in it does not end the process.
func TestSharedFailure(t *testing.T) {
	for _, test := range []struct {
		name   string
		second attempt // of the shared request
		check  func(*testing.T, error)
	}{
		{"404", responds(404), func(t *testing.T, err error) { response(t, err, 404) }},
		{"lost", lost(errBroken), func(t *testing.T, err error) { noResponse(t, err, pelcro.ConnectionLost, true) }},
		{"panic", func(*http.Request) (*http.Response, error) { panic("canary " + canaryEmail) }, func(t *testing.T, err error) {
			var failed *pelcro.Error
			if err == nil || errors.As(err, &failed) || !strings.Contains(err.Error(), "panic of type string") || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v", err)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var requests atomic.Int32
				client := at(t, "https://pelcro.example"+basePath, func(c *pelcro.Config) {
					c.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
						if requests.Add(1) > 1 {
							return test.second(r)
						}
						time.Sleep(time.Second)
						return responds(200)(r)
					})
				})
				go func() { _, _ = titleOf(t.Context(), client) }()
				synctest.Wait()
				var callers sync.WaitGroup
				for range 3 {
					callers.Go(func() {
						_, err := titleOf(t.Context(), client)
						test.check(t, err)
					})
				}
				callers.Wait()
				if requests.Load() != 2 {
					t.Errorf("%d requests", requests.Load())
				}
			})
		})
	}
}

// TestSharedLargeBodies: each caller of a large response takes its part of the budget for decoding.
func TestSharedLargeBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		large := sending(pelcro.MaxBody)
		client := at(t, "https://pelcro.example"+basePath, func(c *pelcro.Config) {
			c.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				time.Sleep(time.Second)
				return large(r)
			})
		})
		decoding := make(chan *pelcro.Response, 10)
		for range 10 {
			go func() {
				received, err := client.GetCustomer(t.Context(), 0, 1, nil)
				if err != nil {
					t.Error(err)
				}
				decoding <- received
			}()
		}
		time.Sleep(3 * time.Second)
		if n := len(decoding); n != 2 {
			t.Errorf("%d responses are decoded concurrently, want 2", n)
		}
		for range 10 {
			(<-decoding).Release()
		}
	})
}
