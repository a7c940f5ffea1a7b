package verify_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/internal/verify"
)

// Where nothing can be learned, little is asked, and the report says why.
func TestAborted(t *testing.T) {
	respondWith := func(status int, contentType, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			if status == http.StatusTooManyRequests {
				w.Header().Set("Retry-After", "17")
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		})
	}
	for _, test := range []struct {
		name     string
		handler  http.Handler
		requests int
		want     string // in the report
	}{
		{
			"a CDN's page in front of everything", respondWith(200, "text/html", "<!DOCTYPE html><title>Just a moment...</title>"), 2,
			"there is no list of customers: HTTP 200 of an intermediary (text/html)",
		},
		{
			"a firewall", respondWith(403, "text/html", "<html>Access denied</html>"), 2,
			"there is no list of customers: HTTP 403 of an intermediary (text/html)",
		},
		{"the key is rejected", respondWith(401, "application/json", `{"message": "Unauthenticated."}`), 2, "PELCRO_UNAUTHENTICATED"},
		{"another site", sandbox.New(sandbox.Config{SiteID: 7}), 2, "PELCRO_PERMISSION_DENIED"},
		{"the rate limit is reached", respondWith(429, "application/json", `{"message": "Too Many Attempts."}`), 1, "Pelcro's rate limit is reached; try again in 17s."},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := &upstream{Handler: test.handler}
			report := check(t, u)
			printed := text(t, report)
			oneLine := strings.Join(strings.Fields(printed), " ")
			if report.Aborted == "" || len(u.requests) != test.requests || !strings.Contains(oneLine, test.want) {
				t.Errorf("%d requests, %s", len(u.requests), printed)
			}
			mustRead(t, u)
			mustFit(t, printed)
		})
	}
	t.Run("nothing listens", func(t *testing.T) {
		web := httptest.NewServer(nil)
		web.Close()
		report := checkAt(t, web.URL+sandbox.BasePath)
		if len(report.Requests) != 1 || report.Requests[0].Reason != "PELCRO_UNREACHABLE" || !strings.Contains(report.Aborted, "refused") {
			t.Errorf("%s", text(t, report))
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		u := &upstream{Handler: sandbox.New(sandbox.Config{}), change: func(*http.Request, *httptest.ResponseRecorder) { cancel() }}
		web := httptest.NewServer(u)
		defer web.Close()
		base, err := pelcro.ParseBaseURL(web.URL + sandbox.BasePath)
		if err != nil {
			t.Fatal(err)
		}
		client := pelcro.New(pelcro.Config{BaseURL: base, APIKey: pelcro.NewSecret(sandbox.DefaultAPIKey), SiteID: 1})
		defer client.Close()
		report := verify.Run(ctx, verify.Config{Client: client, Pause: time.Hour})
		if report.Aborted == "" || len(u.requests) != 1 {
			t.Errorf("%d requests, %q", len(u.requests), report.Aborted)
		}
	})
}

// A site without customers leaves open what depends on them.
func TestNoCustomers(t *testing.T) {
	u := &upstream{change: func(_ *http.Request, response *httptest.ResponseRecorder) {
		if response.Code == 200 {
			edit(response, func(body map[string]any) {
				if _, isPage := body["data"].([]any); isPage {
					body["data"] = []any{}
				}
			})
		}
	}}
	report := mustFind(t, u, "")
	for _, feature := range report.Features {
		want := verify.Works
		switch feature.Name {
		case "single reads", "relations", "attributes", "times", "request_id":
			want = verify.Unknown
		}
		if feature.State != want {
			t.Errorf("%s: %s, want %s", feature.Name, feature.State, want)
		}
	}
}
