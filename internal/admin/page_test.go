package admin

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestPage: the page is at the root, on loopback and for local names only, and hides no other path.
func TestPage(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") })
	for _, test := range []struct {
		name       string
		page       http.Handler
		loopback   bool
		host, path string
		status     int
		body       string
	}{
		{"loopback", page, true, "127.0.0.1:9095", "/", 200, "page"},
		{"below", page, true, "localhost", "/app.js", 200, "page"},
		{"hides nothing", page, true, "localhost", "/livez", 200, "alive\n"},
		{"foreign name", page, true, "example.com", "/", 403, "the admin address responds to localhost, 127.0.0.1 and [::1] only\n"},
		{"not on loopback", page, false, "127.0.0.1:9095", "/", 404, "404 page not found\n"},
		{"none", nil, true, "localhost", "/", 404, "404 page not found\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := handler(Config{Page: test.page, Logger: slog.New(slog.DiscardHandler)}, prometheus.NewRegistry(), test.loopback)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, test.path, nil)
			r.Host = test.host
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != test.status || w.Body.String() != test.body {
				t.Errorf("%d %q", w.Code, w.Body)
			}
		})
	}
}
