package server_test

import (
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// mustHaveSeen checks the number of requests that arrived.
func mustHaveSeen(t *testing.T, upstream *testkit.Script, n int) {
	t.Helper()
	if got := upstream.Requests(); len(got) != n {
		t.Errorf("%d requests reached the upstream, want %d: %v", len(got), n, got)
	}
}

// htmlPage responds with HTML.
func htmlPage(status int) http.HandlerFunc {
	return testkit.Respond(status, "<!DOCTYPE html><html><body>canary page</body></html>", "Content-Type", "text/html")
}

// cut announces a longer body than it sends.
func cut(status int, start string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(start)+1000))
		w.WriteHeader(status)
		io.WriteString(w, start)
	}
}

// rejectAll is an upstream that no request may reach.
func rejectAll(t *testing.T) *testkit.Script {
	t.Helper()
	upstream := testkit.NewScript(testkit.Succeed)
	t.Cleanup(func() { mustHaveSeen(t, upstream, 0) })
	return upstream
}
