package sandbox_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// TestFailures: a failure is listed with the response that requests get.
func TestFailures(t *testing.T) {
	clock := newClock()
	c := start(t, sandbox.Config{Now: clock.Now})
	failures := sandbox.Failures()
	if first, last := failures[0], failures[len(failures)-1]; len(failures) != 301 || first.ID != 300 || last.ID != 604 {
		t.Fatalf("%d failures from %d to %d", len(failures), first.ID, last.ID)
	}
	for _, f := range failures {
		for _, method := range []string{"GET", "PUT", "DELETE", "POST"} {
			path, body := fmt.Sprintf("customers/%d", f.ID), `{}`
			if method == "POST" {
				path, body = "customers", fmt.Sprintf(`{"email":"http-%d@example.com"}`, f.ID)
			}
			request := c.request(method, path, body)
			request.Host = "127.0.0.1"
			got := c.send(request)
			header, content := f.Response(method, clock.Now())
			if got.status != f.Status || got.body != string(content) {
				t.Errorf("%s %d: got %d %s\nlisted %d %s", method, f.ID, got.status, got.body, f.Status, content)
			}
			if date := header.Get("Date"); date != clock.Now().UTC().Format(http.TimeFormat) {
				t.Errorf("%s %d: Date %q", method, f.ID, date)
			}
			header.Del("Date")       // the server sent its own
			header.Del("Connection") // net/http's client removes it
			for name := range header {
				if got.header.Get(name) != header.Get(name) {
					t.Errorf("%s %d: %s: got %q, listed %q", method, f.ID, name, got.header.Get(name), header.Get(name))
				}
			}
		}
	}
}

// TestFailureNames: the name of a status, standard or not, and who writes it.
func TestFailureNames(t *testing.T) {
	for _, want := range []sandbox.Failure{
		{ID: 301, Status: 301, Name: "Moved Permanently", Writer: sandbox.Nginx},
		{ID: 400, Status: 400, Name: "Bad Request", Writer: sandbox.Laravel},
		{ID: 470, Status: 470, Name: "", Writer: sandbox.Laravel},
		{ID: 504, Status: 504, Name: "Gateway Timeout", Writer: sandbox.Nginx},
		{ID: 530, Status: 530, Name: "Origin DNS error", Writer: sandbox.Cloudflare},
		{ID: 604, Status: 200, Name: "OK", Writer: sandbox.Laravel},
	} {
		found := false
		for _, f := range sandbox.Failures() {
			found = found || f == want
		}
		if !found {
			t.Errorf("%+v is not listed", want)
		}
	}
}

// TestBlamedField: a field error is about a field that the request of the operation has.
func TestBlamedField(t *testing.T) {
	now := time.Unix(1800000000, 0)
	for _, test := range []struct{ method, body400, body422 string }{
		{
			"GET", `{"errors":{"expand":["The selected expand is invalid."]}}`,
			`{"message":"The selected expand is invalid.","errors":{"expand":["The selected expand is invalid."]}}`,
		},
		{
			"DELETE", `{"errors":{"site_id":["The selected site id is invalid."]}}`,
			`{"message":"The selected site id is invalid.","errors":{"site_id":["The selected site id is invalid."]}}`,
		},
		{
			"PUT", `{"errors":{"email":["The email field is required."]}}`,
			`{"message":"The email field must be a valid email address. (and 1 more error)","errors":{` +
				`"email":["The email field must be a valid email address."],` +
				`"first_name":["The first name field must not be greater than 255 characters."]}}`,
		},
		{
			"POST", `{"errors":{"email":["The email field is required."]}}`,
			`{"message":"The email field must be a valid email address. (and 1 more error)","errors":{` +
				`"email":["The email field must be a valid email address."],` +
				`"first_name":["The first name field must not be greater than 255 characters."]}}`,
		},
	} {
		for _, f := range sandbox.Failures() {
			want, blames := map[int]string{400: test.body400, 422: test.body422}[f.ID]
			if _, body := f.Response(test.method, now); blames && string(body) != want {
				t.Errorf("%s %d: %s", test.method, f.ID, body)
			}
		}
	}
}
