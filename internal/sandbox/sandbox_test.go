package sandbox_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLifeOfACustomer(t *testing.T) {
	clock := newClock()
	c := start(t, sandbox.Config{Now: clock.Now})

	created := c.call("POST", "customers", `{"email":" new@example.com ","first_name":"Neu","last_name":"Käufer",
		"phone":"+1 (555) 010-9999","organization":5001,"tele_marketing":1,"mail_marketing":false,
		"metadata":{"plan":"gold","big":9007199254740993,"none":null},"password":" $2y$10$x ","title":"","unknown":1}`)
	if created.status != http.StatusCreated {
		t.Fatalf("status %d: %s", created.status, created.body)
	}
	if !strings.Contains(created.body, `"big":9007199254740993`) || !strings.Contains(created.body, `K\u00e4ufer`) {
		t.Errorf("digits or escapes lost: %s", created.body)
	}
	mustHave(t, created.data(), map[string]any{
		"id": 1009.0, "email": "new@example.com", "name": "Neu Käufer", "phone": "15550109999", "title": nil,
		"organization": 5001.0, "tele_marketing": true, "mail_marketing": false, "email_hardbounce": nil,
		"metadata": map[string]any{"plan": "gold", "big": 9007199254740993.0}, "has_password": 1.0, "is_imported": 0.0,
		"password_last_updated_at": 1800000000.0, "created_at": 1800000000.0, "updated_at": 1800000000.0,
		"deleted_at": nil, "addresses": []any{}, "default_source": nil,
	})
	if created.data()["unknown"] != nil {
		t.Error("an unknown key was stored")
	}

	clock.advance(time.Minute)
	updated := c.call("PUT", "customers/1009", `{"first_name":null,"organization":null,
		"metadata":{"plan":null,"color":"red"}}`).data()
	mustHave(t, updated, map[string]any{
		"email": "new@example.com", "first_name": nil, "name": "Käufer", "organization": nil,
		"metadata":   map[string]any{"big": 9007199254740993.0, "color": "red"},
		"created_at": 1800000000.0, "updated_at": 1800000060.0,
	})
	if got := c.call("GET", "customers/1009", "").data(); !reflect.DeepEqual(got, updated) {
		t.Errorf("GET %v\nPUT %v", got, updated)
	}
	emptied := c.call("PUT", "customers/1009", `{"metadata":{"big":"","color":null}}`)
	if !strings.Contains(emptied.body, `"metadata":[]`) {
		t.Errorf("empty metadata is not []: %s", emptied.body)
	}

	deleted := c.call("DELETE", "customers/1009", "")
	deleted.mustBe(http.StatusNoContent, "")
	const gone = "{\n    \"message\": \"No query results for model [App\\\\Models\\\\Customer] 1009\"\n}"
	c.call("GET", "customers/1009", "").mustBe(http.StatusNotFound, gone)
	c.call("PUT", "customers/1009", `{}`).mustBe(http.StatusNotFound, gone)
	c.call("DELETE", "customers/1009", "").mustBe(http.StatusNotFound, gone)
	if total := c.call("GET", "customers", "").decoded()["meta"].(map[string]any)["total"]; total != 8.0 {
		t.Errorf("%v customers listed after the delete, want 8", total)
	}
	c.call("POST", "customers", `{"email":"NEW@example.com"}`).mustBe(http.StatusBadRequest,
		`{"errors":{"email":["The email has already been taken."]}}`)
	again := c.call("POST", "customers", `{"email":"newer@example.com"}`)
	mustHave(t, again.data(), map[string]any{"id": 1010.0})
}

func TestHeaders(t *testing.T) {
	c := start(t, sandbox.Config{RequestsPerMinute: 120})
	for i, path := range []string{"customers", "customers/1001", "customers/1", "customers?sort=x"} {
		got := c.call("GET", path, "").header
		want := map[string]string{
			"Content-Type": "application/json", "Cache-Control": "no-cache, private",
			"X-Ratelimit-Limit": "120", "X-Ratelimit-Remaining": fmt.Sprint(119 - i),
		}
		for key, value := range want {
			if got.Get(key) != value {
				t.Errorf("%s: %s = %q, want %q", path, key, got.Get(key), value)
			}
		}
		if got.Get("Date") == "" || got.Get("Retry-After") != "" {
			t.Errorf("%s: Date %q, Retry-After %q", path, got.Get("Date"), got.Get("Retry-After"))
		}
	}
}

