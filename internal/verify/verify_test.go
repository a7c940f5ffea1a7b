package verify_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/internal/verify"
)

// maxRequests is what the documentation promises.
const maxRequests = 14

// mustFind runs the check, which must find exactly these differences, with requests that only read,
// and print a report that fits a terminal.
func mustFind(t *testing.T, u *upstream, want string) *verify.Report {
	t.Helper()
	report := check(t, u)
	printed := text(t, report)
	if got := differences(report); got != want || report.Aborted != "" {
		t.Errorf("differences:\n%s%s\nwant:\n%s", got, report.Aborted, want)
	}
	if report.HasDifferences() != (want != "") {
		t.Errorf("it has differences: %v", report.HasDifferences())
	}
	mustRead(t, u)
	mustFit(t, printed)
	if t.Failed() {
		t.Log(printed)
	}
	return report
}

// mustRead fails the test if there were requests that do not only read, or too many.
func mustRead(t *testing.T, u *upstream) {
	t.Helper()
	if len(u.requests) == 0 || len(u.requests) > maxRequests {
		t.Errorf("%d requests", len(u.requests))
	}
	for _, request := range u.requests {
		if !strings.HasPrefix(request, "GET ") {
			t.Errorf("not a read: %s", request)
		}
	}
}

func mustFit(t *testing.T, printed string) {
	t.Helper()
	for line := range strings.Lines(printed) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestSandbox(t *testing.T) {
	report := mustFind(t, &upstream{}, "")
	for _, feature := range report.Features {
		if feature.State != verify.Works || feature.Notes != nil {
			t.Errorf("%+v", feature)
		}
	}
}

// isList reports whether the request lists customers.
func isList(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/customers") }

// TestDifferentPelcros: a Pelcro that is different in one way, and what the check says about it.
func TestDifferentPelcros(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*http.Request, *httptest.ResponseRecorder)
		want   string
	}{
		{
			"422 instead of 400",
			func(_ *http.Request, response *httptest.ResponseRecorder) {
				if response.Code == 400 {
					edit(response, func(body map[string]any) { body["message"] = "The given data was invalid." })
					response.Code = 422
				}
			}, `
a page without site_id: invalid requests are HTTP 422 instead of 400
  field errors works: callers get the same PELCRO_VALIDATION_FAILED
`,
		},
		{
			"no meta",
			func(r *http.Request, response *httptest.ResponseRecorder) {
				if isList(r) {
					edit(response, func(body map[string]any) { delete(body, "meta") })
				}
			}, `
one page of one customer: a page has no meta
  lists limited: total_size is not set; the next page is known from links
`,
		},
		{
			"neither meta nor links",
			func(r *http.Request, response *httptest.ResponseRecorder) {
				if isList(r) {
					edit(response, func(body map[string]any) { delete(body, "meta"); delete(body, "links") })
				}
			}, `
one page of one customer: a page has no meta
  lists limited: total_size is not set; the end is known from an empty page only
`,
		},
		{
			"ISO dates",
			func(_ *http.Request, response *httptest.ResponseRecorder) {
				edit(response, func(body map[string]any) {
					for _, customer := range customersIn(body) {
						for name, value := range customer {
							if seconds, isNumber := value.(json.Number); isNumber && strings.HasSuffix(name, "_at") {
								n, _ := seconds.Int64()
								customer[name] = time.Unix(n, 0).UTC().Format(time.RFC3339)
							}
						}
					}
				})
			}, `
one page of one customer: times are texts instead of Unix seconds: created_at, last_login_at, password_last_updated_at, updated_at
  times works: ISO 8601 is read as well
`,
		},
		{
			"another page size",
			func(r *http.Request, response *httptest.ResponseRecorder) {
				if isList(r) {
					edit(response, func(body map[string]any) {
						if meta, ok := body["meta"].(map[string]any); ok && fmt.Sprint(meta["per_page"]) == "100" {
							meta["per_page"] = 50
						}
					})
				}
			}, `
a page size of 1000: a page holds at most 50 customers, instead of 100
  lists works: pages are smaller than asked for
  batch get limited: 100 customers need 2 requests
`,
		},
		{
			"another rate limit in the headers",
			func(_ *http.Request, response *httptest.ResponseRecorder) {
				if response.Header().Get("X-RateLimit-Limit") != "" {
					response.Header().Set("X-RateLimit-Limit", "60")
				}
			}, `
the account: the account allows 6000 requests a minute, X-RateLimit-Limit says 60
  quota limited: the lower limit counts
`,
		},
		{
			"no rate limit in the headers",
			func(_ *http.Request, response *httptest.ResponseRecorder) {
				response.Header().Del("X-RateLimit-Limit")
				response.Header().Del("X-RateLimit-Remaining")
			}, `
the account: no response has X-RateLimit-Limit
  quota limited: what other programs use of the limit is not seen
`,
		},
		{
			"headers of another form",
			func(_ *http.Request, response *httptest.ResponseRecorder) {
				response.Header().Set("RateLimit-Policy", "6000;w=60")
			}, `
the account: headers that cannot be read: Ratelimit-Policy
  quota limited: they are ignored
`,
		},
		{
			"no account",
			func(r *http.Request, response *httptest.ResponseRecorder) {
				if strings.HasSuffix(r.URL.Path, "/account") {
					replace(response, 403, `{"message": "This action is unauthorized."}`)
				}
			}, `
the account: the account cannot be read: HTTP 403
  quota limited: the limit is known from X-RateLimit-Limit only
`,
		},
		{
			"a CDN's page instead of a 404",
			func(_ *http.Request, response *httptest.ResponseRecorder) {
				if response.Code == 404 {
					response.Header().Set("Content-Type", "text/html; charset=UTF-8")
					replace(response, 404, "<!DOCTYPE html><title>Not found | CDN</title>")
				}
			}, `
a customer that cannot exist: a customer that does not exist is HTTP 404 of an intermediary (text/html)
  not found fails: callers get PELCRO_ROUTE_NOT_FOUND instead of PELCRO_NOT_FOUND
`,
		},
		{
			"a missing route without a text",
			func(_ *http.Request, response *httptest.ResponseRecorder) {
				if response.Code == 404 {
					replace(response, 404, `{"message": ""}`)
				}
			}, `
a path that does not exist: a path that does not exist looks like a missing customer
  wrong URL limited: with a wrong --pelcro-url callers get PELCRO_NOT_FOUND
`,
		},
		{
			"any key",
			func(r *http.Request, response *httptest.ResponseRecorder) {
				if response.Code == 401 {
					response.Header().Set("Content-Type", "text/html")
					replace(response, 401, "<html>Sign in</html>")
				}
			}, `
a wrong key: a wrong key is HTTP 401 of an intermediary (text/html)
  API key limited: a rejected key is PELCRO_UNAUTHENTICATED, without an alert about the key
`,
		},
		{
			"a new attribute, and one of another type",
			func(_ *http.Request, response *httptest.ResponseRecorder) {
				edit(response, func(body map[string]any) {
					for _, customer := range customersIn(body) {
						customer["shoe_size"], customer["username"] = 42, true
					}
				})
			}, `
one page of one customer: attributes without a field: shoe_size
  attributes limited: callers find shoe_size in extra
one page of one customer: attributes of another type: username
  attributes limited: callers find username in extra
`,
		},
		{
			"unknown texts and fields",
			func(_ *http.Request, response *httptest.ResponseRecorder) {
				if response.Code == 400 {
					replace(response, 400, `{"errors": {"tenant": ["Quelle tristesse."]}}`)
				}
			}, `
a page without site_id: the text about tenant is unknown
  field errors limited: such violations are FIELD_INVALID_VALUE
a page without site_id: the field tenant is unknown
  field errors limited: such violations have Pelcro's name of the field
`,
		},
		{
			"no relation together with others",
			func(r *http.Request, response *httptest.ResponseRecorder) {
				if expand := r.URL.Query().Get("expand"); strings.Contains(expand, ",") || expand == "organization" {
					replace(response, 400, `{"errors": {"expand": ["The selected expand is invalid."]}}`)
				}
			}, `
a customer with all relations: all relations together are rejected: HTTP 400
  relations limited: ask for fewer relations in a call
a customer with organization: expand=organization is rejected: HTTP 400
  relations limited: organization cannot be expanded
`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			mustFind(t, &upstream{change: test.change}, strings.TrimPrefix(test.want, "\n"))
		})
	}
}

