package pelcro_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// guarded turns the breaker on and the retries off.
func guarded(c *pelcro.Config) { c.CircuitBreaker, c.Retries = true, 0 }

// isOpen reports whether the call was not made.
func isOpen(err error) bool { return errors.Is(err, pelcro.ErrCircuitOpen) }

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
	if failed := noReply(t, create(t.Context(), client), false); !isOpen(failed) || len(transport.times) != before {
		t.Errorf("the breaker is closed: %v", failed)
	}
}

// mustBeClosed checks that a call is made.
func mustBeClosed(t *testing.T, transport *scripted, client *pelcro.Client) {
	t.Helper()
	transport.attempts = []attempt{replies(200)}
	if err := get(t.Context(), client); err != nil {
		t.Errorf("the breaker is open: %v", err)
	}
}

// TestBreakerOpens: what counts as a failure, and what does not.
func TestBreakerOpens(t *testing.T) {
	for _, test := range []struct {
		name  string
		how   attempt
		opens bool
	}{
		{"500", replies(500), true},
		{"501", replies(501), true},
		{"503", replies(503), true},
		{"599", replies(599), true},
		{"not sent", unsent(errBroken), true},
		{"lost", lost(errBroken), true},
		{"cut", cuts, true},

		{"200", replies(200), false},
		{"302", replies(302), false},
		{"400", replies(400), false},
		{"401", replies(401), false},
		{"404", replies(404), false},
		{"429", replies(429), false},
		{"499", replies(499), false},
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
				fails(t, transport, client, 1000, test.how)
				mustBeClosed(t, transport, client)
			})
		})
	}
}

// TestBreakerOpensOnTimeLimits: a Pelcro that is silent is as dead as one that
// refuses. The calls come at the same time, as those of many callers do.
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

type roundTripper attempt

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestBreakerNeedsHalf: at least twenty calls within ten seconds, of which at least
// half fail.
func TestBreakerNeedsHalf(t *testing.T) {
	t.Run("nineteen are too few", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			transport := &scripted{}
			client := transport.client(t, guarded)
			fails(t, transport, client, 19, replies(500))
			mustBeClosed(t, transport, client)
		})
	})
	t.Run("less than half", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			transport := &scripted{}
			client := transport.client(t, guarded)
			fails(t, transport, client, 51, replies(200))
			fails(t, transport, client, 50, replies(500))
			mustBeClosed(t, transport, client)
		})
	})
	t.Run("half", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			transport := &scripted{}
			client := transport.client(t, guarded)
			fails(t, transport, client, 50, replies(404))
			fails(t, transport, client, 50, replies(500))
			mustBeOpen(t, transport, client)
		})
	})
	t.Run("the successes are long ago", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			transport := &scripted{}
			client := transport.client(t, guarded)
			fails(t, transport, client, 1000, replies(200))
			time.Sleep(10 * time.Second)
			fails(t, transport, client, 20, replies(500))
			mustBeOpen(t, transport, client)
		})
	})
	t.Run("the failures are long ago", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			transport := &scripted{}
			client := transport.client(t, guarded)
			fails(t, transport, client, 19, replies(500))
			time.Sleep(10 * time.Second)
			fails(t, transport, client, 19, replies(500))
			mustBeClosed(t, transport, client)
		})
	})
}

// TestBreakerCloses: after a second, one call at a time, until one is answered.
func TestBreakerCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{}
		client := transport.client(t, guarded)
		var told []bool
		client.OnCircuitChange(func(closed bool) { told = append(told, closed) })
		fails(t, transport, client, 20, replies(500))
		time.Sleep(999 * time.Millisecond)
		mustBeOpen(t, transport, client)
		time.Sleep(2 * time.Millisecond)
		fails(t, transport, client, 1, lost(errBroken)) // the probe
		mustBeOpen(t, transport, client)
		time.Sleep(time.Second + 1)
		// A refusal is an answer, too.
		fails(t, transport, client, 1, replies(404))
		mustBeClosed(t, transport, client)
		// And it counts anew.
		fails(t, transport, client, 18, replies(500))
		mustBeClosed(t, transport, client)
		if last := told[len(told)-1]; !last || told[0] {
			t.Errorf("told %v", told)
		}
	})
}

