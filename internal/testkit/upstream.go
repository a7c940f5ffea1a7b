package testkit

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Upstream serves the handler over HTTP until the test ends, and returns the URL.
func Upstream(tb testing.TB, handler http.Handler) string {
	tb.Helper()
	web := httptest.NewUnstartedServer(handler)
	web.Config.ErrorLog = log.New(io.Discard, "", 0) // it would log each broken connection
	web.Start()
	tb.Cleanup(web.Close)
	return web.URL
}

// Script is an upstream with prepared responses. It keeps the requests.
type Script struct {
	mu        sync.Mutex
	requests  []Request
	responses []http.HandlerFunc
}

// Request is a request as the upstream received it.
type Request struct {
	Line   string // method, path and query
	Header http.Header
	Body   string
}

// NewScript returns an upstream that gives the responses in order; the last one stays.
func NewScript(responses ...http.HandlerFunc) *Script { return &Script{responses: responses} }

// ServeHTTP gives the next response.
func (s *Script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	s.mu.Lock()
	s.requests = append(s.requests, Request{Line: r.Method + " " + r.RequestURI, Header: r.Header, Body: string(body)})
	response := s.responses[0]
	if len(s.responses) > 1 {
		s.responses = s.responses[1:]
	}
	s.mu.Unlock()
	response(w, r)
}

// Requests returns the requests so far.
func (s *Script) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Respond responds with a body in JSON and, in pairs, headers.
func Respond(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for pair := range slices.Chunk(headers, 2) {
			w.Header().Set(pair[0], pair[1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// Succeed responds to any request about customers with success, about customer 42.
func Succeed(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/customers"):
		Respond(http.StatusOK, `{"data":[{"id":42}]}`)(w, r)
	default:
		Respond(http.StatusOK, `{"data":{"id":42}}`)(w, r)
	}
}

// Verbatim responds with exactly these bytes and closes the connection; without bytes, the
// connection just breaks.
func Verbatim(response string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // unread, it would reset the connection
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, response)
		_ = conn.Close()
	}
}

// Hanging is an upstream that reads requests and never responds.
type Hanging struct {
	Arrived chan struct{} // receives one value for each request
	Gone    chan struct{} // and one for each request whose client went away
}

// NewHanging returns one for up to 1,000 requests.
func NewHanging() Hanging {
	return Hanging{Arrived: make(chan struct{}, 1000), Gone: make(chan struct{}, 1000)}
}

// ServeHTTP waits until the client goes away.
func (h Hanging) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // the end of the connection is noticed only after that
	h.Arrived <- struct{}{}
	<-r.Context().Done()
	h.Gone <- struct{}{}
	panic(http.ErrAbortHandler)
}

// Listen listens on a free loopback port until the test ends.
func Listen(tb testing.TB) net.Listener {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = listener.Close() })
	return listener
}
