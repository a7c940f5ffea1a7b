package customers_test

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// upstream is a Pelcro with scripted responses that keeps the requests.
type upstream struct {
	mu        sync.Mutex
	requests  []request
	responses []http.HandlerFunc
}

// request is a request as the upstream saw it.
type request struct {
	line string // method, path and query
	body string
}

// responding returns an upstream that gives the responses one after the other, and then the last
// one for ever.
func responding(responses ...http.HandlerFunc) *upstream { return &upstream{responses: responses} }

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	u.mu.Lock()
	u.requests = append(u.requests, request{line: r.Method + " " + r.RequestURI, body: string(body)})
	respond := u.responses[0]
	if len(u.responses) > 1 {
		u.responses = u.responses[1:]
	}
	u.mu.Unlock()
	respond(w, r)
}

// received returns the requests so far.
func (u *upstream) received() []request {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.requests)
}

// mustHaveReceived checks how many requests arrived.
func (u *upstream) mustHaveReceived(t *testing.T, n int) {
	t.Helper()
	if got := u.received(); len(got) != n {
		t.Errorf("%d requests reached the upstream, want %d: %v", len(got), n, got)
	}
}

// unreachable is an upstream that no request may reach.
func unreachable(t *testing.T) *upstream {
	t.Helper()
	u := responding(succeed)
	t.Cleanup(func() { u.mustHaveReceived(t, 0) })
	return u
}

// respond gives a JSON body and, in pairs, headers.
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

// html gives an HTML page.
func html(status int) http.HandlerFunc {
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

// cut promises a longer body than it sends.
func cut(status int, start string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(start)+1000))
		w.WriteHeader(status)
		io.WriteString(w, start)
	}
}
