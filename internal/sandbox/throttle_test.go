package sandbox_test

import (
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

func TestThrottle(t *testing.T) {
	clock := newClock()
	c := start(t, sandbox.Config{RequestsPerMinute: 2, Now: clock.Now})
	step := func(status int, remaining, retryAfter, resetAt string) {
		t.Helper()
		got := c.call("GET", "customers/1001", "")
		for key, want := range map[string]string{
			"X-RateLimit-Limit": "2", "X-RateLimit-Remaining": remaining, "Retry-After": retryAfter, "X-RateLimit-Reset": resetAt,
		} {
			if got.header.Get(key) != want {
				t.Errorf("%s = %q, want %q", key, got.header.Get(key), want)
			}
		}
		if got.status != status {
			t.Errorf("status %d, want %d", got.status, status)
		}
		if status == 429 && got.body != "{\n    \"message\": \"Too Many Attempts.\"\n}" {
			t.Errorf("body %s", got.body)
		}
	}
	step(200, "1", "", "")
	clock.advance(59 * time.Second)
	step(200, "0", "", "")
	step(429, "0", "1", "1800000060")
	clock.advance(time.Second)
	step(200, "1", "", "")
	clock.advance(time.Hour)
	step(200, "1", "", "")
	clock.advance(10 * time.Second)
	// A request with a rejected site counts, a request with a rejected key does not.
	foreign := c.bare("GET", "customers?site_id=2", "")
	if got := c.send(foreign); got.status != 403 || got.header.Get("X-RateLimit-Remaining") != "0" {
		t.Errorf("%d, remaining %q", got.status, got.header.Get("X-RateLimit-Remaining"))
	}
	keyless := c.request("GET", "customers", "")
	keyless.Header.Del("Authorization")
	if got := c.send(keyless); got.status != 401 || got.header.Get("X-RateLimit-Limit") != "" {
		t.Errorf("%d, limit %q", got.status, got.header.Get("X-RateLimit-Limit"))
	}
	step(429, "0", "50", "1800003720")
}

// The account tells the limit, counts against it, and is only read.
func TestAccount(t *testing.T) {
	c := start(t, sandbox.Config{RequestsPerMinute: 120})
	got := c.call("GET", "account", "")
	want := `{"data":{"id":1,"company":"Sandbox","country":"CA","default_currency":"cad","is_enterprise":false,"taxes_enabled":false,"api_core_rate_limit":120}}`
	if got.status != 200 || got.body != want || got.header.Get("X-RateLimit-Remaining") != "119" {
		t.Errorf("%d, %v: %s", got.status, got.header, got.body)
	}
	if got := c.call("PUT", "account", ""); got.status != 405 || got.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("PUT: %d, %v", got.status, got.header)
	}
}