// TestBreakerProbesOneByOne: who comes while the probe is under way is not sent. Its
// answer closes the breaker, also when that took longer than a probe has.
func TestBreakerProbesOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{}
		client := transport.client(t, guarded)
		fails(t, transport, client, 20, replies(500))
		time.Sleep(time.Second + 1)
		transport.attempts = []attempt{func(r *http.Request) (*http.Response, error) {
			time.Sleep(5 * time.Second)
			return replies(200)(r)
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

// TestBreakerIgnoresTheCaller: a call that its caller ended says nothing of Pelcro,
// neither against it nor, as the probe, in its favour.
func TestBreakerIgnoresTheCaller(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(context.Context) (context.Context, context.CancelFunc)
	}{
		{"cancel", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(10*time.Millisecond, cancel)
			return ctx, cancel
		}},
		{"deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 10*time.Millisecond)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport := &scripted{attempts: []attempt{hangs}}
				client := transport.client(t, guarded)
				leave := func() {
					t.Helper()
					ctx, cancel := test.end(t.Context())
					defer cancel()
					noReply(t, get(ctx, client), true)
				}
				for range 1000 {
					leave()
				}
				transport.mustHave(t, 1000)

				time.Sleep(10 * time.Second)
				fails(t, transport, client, 20, replies(500))
				time.Sleep(time.Second + 1)
				transport.attempts = []attempt{hangs}
				leave()                                      // as the probe
				fails(t, transport, client, 1, replies(500)) // the next one is it, and fails
				mustBeOpen(t, transport, client)
				time.Sleep(time.Second + 1)
				transport.attempts = []attempt{hangs}
				leave()
				mustBeClosed(t, transport, client)
			})
		})
	}
}

// TestBreakerOpensOnDeadlines: most callers have a deadline, and a Pelcro that lets
// them all wait for it is silent.
func TestBreakerOpensOnDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := at(t, "https://pelcro.example"+basePath, guarded, func(c *pelcro.Config) { c.Transport = roundTripper(hangs) })
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			go func() {
				defer cancel()
				_ = get(ctx, client)
			}()
		}
		time.Sleep(time.Second + 1)
		synctest.Wait()
		if err := get(t.Context(), client); !isOpen(err) {
			t.Errorf("got %v", err)
		}
	})
}

// TestBreakerSilentProbe: a probe that is not answered holds up the others for no
// longer than a second.
func TestBreakerSilentProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{attempts: []attempt{replies(500)}}
		client := transport.client(t, guarded)
		fails(t, transport, client, 20, replies(500))
		time.Sleep(time.Second + 1)
		transport.attempts = []attempt{hangs}
		ctx, cancel := context.WithCancel(t.Context())
		probed := make(chan error, 1)
		go func() { probed <- get(ctx, client) }()
		time.Sleep(time.Second + 1)
		synctest.Wait()
		transport.attempts = []attempt{replies(200)}
		mustBeClosed(t, transport, client)
		cancel()
		<-probed
	})
}

// TestBreakerAndRetries: an attempt that was made says more than that the next one
// was not, and a breaker that is open costs no retries.
func TestBreakerAndRetries(t *testing.T) {
	retrying := func(c *pelcro.Config) { c.CircuitBreaker, c.Retries = true, 2 }
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{attempts: []attempt{replies(500)}} // which is not repeated
		client := transport.client(t, retrying)
		for range 19 {
			_ = get(t.Context(), client)
		}
		transport.attempts, transport.times = []attempt{replies(503)}, nil
		if failed := failure(t, get(t.Context(), client)); failed.StatusCode != 503 || !failed.Sent {
			t.Errorf("got %+v", failed)
		}
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
		fails(t, transport, client, 1000, replies(500))
	})
}
