package server_test

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// fake is an upstream with prepared responses. It keeps the requests.
type fake struct {
	mu        sync.Mutex
	requests  []sent
	responses []http.HandlerFunc
}

// sent is a request as the upstream saw it.
type sent struct {
	line   string // method, path and query
	header http.Header
	body   string
}

// respondingWith returns an upstream that gives the responses in order; the last one stays.
func respondingWith(responses ...http.HandlerFunc) *fake { return &fake{responses: responses} }

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	f.mu.Lock()
	f.requests = append(f.requests, sent{line: r.Method + " " + r.RequestURI, header: r.Header, body: string(body)})
	response := f.responses[0]
	if len(f.responses) > 1 {
		f.responses = f.responses[1:]
	}
	f.mu.Unlock()
	response(w, r)
}

// sent returns the requests so far.
func (f *fake) sent() []sent {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

// mustHaveSeen checks the number of requests that arrived.
func (f *fake) mustHaveSeen(t *testing.T, n int) {
	t.Helper()
	if got := f.sent(); len(got) != n {
		t.Errorf("%d requests reached the upstream, want %d: %v", len(got), n, got)
	}
}

// respond responds with a JSON body and, in pairs, headers.
func respond(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for pair := range slices.Chunk(headers, 2) {
			w.Header().Set(pair[0], pair[1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// htmlPage responds with HTML.
func htmlPage(status int) http.HandlerFunc {
	return respond(status, "<!DOCTYPE html><html><body>canary page</body></html>", "Content-Type", "text/html")
}

// succeed responds to any request with success, about customer 42.
func succeed(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodGet && r.URL.Path == "/api/v1/core/customers":
		respond(http.StatusOK, `{"data":[{"id":42}]}`)(w, r)
	default:
		respond(http.StatusOK, `{"data":{"id":42}}`)(w, r)
	}
}

// hanging is an upstream that reads requests and never responds; arrived reports each request, and
// gone each whose client went away.
type hanging struct{ arrived, gone chan struct{} }

func newHanging() hanging {
	return hanging{arrived: make(chan struct{}, 100), gone: make(chan struct{}, 100)}
}

func (h hanging) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	h.arrived <- struct{}{}
	<-r.Context().Done()
	h.gone <- struct{}{}
	panic(http.ErrAbortHandler)
}

// cut announces a longer body than it sends.
func cut(status int, start string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(start)+1000))
		w.WriteHeader(status)
		io.WriteString(w, start)
	}
}

// raw responds with exactly these bytes and closes the connection; without bytes, the connection
// just breaks.
func raw(bytes string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		io.WriteString(connection, bytes)
		connection.Close()
	}
}

// rejectAll is an upstream that no request may reach.
func rejectAll(t *testing.T) *fake {
	t.Helper()
	upstream := respondingWith(succeed)
	t.Cleanup(func() { upstream.mustHaveSeen(t, 0) })
	return upstream
}
