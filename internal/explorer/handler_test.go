package explorer

import (
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func pageServer(t *testing.T) *httptest.Server {
	t.Helper()
	handler, err := Handler(Config{Gateway: gateway, ServiceConfig: serviceConfig, Address: "127.0.0.1:50051", Sandbox: true})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// request sends a request and returns the response and its body.
func request(t *testing.T, method, url string, header map[string]string, body string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(raw)
}

var jsonHeader = map[string]string{"Content-Type": "application/json"}

// received is the response of the endpoint.
type received struct {
	Problem *problem
	result
}

// ask sends a question to the endpoint.
func ask(t *testing.T, server *httptest.Server, question string) received {
	t.Helper()
	response, body := request(t, http.MethodPost, server.URL+"/api/explain", jsonHeader, question)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", response.StatusCode, body)
	}
	var s received
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return s
}

// TestPage: every file is there, with headers that allow no other origin. No file names another origin
// or has an inline script or style.
func TestPage(t *testing.T) {
	server := pageServer(t)
	for path, kind := range map[string]string{
		"/": "text/html; charset=utf-8", "/style.css": "text/css; charset=utf-8", "/app.js": "text/javascript; charset=utf-8", "/elements.js": "text/javascript; charset=utf-8",
		"/result.js": "text/javascript; charset=utf-8", "/icon.svg": "image/svg+xml",
		"/api/samples": "application/json",
	} {
		response, body := request(t, http.MethodGet, server.URL+path, nil, "")
		if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != kind || body == "" {
			t.Errorf("%s: %d %s", path, response.StatusCode, response.Header.Get("Content-Type"))
		}
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
				"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
			"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
			"Cross-Origin-Resource-Policy": "same-origin", "Set-Cookie": "", "Access-Control-Allow-Origin": "",
		} {
			if got := response.Header.Get(name); got != want {
				t.Errorf("%s: %s: %q", path, name, got)
			}
		}
	}
	for path, status := range map[string]int{"/index.html": 404, "/page/app.js": 404, "/else": 404, "/api/else": 404} {
		if response, _ := request(t, http.MethodGet, server.URL+path, nil, ""); response.StatusCode != status {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}
	foreign := regexp.MustCompile(`(?i)https?://|<style|\sstyle=|\son[a-z]+=|innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(|localStorage|sessionStorage|document\.cookie|indexedDB`)
	files, err := fs.Glob(os.DirFS("page"), "*")
	if err != nil || len(files) != 6 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile("page/" + file)
		if err != nil {
			t.Fatal(err)
		}
		// The one link leaves the page only when it is followed.
		text := strings.NewReplacer(`xmlns="http://www.w3.org/2000/svg"`, "",
			`rel="noreferrer" href="https://github.com/pelcro-grpc/pelcro-grpc/blob/main/docs/errors.md"`, "").Replace(string(raw))
		if found := foreign.FindString(text); found != "" {
			t.Errorf("%s has %q", file, found)
		}
	}
}

