package pelcro_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// TestRetries: reads are retried, changes only when nothing was sent, a create is made once.
func TestRetries(t *testing.T) {
	const reads, changes, creates = 1, 2, 4
	kinds := map[string]int{
		"GET customers/{id}": reads, "GET customers": reads,
		"PUT customers/{id}": changes, "DELETE customers/{id}": changes,
		"POST customers": creates,
	}
	for _, test := range []struct {
		name    string
		attempt attempt
		retried int // the kinds
	}{
		{"502", responds(502), reads},
		{"503", responds(503), reads},
		{"504", responds(504), reads},
		{"520", responds(520), reads},
		{"521", responds(521), reads},
		{"522", responds(522), reads},
		{"523", responds(523), reads},
		{"524", responds(524), reads},
		{"lost", lost(errBroken), reads},
		{"cut", cuts, reads},
		{"not sent", unsent(errBroken), reads | changes},

		{"200", responds(200), 0},
		{"302", responds(302), 0},
		{"400", responds(400), 0},
		{"404", responds(404), 0},
		{"408", responds(408), 0},
		{"409", responds(409), 0},
		{"425", responds(425), 0},
		{"429", responds(429), 0},
		{"429 with a delay", responds(429, "Retry-After", "1"), 0},
		{"499", responds(499), 0},
		{"500", responds(500), 0},
		{"501", responds(501), 0},
		{"519", responds(519), 0},
		{"525", responds(525), 0},
		{"529", responds(529), 0},
		{"999", responds(999), 0},
		{"certificate not trusted", unsent(&tls.CertificateVerificationError{Err: errBroken}), 0},
		{"port without TLS", unsent(tls.RecordHeaderError{Msg: "not TLS"}), 0},
		{"time limit", hangs, 0},
	} {
		for _, call := range calls {
			t.Run(test.name+"/"+call.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					transport := &scripted{attempts: []attempt{test.attempt}}
					_ = call.do(t.Context(), transport.client(t))
					want := 1
					if kinds[call.name]&test.retried != 0 {
						want = 3
					}
					transport.mustHave(t, want)
				})
			})
		}
	}
}

// TestRetriesAreCounted: as many as are configured, and none by default.
func TestRetriesAreCounted(t *testing.T) {
	for retries := range 4 {
		synctest.Test(t, func(t *testing.T) {
			transport := &scripted{attempts: []attempt{responds(503)}}
			client := transport.client(t, func(c *pelcro.Config) { c.Retries = retries })
			response(t, get(t.Context(), client), 503)
			transport.mustHave(t, 1+retries)
		})
	}
}

// TestRetrySucceeds: the caller sees nothing of the failures.
func TestRetrySucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{attempts: []attempt{responds(503), lost(errBroken), responds(200)}}
		if err := get(t.Context(), transport.client(t)); err != nil {
			t.Error(err)
		}
		transport.mustHave(t, 3)
	})
}

// TestBackoff: anything up to a bound that doubles, so that callers do not return in step.
func TestBackoff(t *testing.T) {
	var most [2]time.Duration
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			transport := &scripted{attempts: []attempt{responds(503)}}
			_ = get(t.Context(), transport.client(t))
			for i, wait := range transport.waits() {
				most[i] = max(most[i], wait)
			}
		})
	}
	for i, bound := range []time.Duration{100 * time.Millisecond, 200 * time.Millisecond} {
		if most[i] > bound || most[i] < bound/2 {
			t.Errorf("the longest of the waits before retry %d is %v, the bound is %v", i+1, most[i], bound)
		}
	}
}