func TestChecksBeforeTheEndpoints(t *testing.T) {
	c := start(t, sandbox.Config{})
	for _, test := range []struct {
		name    string
		request *http.Request
		key     string
		status  int
		body    string
		allow   string
	}{
		{name: "no key", request: c.request("GET", "customers/1001", ""),
			status: 401, body: `{"message":"Unauthenticated."}`},
		{name: "wrong key", request: c.request("GET", "customers/500", ""), key: "Bearer other",
			status: 401, body: `{"message":"Unauthenticated."}`},
		{name: "key without Bearer", request: c.request("GET", "customers", ""), key: sandbox.DefaultAPIKey,
			status: 401, body: `{"message":"Unauthenticated."}`},
		{name: "no site", request: c.bare("GET", "customers/500", ""), key: "right",
			status: 400, body: `{"errors":{"site_id":["The site id field is required."]}}`},
		{name: "empty site", request: c.bare("POST", "customers?site_id=", `{}`), key: "right",
			status: 400, body: `{"errors":{"site_id":["The site id field is required."]}}`},
		{name: "site not a number", request: c.bare("GET", "customers?site_id=one", ""), key: "right",
			status: 400, body: `{"errors":{"site_id":["The site id field must be an integer."]}}`},
		{name: "foreign site", request: c.bare("GET", "customers/1001?site_id=2", ""), key: "right",
			status: 403, body: "{\n    \"message\": \"This action is unauthorized.\"\n}"},
		{name: "unknown route", request: c.request("GET", "x%20y", ""),
			status: 404, body: "{\n    \"message\": \"The route api/v1/core/x%20y could not be found.\"\n}"},
		{name: "below a customer", request: c.request("GET", "customers/1001/notes", ""),
			status: 404, body: "{\n    \"message\": \"The route api/v1/core/customers/1001/notes could not be found.\"\n}"},
		{name: "wrong verb", request: c.request("PATCH", "customers/1001", ""),
			status: 405, allow: "GET, HEAD, PUT, DELETE", body: "{\n    \"message\": \"The PATCH method is not supported for " +
				"route api/v1/core/customers/1001. Supported methods: GET, HEAD, PUT, DELETE.\"\n}"},
		{name: "wrong verb on the list", request: c.request("DELETE", "customers/", ""),
			status: 405, allow: "GET, HEAD, POST", body: "{\n    \"message\": \"The DELETE method is not supported for " +
				"route api/v1/core/customers. Supported methods: GET, HEAD, POST.\"\n}"},
		{name: "options", request: c.request("OPTIONS", "customers", ""), status: 200, allow: "GET,HEAD,POST"},
		{name: "id not a number", request: c.request("GET", "customers/abc", ""), key: "right",
			status: 404, body: "{\n    \"message\": \"No query results for model [App\\\\Models\\\\Customer] abc\"\n}"},
		{name: "body too large", request: c.request("POST", "customers", strings.Repeat(" ", 3<<20)),
			status: 413, body: "{\n    \"message\": \"The POST data is too large.\"\n}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			switch test.key {
			case "right":
			case "":
				test.request.Header.Del("Authorization")
			default:
				test.request.Header.Set("Authorization", test.key)
			}
			c := c
			c.t = t
			got := c.send(test.request)
			got.mustBe(test.status, test.body)
			if got.header.Get("Allow") != test.allow {
				t.Errorf("Allow: %q, want %q", got.header.Get("Allow"), test.allow)
			}
		})
	}
}

func TestConfiguredKeyAndSite(t *testing.T) {
	c := start(t, sandbox.Config{APIKey: "k", SiteID: 77})
	request := c.bare("HEAD", "customers/1001?site_id=3&site_id=77", "")
	request.Header.Set("Authorization", "Bearer k")
	c.send(request).mustBe(http.StatusOK, "")
}

// Concurrent creates get different ids and concurrent updates are all kept. The race detector checks
// the rest.
func TestConcurrentUse(t *testing.T) {
	handler := sandbox.New(sandbox.Config{RequestsPerMinute: 1e6})
	send := func(method, path, body string) map[string]any {
		request := httptest.NewRequest(method, sandbox.BasePath+"/"+path+"?site_id=1", strings.NewReader(body))
		request.Header.Set("Authorization", "Bearer "+sandbox.DefaultAPIKey)
		request.Header.Set("Accept", "application/json")
		request.Header.Set("Content-Type", "application/json")
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		return received{t, recorder.Code, recorder.Header(), recorder.Body.String()}.decoded()
	}
	const workers, rounds = 8, 10
	ids := make(chan any, workers*rounds)
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for round := range rounds {
				created := send("POST", "customers", fmt.Sprintf(`{"email":"w%d-%d@example.com"}`, worker, round))
				ids <- created["data"].(map[string]any)["id"]
				send("PUT", "customers/1001", fmt.Sprintf(`{"metadata":{"w%d-%d":true}}`, worker, round))
				send("GET", "customers/1001", "")
				send("GET", "customers", "")
			}
		})
	}
	group.Wait()
	close(ids)
	seen := map[any]bool{}
	for id := range ids {
		seen[id] = true
	}
	metadata := send("GET", "customers/1001", "")["data"].(map[string]any)["metadata"].(map[string]any)
	if len(seen) != workers*rounds || len(metadata) != workers*rounds+4 {
		t.Errorf("%d ids, %d keys", len(seen), len(metadata))
	}
}