// TestRejected: requests that the page does not make.
func TestRejected(t *testing.T) {
	server := pageServer(t)
	const question = `{"operation":"GetCustomer","credential":"gateway","capture":"HTTP/1.1 404 X\n\n{}"}`
	for _, test := range []struct {
		name, method, path string
		header             map[string]string
		body               string
		status             int
		says               string
	}{
		{"a question", "POST", "/api/explain", jsonHeader, question, 200, ""},
		{"with a charset", "POST", "/api/explain", map[string]string{"Content-Type": "application/json; charset=utf-8"}, question, 200, ""},
		{"from the page", "POST", "/api/explain", map[string]string{"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}, question, 200, ""},
		{"its origin", "POST", "/api/explain", map[string]string{"Content-Type": "application/json", "Origin": server.URL}, question, 200, ""},

		{"another origin", "POST", "/api/explain", map[string]string{"Content-Type": "application/json", "Origin": "https://example.com"}, question, 403, "other origins"},
		{"an opaque origin", "POST", "/api/explain", map[string]string{"Content-Type": "application/json", "Origin": "null"}, question, 403, "other origins"},
		{"another site", "POST", "/api/explain", map[string]string{"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"}, question, 403, "other origins"},
		{"another port", "POST", "/api/explain", map[string]string{"Content-Type": "application/json", "Sec-Fetch-Site": "same-site"}, question, 403, "other origins"},
		{"another site reads", "GET", "/api/samples", map[string]string{"Sec-Fetch-Site": "cross-site"}, "", 403, "other origins"},
		{"another origin reads", "GET", "/api/samples", map[string]string{"Origin": "https://example.com"}, "", 403, "other origins"},

		{"GET", "GET", "/api/explain", jsonHeader, "", 405, ""},
		{"PUT", "PUT", "/api/explain", jsonHeader, question, 405, ""},
		{"POST to the page", "POST", "/", jsonHeader, question, 405, ""},
		{"form data", "POST", "/api/explain", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, question, 415, "Content-Type: application/json"},
		{"text", "POST", "/api/explain", map[string]string{"Content-Type": "text/plain"}, question, 415, "Content-Type: application/json"},
		{"no type", "POST", "/api/explain", nil, question, 415, "Content-Type: application/json"},
		{"not JSON", "POST", "/api/explain", jsonHeader, "HTTP/1.1 404", 400, "not the JSON that the page sends"},
		{"nothing", "POST", "/api/explain", jsonHeader, "", 400, "not the JSON"},
		{"an unknown field", "POST", "/api/explain", jsonHeader, `{"operations":1}`, 400, "not the JSON"},
		{"too much", "POST", "/api/explain", jsonHeader, `{"capture":"` + strings.Repeat("x", maxQuestion) + `"}`, 413, "256 KiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			response, body := request(t, test.method, server.URL+test.path, test.header, test.body)
			if response.StatusCode != test.status || !strings.Contains(body, test.says) {
				t.Errorf("%d %s", response.StatusCode, body)
			}
			if test.says != "" {
				var s received
				if err := json.Unmarshal([]byte(body), &s); err != nil || s.Problem == nil || !strings.HasSuffix(s.Problem.Says, ".") {
					t.Errorf("no sentence: %s", body)
				}
			}
		})
	}
}

// TestProblems: for an invalid question there is one sentence that helps, at the field.
func TestProblems(t *testing.T) {
	server := pageServer(t)
	quoted := func(s string) string {
		raw, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	capture := func(s string) string { return `"capture":` + quoted(s) }
	for _, test := range []struct{ name, with, field, says string }{
		{"nothing", `"id":""`, "capture", "There is no response yet: choose one, or paste what curl -si or curl -v prints."},
		{"empty", capture(""), "capture", "There is nothing here yet. Paste what curl -si or curl -v prints."},
		{"whitespace", capture(" \n\t"), "capture", "There is nothing here yet. Paste what curl -si or curl -v prints."},
		{"rubbish", capture("rubbish"), "capture", "This is not an HTTP response: the first line is not a status line like HTTP/1.1 400 Bad Request. Paste everything that curl -si or curl -v prints."},
		{"a body", capture(`{"errors":{}}`), "capture", "This looks like a body alone."},
		{"a page", capture("<!DOCTYPE html>"), "capture", "This looks like a page without its headers."},
		{"verbose without a response", capture("*   Trying 127.0.0.1...\n* connect failed\ncurl: (7) Failed"), "capture", "This is what curl -v prints without a response."},
		{"the same with a meter", capture("  % Total    % Received % Xferd  Average\n    Dload  Upload\n\r  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0*   Trying 127.0.0.1..."), "capture", "This is what curl -v prints without a response."},
		{"verbose with an invalid header", capture("* Trying\n< HTTP/1.1 400 X\n< no header\n< \n{}"), "capture", "This is not an HTTP response: “no header” is not a header. Paste everything"},
		{"curl's error", capture("curl: (7) Failed to connect"), "capture", "This is an error of curl: there was no response."},
		{"a command", capture("curl -si https://x"), "capture", "This is a command."},
		{"a request", capture("GET / HTTP/1.1"), "capture", "This is a request."},
		{"a verbose request", capture("> GET / HTTP/1.1\n> Host: a\n> "), "capture", "This is a request."},
		{"grpcurl", capture("ERROR:\n  Code: NotFound"), "capture", "This is what grpcurl prints"},
		{"no header", capture("HTTP/1.1 400 X\nno header\n\n"), "capture", "This is not an HTTP response: “no header” is not a header. Paste everything"},
		{"a long line", capture("HTTP/1.1 400 X\n" + strings.Repeat("ö", 500) + "\n\n"), "capture", "This is not an HTTP response: “" + strings.Repeat("ö", 80) + "…” is not a header."},

		{"no status", `"response":{"status":"","headers":"","body":""}`, "status", "An HTTP status is a number of three digits, for example 429."},
		{"two digits", `"response":{"status":"42","headers":"","body":""}`, "status", "An HTTP status"},
		{"a header without a colon", `"response":{"status":"400","headers":"A: b\nRetry-After 30","body":""}`, "headers", "“Retry-After 30” is not a header; write one “Name: value” a line, for example Retry-After: 30."},
		{"a header without a name", `"response":{"status":"400","headers":": b","body":""}`, "headers", "“: b” is not a header"},
		{"no id", `"id":"ada",` + capture("HTTP/1.1 400 X"), "id", "A customer id is a whole number"},
		{"id 0", `"id":"0",` + capture("HTTP/1.1 400 X"), "id", "A customer id is a whole number"},
		{"no deadline", `"deadline":"soon",` + capture("HTTP/1.1 400 X"), "deadline", "A deadline is a number of seconds"},
		{"a negative deadline", `"deadline":"-1",` + capture("HTTP/1.1 400 X"), "deadline", "A deadline is a number of seconds"},
		{"deadline 0", `"deadline":"0",` + capture("HTTP/1.1 400 X"), "deadline", "A deadline is a number of seconds"},
		{"not a number", `"deadline":"NaN",` + capture("HTTP/1.1 400 X"), "deadline", "A deadline is a number of seconds"},
		{"no such operation", `"operation":"Get",` + capture("HTTP/1.1 400 X"), "operation", "This operation does not exist"},
		{"no such credential", `"credential":"mine",` + capture("HTTP/1.1 400 X"), "credential", "The API key is"},
		{"no such failure", `"noResponse":"flood"`, "noResponse", "This failure does not exist"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := ask(t, server, `{"operation":"GetCustomer","credential":"gateway",`+test.with+`}`)
			if s.Problem == nil || s.Problem.Field != test.field || !strings.HasPrefix(s.Problem.Says, test.says) || !strings.HasSuffix(s.Problem.Says, ".") {
				t.Errorf("%+v", s.Problem)
			}
			if s.Code != "" {
				t.Errorf("there is a result, too: %+v", s.result)
			}
		})
	}
}

// TestFields: the three fields and the capture of a response have the same result, and a capture is
// returned in three fields.
func TestFields(t *testing.T) {
	server := pageServer(t)
	const head = `{"operation":"GetCustomer","credential":"caller","id":" 42 ","deadline":"2.5",`
	captured := ask(t, server, head+`"capture":"HTTP/2 429 \r\nretry-after: 2\r\nx-a: 1\r\nx-a: 2\r\n\r\n{}\n"}`)
	if captured.Upstream.Response == nil {
		t.Fatal("no response is returned")
	}
	if got, want := *captured.Upstream.Response, (fields{"429", "Retry-After: 2\nX-A: 1\nX-A: 2", "{}\n"}); got != want {
		t.Errorf("got %+v", got)
	}
	raw, err := json.Marshal(captured.Upstream.Response)
	if err != nil {
		t.Fatal(err)
	}
	fielded := ask(t, server, head+`"response":`+string(raw)+`}`)
	if string(fielded.Status) != string(captured.Status) || fielded.Trailers[pushbackTrailer] != "2000" {
		t.Errorf("%s\n%s\n%v", fielded.Status, captured.Status, fielded.Trailers)
	}
	if fielded.Upstream.Response != nil || fielded.Upstream.Name != "Too Many Requests" {
		t.Errorf("%+v", fielded.Upstream)
	}
	// The deadline decides on the trailer.
	shorter := ask(t, server, strings.Replace(head, "2.5", "1", 1)+`"response":`+string(raw)+`}`)
	if shorter.Trailers[pushbackTrailer] != "-1" {
		t.Errorf("%v", shorter.Trailers)
	}
}

// FuzzShow: whatever the fields contain, there is a result or a problem, both in valid UTF-8.
func FuzzShow(f *testing.F) {
	for i, d := range documented {
		f.Add(uint8(i), "42", "", captured(f, d.key), "", "")
	}
	f.Add(uint8(0), "", "5", "", "429", "Retry-After: 30")
	f.Add(uint8(2), "x", "1e9", "\x00", "1", ": ")
	f.Add(uint8(3), "1", "0", "HTTP/1.1 400 x\n\n{\"errors\":{\"a.\\\"[0].[\":[\"\"],\"\":[\"x\"],\"tags.0\":[\"y\"],\"tags\":[\"z\"]}}", "", "")
	f.Add(uint8(2), "", "", "* Trying\n> GET / HTTP/1.1\n> \n< HTTP/1.1 422 X\n< A: b\n< \n{ [9 bytes data]\n{\"errors\":{}}", "", "")
	e := newTestExplorer(f, failure(f, 429, "HTTP/1.1 429 X\n\n", "HTTP/1.1 429 X\n\n"))
	operations := mapping.CustomerOperations()
	f.Fuzz(func(t *testing.T, operation uint8, id, deadline, text, status, headers string) {
		a := form{Operation: operations[int(operation)%len(operations)].Name, Credential: "caller", ID: id, Deadline: deadline}
		if status == "" {
			a.Capture = &text
		} else {
			a.Response = &fields{status, headers, text}
		}
		s, err := e.show(a)
		if err != nil {
			t.Fatal(err)
		}
		if (s.Problem == nil) == (s.result == nil) {
			t.Errorf("%+v", s)
		}
		if raw, err := json.Marshal(s); err != nil || !utf8.Valid(raw) {
			t.Errorf("%q, %v", raw, err)
		}
	})
}