// TestRetryAfter: a retry waits as long as Pelcro asks, if the caller has that time. All forms of the
// header are tested in internal/retryafter.
func TestRetryAfter(t *testing.T) {
	const date = "Sun, 06 Nov 1994 08:49:37 GMT"
	for _, test := range []struct {
		name     string
		headers  []string
		deadline time.Duration // of the caller, 0 for none
		wait     time.Duration // -1: not retried
	}{
		{"seconds", []string{"Retry-After", "3"}, 0, 3 * time.Second},
		{"seconds that fit", []string{"Retry-After", "3"}, 4 * time.Second, 3 * time.Second},
		{"seconds that do not fit", []string{"Retry-After", "3"}, 2 * time.Second, -1},
		{"exactly the deadline", []string{"Retry-After", "3"}, 3 * time.Second, -1},
		{"beyond the time limit", []string{"Retry-After", "30"}, 0, -1},
		{"a date", []string{"Date", date, "Retry-After", "Sun, 06 Nov 1994 08:49:41 GMT"}, 0, 4 * time.Second},
		{"a date that does not fit", []string{"Date", date, "Retry-After", "Sun, 06 Nov 1994 08:49:41 GMT"}, time.Second, -1},
		{"unknown", []string{"Retry-After", "soon"}, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if test.deadline > 0 {
					ctx, cancel = context.WithTimeout(ctx, test.deadline)
				}
				defer cancel()
				begin := time.Now()
				transport := &scripted{attempts: []attempt{responds(503, test.headers...), responds(200)}}
				err := get(ctx, transport.client(t))
				if test.wait < 0 {
					transport.mustHave(t, 1)
					response(t, err, 503)
					if took := time.Since(begin); took != 0 {
						t.Errorf("after %v", took)
					}
					return
				}
				transport.mustHave(t, 2)
				if err != nil {
					t.Fatal(err)
				}
				if wait := transport.waits()[0]; wait < test.wait || wait > test.wait+100*time.Millisecond {
					t.Errorf("waited %v, want %v", wait, test.wait)
				}
			})
		})
	}
}

// TestRetryBudget: of many calls that fail, few are retried, and calls that succeed earn retries.
func TestRetryBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{attempts: []attempt{responds(503, "Retry-After", "0")}}
		client := transport.client(t)
		for range 1000 {
			_ = get(t.Context(), client)
		}
		// The three of the reserve, and one per second of backoff.
		if n := len(transport.times); n < 1003 || n > 1004 {
			t.Errorf("%d requests for 1000 calls", n)
		}
		transport.attempts, transport.times = []attempt{responds(200)}, nil
		for range 25 {
			_ = get(t.Context(), client)
		}
		transport.attempts, transport.times = []attempt{responds(503)}, nil
		for range 1000 {
			_ = get(t.Context(), client)
		}
		if n := len(transport.times); n < 1005 || n > 1006 {
			t.Errorf("%d requests for 1000 calls after 25 that succeeded", n)
		}
	})
}

// TestCallerLeavesDuringBackoff: the last failure is returned, not the end of the wait.
func TestCallerLeavesDuringBackoff(t *testing.T) {
	t.Run("a response", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			transport := &scripted{attempts: []attempt{responds(503, "Retry-After", "5"), responds(200)}}
			begin := time.Now()
			got := response(t, get(ctx, transport.client(t)), 503)
			if took := time.Since(begin); got.Header.Get("Retry-After") != "5" || took != time.Second {
				t.Errorf("got %+v after %v", got, took)
			}
			transport.mustHave(t, 1)
		})
	})
	t.Run("no response", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			transport := &scripted{attempts: []attempt{func(r *http.Request) (*http.Response, error) {
				time.AfterFunc(1, cancel)
				return lost(errBroken)(r)
			}, responds(200)}}
			failed := noResponse(t, get(ctx, transport.client(t)), pelcro.ConnectionLost, true)
			if !errors.Is(failed, errBroken) {
				t.Errorf("got %v", failed)
			}
			// The backoff may be over first, which is rare.
			if n := len(transport.times); n > 2 {
				t.Errorf("%d attempts", n)
			}
		})
	})
}

// TestSentStaysTrue: a later attempt that was not sent does not undo that an earlier one was.
func TestSentStaysTrue(t *testing.T) {
	for _, first := range []attempt{responds(503), lost(errBroken)} {
		synctest.Test(t, func(t *testing.T) {
			transport := &scripted{attempts: []attempt{first, unsent(errBroken)}}
			noResponse(t, get(t.Context(), transport.client(t)), pelcro.Unreachable, true)
			transport.mustHave(t, 3)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{attempts: []attempt{unsent(errBroken)}}
		noResponse(t, get(t.Context(), transport.client(t)), pelcro.Unreachable, false)
		transport.mustHave(t, 3)
	})
	// A change that was not sent is retried, and then it is sent.
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{attempts: []attempt{unsent(errBroken), lost(errBroken)}}
		_, err := transport.client(t).UpdateCustomer(t.Context(), 0, 1001, map[string]any{"title": "Dr."})
		noResponse(t, err, pelcro.ConnectionLost, true)
		transport.mustHave(t, 2)
	})
}

// TestTimeLimitIncludesRetries: all attempts are within the time limit, which is not the caller's.
func TestTimeLimitIncludesRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(r *http.Request) (*http.Response, error) {
			time.Sleep(18 * time.Second)
			return responds(503)(r)
		}
		transport := &scripted{attempts: []attempt{slow, hangs}}
		begin := time.Now()
		failed := noResponse(t, get(t.Context(), transport.client(t)), pelcro.TimedOut, true)
		if took := time.Since(begin); took != pelcro.DefaultTimeout {
			t.Errorf("got %+v after %v", failed, took)
		}
		transport.mustHave(t, 2)
	})
}

