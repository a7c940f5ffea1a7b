package pelcro_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// errBroken is a failure of the transport.
var errBroken = errors.New("broken")

// attempt is what a transport does with one request.
type attempt func(r *http.Request) (*http.Response, error)

// roundTripper is a transport that does the same with each request.
type roundTripper attempt

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// scripted is a transport that does with each request what the next attempt says; the last attempt
// is used again and again.
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

// sent tells the request's trace that it was sent.
func sent(r *http.Request, reused bool) {
	trace := httptrace.ContextClientTrace(r.Context())
	trace.GetConn("pelcro.example:443")
	trace.GotConn(httptrace.GotConnInfo{Reused: reused})
	trace.WroteHeaderField("Accept", nil)
}

// responds is an attempt with a response, with headers in pairs.
func responds(status int, headers ...string) attempt {
	return func(r *http.Request) (*http.Response, error) {
		sent(r, false)
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
		sent(r, false)
		return nil, err
	}
}

// stale is an attempt on a kept connection that breaks.
func stale(r *http.Request) (*http.Response, error) {
	sent(r, true)
	return nil, errBroken
}

// hangs is an attempt without a response.
func hangs(r *http.Request) (*http.Response, error) {
	sent(r, false)
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// cuts is an attempt of which the body breaks.
func cuts(r *http.Request) (*http.Response, error) {
	sent(r, false)
	broken, w := io.Pipe()
	w.CloseWithError(io.ErrUnexpectedEOF)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: broken}, nil
}
