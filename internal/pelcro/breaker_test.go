package pelcro_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// guarded turns the breaker on and the retries off.
func guarded(c *pelcro.Config) { c.CircuitBreaker, c.Retries = true, 0 }

// isOpen reports whether the call was not made.
func isOpen(err error) bool {
	failed, ok := errors.AsType[*pelcro.Error](err)
	return ok && failed.Outcome == pelcro.CircuitOpen
}

// fails makes so many gets, all of which are made.
func fails(t *testing.T, transport *scripted, client *pelcro.Client, calls int, how attempt) {
	t.Helper()
	transport.attempts, transport.times = []attempt{how}, nil
	for i := range calls {
		if err := get(t.Context(), client); isOpen(err) {
			t.Fatalf("call %d was not made", i)
		}
	}
	transport.mustHave(t, calls)
}

// mustBeOpen checks that a call is not made.
func mustBeOpen(t *testing.T, transport *scripted, client *pelcro.Client) {
	t.Helper()
	before := len(transport.times)
	failed := noResponse(t, create(t.Context(), client), pelcro.CircuitOpen, false)
	if len(transport.times) != before {
		t.Errorf("the breaker is closed: %v", failed)
	}
	if failed.RetryAfter <= 0 || failed.RetryAfter > time.Second {
		t.Errorf("the breaker is open for %v", failed.RetryAfter)
	}
}

// mustBeClosed checks that a call is made.
func mustBeClosed(t *testing.T, transport *scripted, client *pelcro.Client) {
	t.Helper()
	transport.attempts = []attempt{responds(200)}
	if err := get(t.Context(), client); err != nil {
		t.Errorf("the breaker is open: %v", err)
	}
}

// tooMuch is one byte more than is read.
var tooMuch = sync.OnceValue(func() string { return dataOf(pelcro.MaxBody + 1) })

// tooLarge is an attempt with a success that is larger than is read.
func tooLarge(r *http.Request) (*http.Response, error) {
	sent(r, false)
	body := io.NopCloser(strings.NewReader(tooMuch()))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body}, nil
}

// TestBreakerOpens: what counts as a failure, and what does not.
func TestBreakerOpens(t *testing.T) {
	for _, test := range []struct {
		name  string
		how   attempt
		opens bool
	}{
		{"500", responds(500), true},
		{"501", responds(501), true},
		{"503", responds(503), true},
		{"599", responds(599), true},
		{"untrusted certificate", unsent(&tls.CertificateVerificationError{Err: errBroken}), true},
		{"not sent", unsent(errBroken), true},
		{"lost", lost(errBroken), true},
		{"cut", cuts, true},

		{"200", responds(200), false},
		{"302", responds(302), false},
		{"400", responds(400), false},
		{"401", responds(401), false},
		{"404", responds(404), false},
		{"429", responds(429), false},
		{"499", responds(499), false},
		{"999", responds(999), false},
		{"too large", tooLarge, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport := &scripted{}
				client := transport.client(t, guarded)
				fails(t, transport, client, 20, test.how)
				if test.opens {
					mustBeOpen(t, transport, client)
					return
				}
				fails(t, transport, client, 30, test.how)
				mustBeClosed(t, transport, client)
			})
		})
	}
}

// TestBreakerOpensOnTimeLimits: a Pelcro that is silent is as dead as one that rejects connections.
// The calls run concurrently, as those of many callers do.
func TestBreakerOpensOnTimeLimits(t *testing.T) {
	for _, limit := range []time.Duration{3 * time.Second, pelcro.DefaultTimeout} {
		t.Run(limit.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := at(t, "https://pelcro.example"+basePath, guarded, func(c *pelcro.Config) {
					c.Transport, c.Timeout = roundTripper(hangs), limit
				})
				const pause = 200 * time.Millisecond
				var made atomic.Int64
				for range 600 {
					go func() {
						if !isOpen(get(t.Context(), client)) {
							made.Add(1)
						}
					}()
					time.Sleep(pause)
				}
				synctest.Wait()
				time.Sleep(limit)
				synctest.Wait()
				// Those of the first time limit, with twenty more, and after that one a
				// second.
				if most := int64(limit/pause) + 20 + 120; made.Load() > most {
					t.Errorf("%d of 600 calls were made within two minutes of silence, want at most %d", made.Load(), most)
				}
			})
		})
	}
}

// TestBreakerNeedsHalf: at least twenty calls within ten seconds, of which at least
// half fail.
func TestBreakerNeedsHalf(t *testing.T) {
	t.Run("nineteen are too few", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			transport := &scripted{}
			client := transport.client(t, guarded)
			fails(t, transport, client, 19, responds(500))
			mustBeClosed(t, transport, client)
		})
	})
	t.Run("less than half", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			transport := &scripted{}
			client := transport.client(t, guarded)
			fails(t, transport, client, 51, responds(200))
			fails(t, transport, client, 50, responds(500))
			mustBeClosed(t, transport, client)
		})
	})
	t.Run("half", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			transport := &scripted{}
			client := transport.client(t, guarded)
			fails(t, transport, client, 50, responds(404))
			fails(t, transport, client, 50, responds(500))
			mustBeOpen(t, transport, client)
		})
	})
	t.Run("the successes are long ago", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			transport := &scripted{}
			client := transport.client(t, guarded)
			fails(t, transport, client, 1000, responds(200))
			time.Sleep(10 * time.Second)
			fails(t, transport, client, 20, responds(500))
			mustBeOpen(t, transport, client)
		})
	})
	t.Run("the failures are long ago", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			transport := &scripted{}
			client := transport.client(t, guarded)
			fails(t, transport, client, 19, responds(500))
			time.Sleep(10 * time.Second)
			fails(t, transport, client, 19, responds(500))
			mustBeClosed(t, transport, client)
		})
	})
}