// TestStaleConnections: a read on a connection that had been closed while idle is retried without
// cost: immediately, beyond the number of retries, outside of the budget. There is a bound, and
// behind it such a failure is like any other.
func TestStaleConnections(t *testing.T) {
	const free = 3
	for _, test := range []struct {
		call    int // in calls
		retries int
		stale   int // attempts that fail
		made    int
	}{
		{0, 0, 1, 2},
		{1, 0, 3, 4},
		{0, 0, 10, 1 + free},
		{0, 2, 4, 5},
		{0, 2, 10, 1 + free + 2},
		{2, 2, 1, 1},
		{3, 2, 1, 1},
		{4, 2, 1, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			transport := &scripted{}
			for range test.stale {
				transport.attempts = append(transport.attempts, stale)
			}
			transport.attempts = append(transport.attempts, responds(200))
			client := transport.client(t, func(c *pelcro.Config) { c.Retries = test.retries })
			err := calls[test.call].do(t.Context(), client)
			if transport.mustHave(t, test.made); test.made > test.stale {
				if err != nil {
					t.Errorf("%s: %v", calls[test.call].name, err)
				}
			} else {
				noResponse(t, err, pelcro.StaleConnection, true)
			}
			for _, wait := range transport.waits()[:min(free, test.made-1)] {
				if wait != 0 {
					t.Errorf("waited %v", wait)
				}
			}
		})
	}
	t.Run("outside of the budget", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			transport := &scripted{}
			for range 100 {
				transport.attempts = append(transport.attempts, stale, responds(404))
			}
			client := transport.client(t)
			for range 100 {
				response(t, get(t.Context(), client), 404)
			}
			transport.mustHave(t, 200)
		})
	})
}

// TestTimeLimitOfABody: a create has all of the time for headers and body; the body of a read has a
// third of it, so that a server that stops half-way is noticed early.
func TestTimeLimitOfABody(t *testing.T) {
	const limit = 9 * time.Second
	for _, test := range []struct {
		call          int // in calls
		headers, body time.Duration
		outcome       pelcro.Outcome // Success is one
		took          time.Duration
	}{
		{0, 5 * time.Second, 2 * time.Second, pelcro.Success, 7 * time.Second},
		{0, 7 * time.Second, 0, pelcro.TimedOut, 6 * time.Second},
		{0, time.Second, 4 * time.Second, pelcro.TimedOut, 4 * time.Second},
		{2, 7 * time.Second, time.Second, pelcro.Success, 8 * time.Second},
		{2, time.Second, 7 * time.Second, pelcro.Success, 8 * time.Second},
		{2, 5 * time.Second, 5 * time.Second, pelcro.TimedOut, limit},
	} {
		synctest.Test(t, func(t *testing.T) {
			slow := func(r *http.Request) (*http.Response, error) {
				sent(r, false)
				select {
				case <-time.After(test.headers):
				case <-r.Context().Done():
					return nil, r.Context().Err()
				}
				body, w := io.Pipe()
				go func() {
					select {
					case <-time.After(test.body):
						_, _ = io.WriteString(w, `{"data":{"id":1001}}`)
						w.Close()
					case <-r.Context().Done():
						w.CloseWithError(r.Context().Err())
					}
				}()
				return &http.Response{StatusCode: 201, Header: http.Header{}, ContentLength: -1, Body: body}, nil
			}
			client := at(t, "https://pelcro.example", func(c *pelcro.Config) { c.Transport, c.Timeout = roundTripper(slow), limit })
			begin := time.Now()
			err := calls[test.call].do(t.Context(), client)
			if took := time.Since(begin); took != test.took {
				t.Errorf("%+v: took %v", test, took)
			}
			if test.outcome != pelcro.Success {
				noResponse(t, err, test.outcome, true)
			} else if err != nil {
				t.Errorf("%+v: %v", test, err)
			}
		})
	}
}

// TestHeadersAreNotShared: a transport may add headers to a request without changing another.
func TestHeadersAreNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{attempts: []attempt{func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("X-Added") != "" {
				t.Error("the header of the request before")
			}
			r.Header.Set("X-Added", "1")
			return responds(503)(r)
		}}}
		client := transport.client(t)
		for range 2 {
			_ = get(t.Context(), client)
		}
		transport.mustHave(t, 5) // the third retry would be beyond the reserve
	})
}
