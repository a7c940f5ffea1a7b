package pelcro_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// accounts is a Pelcro that answers the account, and counts how often.
type accounts struct {
	mu    sync.Mutex
	reads int
	query string
	// body and status are those of the account, other those of everything else.
	body   string
	status int
	other  attempt
}

func (a *accounts) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !strings.HasSuffix(r.URL.Path, "/account") {
		return a.other(r)
	}
	sent(r, false)
	a.reads++
	a.query = r.URL.RawQuery
	return &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

func (a *accounts) set(status int, body string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status, a.body = status, body
}

func (a *accounts) mustHaveRead(t *testing.T, times int) {
	t.Helper()
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.reads != times {
		t.Errorf("the account was read %d times, want %d", a.reads, times)
	}
}

// follow has a client follow the account, until the end of the test, and returns its log.
func (a *accounts) follow(t *testing.T) (*pelcro.Client, *bytes.Buffer) {
	t.Helper()
	client := at(t, "https://pelcro.example"+basePath, func(c *pelcro.Config) { c.Transport = a }, limited(0))
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		client.FollowAccount(ctx, slog.New(slog.NewTextHandler(&log, nil)))
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return client, &log
}

const smallAccount = `{"data":{"id":1,"api_core_rate_limit":2}}`

// TestAccountLimit: the limit of the account holds from when it was read.
func TestAccountLimit(t *testing.T) {
	for name, body := range map[string]string{"a number": smallAccount, "digits": `{"data":{"api_core_rate_limit":"2"}}`} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pelcroAccounts := &accounts{status: 200, body: body, other: responds(200)}
				client, log := pelcroAccounts.follow(t)
				pelcroAccounts.mustHaveRead(t, 1)
				if pelcroAccounts.query != "site_id=7" {
					t.Errorf("query %q", pelcroAccounts.query)
				}
				spend(t, client, 1) // the account was the other
				if failed := noResponse(t, get(within(t, time.Second), client), pelcro.RateLimited, false); failed.Limit != 2 {
					t.Errorf("limit %d", failed.Limit)
				}
				if !strings.Contains(log.String(), `msg="the limit of Pelcro's account" requests_per_minute=2`) {
					t.Error(log)
				}
			})
		})
	}
}

// TestAccountIsReadAgain: once a day, after a change of the key, and after a 429 that contradicts it.
func TestAccountIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pelcroAccounts := &accounts{status: 200, body: `{"data":{"api_core_rate_limit":1000}}`, other: responds(429, "X-RateLimit-Limit", "1000", "Retry-After", "1")}
		client, log := pelcroAccounts.follow(t)
		pelcroAccounts.mustHaveRead(t, 1)
		time.Sleep(24*time.Hour - time.Second)
		pelcroAccounts.mustHaveRead(t, 1)
		time.Sleep(time.Second)
		pelcroAccounts.mustHaveRead(t, 2)

		response(t, get(t.Context(), client), 429) // others used the quota
		time.Sleep(time.Hour)
		pelcroAccounts.mustHaveRead(t, 2)
		pelcroAccounts.other = responds(429, "X-RateLimit-Limit", "60", "Retry-After", "1")
		response(t, get(t.Context(), client), 429)
		time.Sleep(time.Second)
		pelcroAccounts.mustHaveRead(t, 3)
		response(t, get(t.Context(), client), 429) // too early for another reading
		time.Sleep(10*time.Minute - 2*time.Second)
		pelcroAccounts.mustHaveRead(t, 3)
		time.Sleep(2 * time.Second)
		pelcroAccounts.mustHaveRead(t, 4)

		client.SetAPIKey(pelcro.NewSecret("another"))
		pelcroAccounts.mustHaveRead(t, 5)
		if n := strings.Count(log.String(), "\n"); n != 1 {
			t.Errorf("%d lines for an unchanged limit: %s", n, log)
		}
	})
}

// TestAccountFails: a failure is one line of the log, changes nothing, and is tried again in an hour.
func TestAccountFails(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		body   string
	}{
		{"404", 404, `{"message":"Not found."}`},
		{"no limit", 200, `{"data":{"id":1}}`},
		{"a limit of 0", 200, `{"data":{"api_core_rate_limit":0}}`},
		{"a page", 200, `<html>`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pelcroAccounts := &accounts{status: test.status, body: test.body, other: responds(200)}
				client, log := pelcroAccounts.follow(t)
				pelcroAccounts.mustHaveRead(t, 1)
				if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "the limit of Pelcro's account is unknown") {
					t.Errorf("%d lines: %s", n, log)
				}
				spend(t, client, 1000) // without a limit
				pelcroAccounts.set(200, smallAccount)
				time.Sleep(time.Hour)
				pelcroAccounts.mustHaveRead(t, 2)
				spend(t, client, 1)
				noResponse(t, get(within(t, time.Second), client), pelcro.RateLimited, false)
			})
		})
	}
}