// TestBreakerCloses: after a second, one call at a time, until one has a response.
func TestBreakerCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{}
		client := transport.client(t, guarded)
		var reported []bool
		client.OnCircuitChange(func(closed bool) { reported = append(reported, closed) })
		fails(t, transport, client, 20, responds(500))
		time.Sleep(999 * time.Millisecond)
		mustBeOpen(t, transport, client)
		if failed := failure(t, get(t.Context(), client)); failed.RetryAfter != time.Millisecond {
			t.Errorf("a millisecond before it closes, it is open for %v", failed.RetryAfter)
		}
		time.Sleep(2 * time.Millisecond)
		fails(t, transport, client, 1, lost(errBroken)) // the probe
		mustBeOpen(t, transport, client)
		time.Sleep(time.Second + 1)
		// A rejection is a response, too.
		fails(t, transport, client, 1, responds(404))
		mustBeClosed(t, transport, client)
		// And it counts from zero.
		fails(t, transport, client, 18, responds(500))
		mustBeClosed(t, transport, client)
		if last := reported[len(reported)-1]; !last || reported[0] {
			t.Errorf("reported %v", reported)
		}
	})
}

// TestBreakerProbesOneByOne: no other call is made while the probe runs. Its response closes the
// breaker, also when that took longer than a probe has.
func TestBreakerProbesOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{}
		client := transport.client(t, guarded)
		fails(t, transport, client, 20, responds(500))
		time.Sleep(time.Second + 1)
		transport.attempts = []attempt{func(r *http.Request) (*http.Response, error) {
			time.Sleep(5 * time.Second)
			return responds(200)(r)
		}}
		probed := make(chan error)
		go func() { probed <- get(t.Context(), client) }()
		synctest.Wait()
		for range 9 {
			mustBeOpen(t, transport, client)
			time.Sleep(100 * time.Millisecond)
		}
		if err := <-probed; err != nil {
			t.Error(err)
		}
		mustBeClosed(t, transport, client)
	})
}

// TestBreakerOpensOnDeadlines: most callers have a deadline. If Pelcro responds to nothing in the
// meantime, it is silent, unless the deadline is shorter than Pelcro usually takes.
func TestBreakerOpensOnDeadlines(t *testing.T) {
	for _, limit := range []time.Duration{100 * time.Millisecond, time.Second, 9 * time.Second} {
		t.Run(limit.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := at(t, "https://pelcro.example"+basePath, guarded, func(c *pelcro.Config) { c.Transport = roundTripper(hangs) })
				for range 20 {
					ctx, cancel := context.WithTimeout(t.Context(), limit)
					go func() {
						defer cancel()
						_ = get(ctx, client)
					}()
				}
				time.Sleep(limit + 1)
				synctest.Wait()
				if err := get(t.Context(), client); isOpen(err) != (limit >= time.Second) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// TestBreakerSilentProbe: a probe without a response blocks the others for at most a second.
func TestBreakerSilentProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{attempts: []attempt{responds(500)}}
		client := transport.client(t, guarded)
		fails(t, transport, client, 20, responds(500))
		time.Sleep(time.Second + 1)
		transport.attempts = []attempt{hangs}
		ctx, cancel := context.WithCancel(t.Context())
		probed := make(chan error, 1)
		go func() { probed <- get(ctx, client) }()
		time.Sleep(time.Second + 1)
		synctest.Wait()
		transport.attempts = []attempt{responds(200)}
		mustBeClosed(t, transport, client)
		cancel()
		<-probed
	})
}

// TestBreakerAndRetries: the failure of an attempt says more than that the next one was not made,
// and an open breaker costs no retries.
func TestBreakerAndRetries(t *testing.T) {
	retrying := func(c *pelcro.Config) { c.CircuitBreaker, c.Retries = true, 2 }
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{attempts: []attempt{responds(500)}} // which is not retried
		client := transport.client(t, retrying)
		for range 19 {
			_ = get(t.Context(), client)
		}
		transport.attempts, transport.times = []attempt{responds(503)}, nil
		response(t, get(t.Context(), client), 503)
		transport.mustHave(t, 1)
		mustBeOpen(t, transport, client)
		begin := time.Now()
		if err := get(t.Context(), client); !isOpen(err) || time.Since(begin) != 0 {
			t.Errorf("got %v after %v", err, time.Since(begin))
		}
	})
}

// TestWithoutBreaker: every call is made.
func TestWithoutBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{}
		client := transport.client(t, func(c *pelcro.Config) { c.Retries = 0 })
		fails(t, transport, client, 1000, responds(500))
	})
}
