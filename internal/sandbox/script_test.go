package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

func TestEveryScriptedStatus(t *testing.T) {
	c := start(t, sandbox.Config{})
	verbs := []string{"GET", "PUT", "DELETE", "POST"}
	for status := 300; status <= 599; status++ {
		verb := verbs[status%len(verbs)]
		path, body := fmt.Sprintf("customers/%d", status), `{}`
		if verb == "POST" {
			path, body = "customers", fmt.Sprintf(`{"email":" http-%d@example.com"}`, status)
		}
		got := c.call(verb, path, body)
		if got.status != status {
			t.Errorf("%s %d: status %d", verb, status, got.status)
		}
		if (got.body == "") != (status == 304) || strings.ContainsAny(got.header.Get("Location"), "{}") {
			t.Errorf("%s %d: body %q", verb, status, got.body)
		}
		isRedirect := status < 400 && status != 304
		if (got.header.Get("Location") != "") != isRedirect {
			t.Errorf("%s %d: Location %q", verb, status, got.header.Get("Location"))
		}
		switch contentType := got.header.Get("Content-Type"); {
		case status == 304:
		case contentType == "application/json":
			got.decoded()
		case !strings.HasPrefix(contentType, "text/html") || !strings.Contains(got.body, fmt.Sprint(status)):
			t.Errorf("%s %d: %s %s", verb, status, contentType, got.body)
		}
	}
	if got := c.call("GET", "customers", "").ids(); len(got) != len(everyID) {
		t.Errorf("a failure was stored: %v", got)
	}
}

func TestScriptedResponses(t *testing.T) {
	clock := newClock()
	c := start(t, sandbox.Config{Now: clock.Now})
	message := func(text string) string { return "{\n    \"message\": \"" + text + "\"\n}" }
	nginx := func(title string) string {
		return "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title +
			"</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
	}
	for _, test := range []struct {
		status int
		body   string
		header map[string]string
	}{
		{301, nginx("301 Moved Permanently"), map[string]string{"Location": c.url + "/login", "Server": "nginx", "X-RateLimit-Limit": ""}},
		{400, `{"errors":{"expand":["The selected expand is invalid."]}}`, map[string]string{"X-RateLimit-Limit": "6000"}},
		{401, `{"message":"Unauthenticated."}`, nil},
		{402, message("Payment Required"), nil},
		{403, message("This action is unauthorized."), nil},
		{404, message(`No query results for model [App\\Models\\Customer] 404`), nil},
		{405, message("The GET method is not supported for route api/v1/core/customers/405. Supported methods: HEAD."), map[string]string{"Allow": "HEAD"}},
		{409, message("Conflict"), map[string]string{"Content-Type": "application/json", "Cache-Control": "no-cache, private"}},
		{413, nginx("413 Request Entity Too Large"), map[string]string{"Content-Type": "text/html"}},
		{419, message("CSRF token mismatch."), nil},
		{422, `{"message":"The selected expand is invalid.","errors":{"expand":["The selected expand is invalid."]}}`, nil},
		{429, message("Too Many Attempts."), map[string]string{"Retry-After": "30", "X-RateLimit-Limit": "120",
			"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800000030"}},
		{470, message(""), nil},
		{500, message("Server Error"), nil},
		{502, nginx("502 Bad Gateway"), map[string]string{"Cache-Control": "", "X-RateLimit-Remaining": ""}},
		{503, message("Service Unavailable"), map[string]string{"Retry-After": "60"}},
		{504, nginx("504 Gateway Time-out"), nil},
	} {
		t.Run(fmt.Sprint(test.status), func(t *testing.T) {
			c := c
			c.t = t
			got := c.call("GET", fmt.Sprintf("customers/%d", test.status), "")
			got.mustBe(test.status, test.body)
			for key, value := range test.header {
				if got.header.Get(key) != value {
					t.Errorf("%s = %q, want %q", key, got.header.Get(key), value)
				}
			}
		})
	}
}

func TestNotScripted(t *testing.T) {
	c := start(t, sandbox.Config{})
	for _, id := range []string{"100", "204", "299", "600", "605", "-500"} {
		if got := c.call("GET", "customers/"+id, ""); got.status != 404 {
			t.Errorf("%s: status %d", id, got.status)
		}
	}
	for _, email := range []string{"http-600@example.com", "http-299@example.com", "xhttp-500@example.com", "http-@example.com"} {
		if got := c.call("POST", "customers", `{"email":"`+email+`"}`); got.status != 201 {
			t.Errorf("%s: status %d", email, got.status)
		}
	}
	// Without @ it is not an email.
	if got := c.call("POST", "customers", `{"email":"http-500"}`); got.status != 400 {
		t.Errorf("status %d", got.status)
	}
}

// With +created the customer is created before the response fails.
func TestCreatedAndFails(t *testing.T) {
	c := start(t, sandbox.Config{})
	for email, want := range map[string]int{"http-502@example.com": 0, "http-502+created@example.com": 1} {
		if got := c.call("POST", "customers", `{"email":"`+email+`"}`); got.status != 502 {
			t.Errorf("%s: status %d", email, got.status)
		}
		list := c.call("GET", "customers?filter[email]=eq:"+url.QueryEscape(email), "")
		if got := strings.Count(list.body, email); got != want {
			t.Errorf("%s: %d customers: %s", email, got, list.body)
		}
	}
	if got := c.call("POST", "customers", `{"email":"http-502+created@example.com"}`); got.status != 400 {
		t.Errorf("the email is taken, and the status is %d", got.status)
	}
}

// twice asks for a scripted failure by id and by email.
func twice(t *testing.T, c caller, n int, check func(*testing.T, *http.Request)) {
	for _, request := range []*http.Request{
		c.request("GET", fmt.Sprintf("customers/%d", n), ""),
		c.request("PUT", fmt.Sprintf("customers/%d", n), `{"email":"a@example.com"}`),
		c.request("POST", "customers", fmt.Sprintf(`{"email":"http-%d@example.com"}`, n)),
	} {
		t.Run(request.Method, func(t *testing.T) { check(t, request) })
	}
}

func TestReset(t *testing.T) {
	c := start(t, sandbox.Config{})
	twice(t, c, 601, func(t *testing.T, request *http.Request) {
		response, err := c.client.Do(request)
		if err == nil {
			response.Body.Close()
		}
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %v, want a reset", err)
		}
	})
}

func TestSilence(t *testing.T) {
	arrived, left := make(chan struct{}), make(chan struct{})
	handler := sandbox.New(sandbox.Config{})
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		defer func() { left <- struct{}{} }()
		handler.ServeHTTP(w, r)
	}))
	twice(t, c, 602, func(t *testing.T, request *http.Request) {
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error)
		go func() {
			response, err := c.client.Do(request.WithContext(ctx))
			if err == nil {
				response.Body.Close()
			}
			failed <- err
		}()
		<-arrived
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the cancellation", err)
		}
		<-left
	})
}

func TestCutShort(t *testing.T) {
	c := start(t, sandbox.Config{})
	twice(t, c, 603, func(t *testing.T, request *http.Request) {
		response, err := c.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if response.StatusCode != 200 || int64(len(body)) >= response.ContentLength || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d, %d of %d bytes, %v", response.StatusCode, len(body), response.ContentLength, err)
		}
	})
}

func TestPageInsteadOfData(t *testing.T) {
	c := start(t, sandbox.Config{})
	twice(t, c, 604, func(t *testing.T, request *http.Request) {
		got := c.send(request)
		if got.status != 200 || !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") || !strings.Contains(got.body, "<html") {
			t.Errorf("%d %s", got.status, got.body)
		}
	})
}
