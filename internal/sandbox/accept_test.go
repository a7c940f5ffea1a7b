package sandbox_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// The preferred type of Accept decides; a missing header does not ask for JSON.
func TestAccept(t *testing.T) {
	c := start(t, sandbox.Config{RequestsPerMinute: 1e6})
	for accept, want := range map[string]bool{
		"application/json":                     true,
		"application/problem+json":             true,
		"text/html;q=0.5, application/JSON":    true,
		"text/html, application/json":          false,
		"application/json;q=0.1, text/*;q=0.2": false,
		"*/*":                                  false,
		"":                                     false,
	} {
		request := c.request("GET", "customers/1", "")
		request.Header.Set("Accept", accept)
		got := c.send(request)
		isJSON := got.header.Get("Content-Type") == "application/json"
		if got.status != http.StatusNotFound || isJSON != want {
			t.Errorf("Accept %q: %d %s", accept, got.status, got.header.Get("Content-Type"))
		}
	}
	browser := c.request("GET", "customers/1", "")
	browser.Header.Set("Accept", "*/*")
	browser.Header.Set("X-Requested-With", "XMLHttpRequest")
	if got := c.send(browser); got.header.Get("Content-Type") != "application/json" {
		t.Error("a script in a browser did not get JSON")
	}
}

func TestWithoutAccept(t *testing.T) {
	c := start(t, sandbox.Config{RequestsPerMinute: 4})
	plain := func(method, path, body string) *http.Request {
		request := c.request(method, path, body)
		request.Header.Del("Accept")
		return request
	}
	noKey := plain("GET", "customers", "")
	noKey.Header.Del("Authorization")
	referred := plain("GET", "customers?page=x", "")
	referred.Header.Set("Referer", "https://front.example/list")
	for _, test := range []struct {
		name     string
		request  *http.Request
		status   int
		location string
		has      string
	}{
		{"unauthenticated", noKey, 302, c.url + "/login", "Redirecting to"},
		{"invalid", plain("POST", "customers", `{}`), 302, c.url, "Redirecting to"},
		{"invalid with referer", referred, 302, "https://front.example/list", "Redirecting to"},
		{"missing", plain("GET", "customers/1", ""), 404, "", "<title>Not Found</title>"},
		{"unknown route", plain("GET", "x", ""), 404, "", "<title>Not Found</title>"},
		{"wrong verb", plain("PATCH", "customers", ""), 405, "", "<title>Method Not Allowed</title>"},
		{"success", plain("GET", "customers/1001", ""), 200, "", `{"data":{`},
		{"throttled", plain("GET", "customers/1001", ""), 429, "", "<title>Too Many Requests</title>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := c.send(test.request)
			if got.status != test.status || got.header.Get("Location") != test.location || !strings.Contains(got.body, test.has) {
				t.Errorf("%d, Location %q: %s", got.status, got.header.Get("Location"), got.body)
			}
		})
	}
}
