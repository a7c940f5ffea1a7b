package pelcro_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// errBroken is a failure of the transport.
var errBroken = errors.New("broken")

// attempt is what a transport does with one request.
type attempt func(r *http.Request) (*http.Response, error)

// scripted is a transport that does with each request what the next attempt says;
// the last one stays.
type scripted struct {
	attempts []attempt
	times    []time.Time // when the requests came
}

func (s *scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	s.times = append(s.times, time.Now())
	do := s.attempts[min(len(s.times), len(s.attempts))-1]
	return do(r)
}

// client returns a client with two retries over the transport.
func (s *scripted) client(t *testing.T, options ...func(*pelcro.Config)) *pelcro.Client {
	t.Helper()
	return at(t, "https://pelcro.example"+basePath, append([]func(*pelcro.Config){func(c *pelcro.Config) {
		c.Transport, c.Retries = s, 2
	}}, options...)...)
}

// waits are the times between the requests.
func (s *scripted) waits() []time.Duration {
	waits := make([]time.Duration, 0, len(s.times))
	for i := 1; i < len(s.times); i++ {
		waits = append(waits, s.times[i].Sub(s.times[i-1]))
	}
	return waits
}

// mustHave checks how many attempts there were.
func (s *scripted) mustHave(t *testing.T, attempts int) {
	t.Helper()
	if n := len(s.times); n != attempts {
		t.Errorf("%d attempts, want %d", n, attempts)
	}
}

// sent tells the request's trace that it went out.
func sent(r *http.Request) {
	trace := httptrace.ContextClientTrace(r.Context())
	trace.GetConn("pelcro.example:443")
	trace.GotConn(httptrace.GotConnInfo{})
	trace.WroteHeaderField("Accept", nil)
}