// The requests themselves are different where Pelcro ignores or rejects what it does not know.
func TestDifferentFilters(t *testing.T) {
	for _, test := range []struct {
		name   string
		before func(*http.Request, http.ResponseWriter) (handled bool)
		want   string
	}{
		{
			"filters are ignored",
			func(r *http.Request, _ http.ResponseWriter) bool {
				query := r.URL.Query()
				for name := range query {
					if strings.HasPrefix(name, "filter[") {
						query.Del(name)
					}
				}
				r.URL.RawQuery = query.Encode()
				return false
			}, `
customers by filter[id]: filter[id] is ignored
  batch get limited: each customer is read by itself
customers by filter[metadata]: filter[metadata.…] is ignored
  request_id fails: a create is never repeated: its outcome stays unknown
`,
		},
		{
			"filters take one value",
			func(r *http.Request, _ http.ResponseWriter) bool {
				query := r.URL.Query()
				one, _, _ := strings.Cut(query.Get("filter[id]"), ",")
				query.Set("filter[id]", one)
				r.URL.RawQuery = query.Encode()
				return false
			}, `
customers by filter[id]: filter[id] finds one of several ids
  batch get limited: each id that is missing in a response is read by itself
`,
		},
		{
			"relations are not expanded",
			func(r *http.Request, _ http.ResponseWriter) bool {
				query := r.URL.Query()
				query.Del("expand")
				r.URL.RawQuery = query.Encode()
				return false
			}, `
a customer with all relations: addresses is not expanded
  relations limited: callers get no more than ids of addresses
a customer with all relations: default_source is not expanded
  relations limited: callers get no more than ids of default_source
a customer with all relations: organization is not expanded
  relations limited: callers get no more than ids of organization
a customer with all relations: subscriptions is not expanded
  relations limited: callers get no more than ids of subscriptions
`,
		},
		{
			"no site is needed",
			func(r *http.Request, _ http.ResponseWriter) bool {
				query := r.URL.Query()
				query.Set("site_id", "1")
				r.URL.RawQuery = query.Encode()
				return false
			}, `
a page without site_id: a request without site_id is accepted
  field errors not known: no request that reads is rejected
`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			inner := sandbox.New(sandbox.Config{})
			mustFind(t, &upstream{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				test.before(r, w)
				inner.ServeHTTP(w, r)
			})}, strings.TrimPrefix(test.want, "\n"))
		})
	}
}