// replies is an attempt that is answered, with headers in pairs.
func replies(status int, headers ...string) attempt {
	return func(r *http.Request) (*http.Response, error) {
		sent(r)
		header := http.Header{}
		for i := 0; i < len(headers); i += 2 {
			header.Set(headers[i], headers[i+1])
		}
		body := `{"data":{"id":1001}}`
		if r.Method == http.MethodDelete {
			body = ""
		}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

// unsent and lost are attempts that fail before anything was sent, and after.
func unsent(err error) attempt {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

func lost(err error) attempt {
	return func(r *http.Request) (*http.Response, error) {
		sent(r)
		return nil, err
	}
}

// hangs is an attempt without an answer.
func hangs(r *http.Request) (*http.Response, error) {
	sent(r)
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// cuts is an attempt of which the body breaks.
func cuts(r *http.Request) (*http.Response, error) {
	sent(r)
	broken, w := io.Pipe()
	w.CloseWithError(errBroken)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: broken}, nil
}

// TestRepetitions: reads heal by themselves, changes only when nothing was sent, a
// create is made once.
func TestRepetitions(t *testing.T) {
	const reads, changes, creates = 1, 2, 4
	kinds := map[string]int{
		"GET customers/{id}": reads, "GET customers": reads,
		"PUT customers/{id}": changes, "DELETE customers/{id}": changes,
		"POST customers": creates,
	}
	for _, test := range []struct {
		name     string
		attempt  attempt
		repeated int // the kinds
	}{
		{"502", replies(502), reads},
		{"503", replies(503), reads},
		{"504", replies(504), reads},
		{"lost", lost(errBroken), reads},
		{"cut", cuts, reads},
		{"not sent", unsent(errBroken), reads | changes},

		{"200", replies(200), 0},
		{"302", replies(302), 0},
		{"400", replies(400), 0},
		{"404", replies(404), 0},
		{"408", replies(408), 0},
		{"409", replies(409), 0},
		{"425", replies(425), 0},
		{"429", replies(429), 0},
		{"429 with a delay", replies(429, "Retry-After", "1"), 0},
		{"499", replies(499), 0},
		{"500", replies(500), 0},
		{"501", replies(501), 0},
		{"520", replies(520), 0},
		{"522", replies(522), 0},
		{"529", replies(529), 0},
		{"certificate not trusted", unsent(&tls.CertificateVerificationError{Err: errBroken}), 0},
		{"plain HTTP", unsent(http.ErrSchemeMismatch), 0},
		{"time limit", hangs, 0},
	} {
		for _, call := range calls {
			t.Run(test.name+"/"+call.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					transport := &scripted{attempts: []attempt{test.attempt}}
					_ = call.do(t.Context(), transport.client(t))
					want := 1
					if kinds[call.name]&test.repeated != 0 {
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
			transport := &scripted{attempts: []attempt{replies(503)}}
			client := transport.client(t, func(c *pelcro.Config) { c.Retries = retries })
			if failed := failure(t, get(t.Context(), client)); failed.StatusCode != 503 {
				t.Errorf("got %v", failed)
			}
			transport.mustHave(t, 1+retries)
		})
	}
}

// TestRepetitionSucceeds: the caller sees nothing of the failures.
func TestRepetitionSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{attempts: []attempt{replies(503), lost(errBroken), replies(200)}}
		if err := get(t.Context(), transport.client(t)); err != nil {
			t.Error(err)
		}
		transport.mustHave(t, 3)
	})
}

// TestBackoff: anything up to a bound that doubles, so that callers do not come
// back in step.
func TestBackoff(t *testing.T) {
	var most [2]time.Duration
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			transport := &scripted{attempts: []attempt{replies(503)}}
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

// TestRetryAfter: who asks for time gets it, if the caller has it.
func TestRetryAfter(t *testing.T) {
	const date = "Sun, 06 Nov 1994 08:49:37 GMT"
	for _, test := range []struct {
		name     string
		headers  []string
		deadline time.Duration // of the caller, 0 for none
		wait     time.Duration // -1: not repeated
	}{
		{"seconds", []string{"Retry-After", "3"}, 0, 3 * time.Second},
		{"seconds that fit", []string{"Retry-After", "3"}, 4 * time.Second, 3 * time.Second},
		{"seconds that do not fit", []string{"Retry-After", "3"}, 2 * time.Second, -1},
		{"exactly the deadline", []string{"Retry-After", "3"}, 3 * time.Second, -1},
		{"beyond the time limit", []string{"Retry-After", "30"}, 0, -1},
		{"a date", []string{"Date", date, "Retry-After", "Sun, 06 Nov 1994 08:49:41 GMT"}, 0, 4 * time.Second},
		{"a date of RFC 850", []string{"Date", date, "Retry-After", "Sunday, 06-Nov-94 08:49:41 GMT"}, 0, 4 * time.Second},
		{"a date of asctime", []string{"Date", date, "Retry-After", "Sun Nov  6 08:49:41 1994"}, 0, 4 * time.Second},
		{"a date that does not fit", []string{"Date", date, "Retry-After", "Sun, 06 Nov 1994 08:49:41 GMT"}, time.Second, -1},
		{"a date without one to measure from", []string{"Retry-After", "Sun, 06 Nov 1994 08:49:41 GMT"}, 0, 0},
		{"a date in the past", []string{"Date", date, "Retry-After", "Sun, 06 Nov 1994 08:49:00 GMT"}, 0, 0},
		{"none at all", []string{"Retry-After", "0"}, 0, 0},
		{"signed", []string{"Retry-After", "+3"}, 0, 0},
		{"fractional", []string{"Retry-After", "1.5"}, 0, 0},
		{"beyond all bounds", []string{"Retry-After", "99999999999999999999"}, 0, -1},
		{"garbage", []string{"Retry-After", "soon"}, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if test.deadline > 0 {
					ctx, cancel = context.WithTimeout(ctx, test.deadline)
				}
				defer cancel()
				begin := time.Now()
				transport := &scripted{attempts: []attempt{replies(503, test.headers...), replies(200)}}
				err := get(ctx, transport.client(t))
				if test.wait < 0 {
					transport.mustHave(t, 1)
					if failed := failure(t, err); failed.StatusCode != 503 || time.Since(begin) != 0 {
						t.Errorf("got %v after %v", failed, time.Since(begin))
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

// TestRetryBudget: of many calls that fail, few are repeated, and calls that
// succeed earn the right to it.
func TestRetryBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{attempts: []attempt{replies(503, "Retry-After", "0")}}
		client := transport.client(t)
		for range 1000 {
			_ = get(t.Context(), client)
		}
		// The three that are there from the start, and one a second for the backoff.
		if n := len(transport.times); n < 1003 || n > 1004 {
			t.Errorf("%d requests for 1000 calls", n)
		}
		transport.attempts, transport.times = []attempt{replies(200)}, nil
		for range 25 {
			_ = get(t.Context(), client)
		}
		transport.attempts, transport.times = []attempt{replies(503)}, nil
		for range 1000 {
			_ = get(t.Context(), client)
		}
		if n := len(transport.times); n < 1005 || n > 1006 {
			t.Errorf("%d requests for 1000 calls after 25 that succeeded", n)
		}
	})
}

// TestCallerLeavesDuringThePause: what came back last is the answer, not the end of
// the wait for something better.
func TestCallerLeavesDuringThePause(t *testing.T) {
	t.Run("a reply", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			transport := &scripted{attempts: []attempt{replies(503, "Retry-After", "5"), replies(200)}}
			begin := time.Now()
			failed := failure(t, get(ctx, transport.client(t)))
			if failed.StatusCode != 503 || failed.Header.Get("Retry-After") != "5" || time.Since(begin) != time.Second {
				t.Errorf("got %+v after %v", failed, time.Since(begin))
			}
			transport.mustHave(t, 1)
		})
	})
	t.Run("no reply", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			transport := &scripted{attempts: []attempt{func(r *http.Request) (*http.Response, error) {
				time.AfterFunc(1, cancel)
				return lost(errBroken)(r)
			}, replies(200)}}
			failed := noReply(t, get(ctx, transport.client(t)), true)
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

// TestSentStaysTrue: a later attempt that was not sent does not undo that an
// earlier one was.
func TestSentStaysTrue(t *testing.T) {
	for _, first := range []attempt{replies(503), lost(errBroken)} {
		synctest.Test(t, func(t *testing.T) {
			transport := &scripted{attempts: []attempt{first, unsent(errBroken)}}
			noReply(t, get(t.Context(), transport.client(t)), true)
			transport.mustHave(t, 3)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{attempts: []attempt{unsent(errBroken)}}
		noReply(t, get(t.Context(), transport.client(t)), false)
		transport.mustHave(t, 3)
	})
	// A change that was not sent is tried again, and then it was.
	synctest.Test(t, func(t *testing.T) {
		transport := &scripted{attempts: []attempt{unsent(errBroken), lost(errBroken)}}
		_, err := transport.client(t).UpdateCustomer(t.Context(), 0, 1001, pelcro.Attributes{{"title", "Dr."}})
		noReply(t, err, true)
		transport.mustHave(t, 2)
	})
}

// TestTimeLimitHoldsAllAttempts: the repetitions are within the time limit, which
// is not the caller's.
func TestTimeLimitHoldsAllAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(r *http.Request) (*http.Response, error) {
			time.Sleep(18 * time.Second)
			return replies(503)(r)
		}
		transport := &scripted{attempts: []attempt{slow, hangs}}
		begin := time.Now()
		failed := noReply(t, get(t.Context(), transport.client(t)), true)
		if took := time.Since(begin); took != pelcro.DefaultTimeout {
			t.Errorf("got %+v after %v", failed, took)
		}
		transport.mustHave(t, 2)
	})
}
