package main

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
)

func TestParseCapture(t *testing.T) {
	type header = http.Header
	for _, test := range []struct {
		name, in string
		status   int
		header   header
		body     string
	}{
		{"HTTP/1.1", "HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<p>", 400, header{"Content-Type": {"text/html"}}, "<p>"},
		{"HTTP/1.0", "HTTP/1.0 502 Bad Gateway\r\n\r\n", 502, header{}, ""},
		{"HTTP/2, lower case", "HTTP/2 429 \r\nretry-after: 30\r\n\r\n{}", 429, header{"Retry-After": {"30"}}, "{}"},
		{"HTTP/2 without a blank", "HTTP/2 204\r\n\r\n", 204, header{}, ""},
		{"HTTP/3", "HTTP/3 503 \r\n\r\n", 503, header{}, ""},
		{"LF", "HTTP/1.1 422 Unprocessable Content\nContent-Type: application/json\nX-A: 1\n\n{\"a\":\n1}\n", 422,
			header{"Content-Type": {"application/json"}, "X-A": {"1"}}, "{\"a\":\n1}\n"},
		{"CRLF headers, LF body", "HTTP/1.1 400 X\r\nA: b\r\n\r\n\n\n{}", 400, header{"A": {"b"}}, "\n\n{}"},
		{"no reason phrase", "HTTP/1.1 404\r\nA: b\r\n\r\n", 404, header{"A": {"b"}}, ""},
		{"status line alone", "HTTP/1.1 503 Service Unavailable", 503, header{}, ""},
		{"status line alone, with its end", "HTTP/1.1 503 Service Unavailable\n", 503, header{}, ""},
		{"headers only", "HTTP/1.1 503 X\r\nRetry-After: 5\r\n", 503, header{"Retry-After": {"5"}}, ""},
		{"headers only, no end", "HTTP/1.1 503 X\nRetry-After: 5", 503, header{"Retry-After": {"5"}}, ""},
		{"blanks before", "\n\n  HTTP/1.1 400 X\r\n\r\n", 400, header{}, ""},
		{"byte order mark", "\xef\xbb\xbfHTTP/1.1 400 X\r\n\r\n", 400, header{}, ""},
		{"a header twice", "HTTP/1.1 400 X\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\n", 400, header{"Set-Cookie": {"a", "b"}}, ""},

		{"100 Continue first", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 Bad Request\r\nA: b\r\n\r\n{}", 400, header{"A": {"b"}}, "{}"},
		{"103 Early Hints first", "HTTP/2 103 \r\nlink: </a>\r\n\r\nHTTP/2 200 \r\n\r\n{}", 200, header{}, "{}"},
		{"a proxy first", "HTTP/1.1 200 Connection established\r\n\r\nHTTP/2 403 \r\na: b\r\n\r\n{}", 403, header{"A": {"b"}}, "{}"},
		{"a redirect followed", "HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{}", 200, header{}, "{}"},
		{"all of them, LF", "HTTP/1.1 200 Connection established\n\nHTTP/1.1 100 Continue\n\nHTTP/1.1 422 X\nA: b\n\n{}", 422, header{"A": {"b"}}, "{}"},
		{"only 100 Continue", "HTTP/1.1 100 Continue\r\n\r\n", 100, header{}, ""},

		{"binary body", "HTTP/1.1 500 X\r\n\r\n\x00\xff\r\n\r\n\x80HTTP", 500, header{}, "\x00\xff\r\n\r\n\x80HTTP"},
		{"body that talks of HTTP", "HTTP/1.1 500 X\r\n\r\nThe answer was:\nHTTP/1.1 400 X\n", 500, header{}, "The answer was:\nHTTP/1.1 400 X\n"},
		{"chunked, decoded", "HTTP/1.1 400 X\r\nTransfer-Encoding: chunked\r\n\r\n{\"errors\":{}}", 400, header{"Transfer-Encoding": {"chunked"}}, `{"errors":{}}`},
		{"gzip, decoded", "HTTP/2 400 \r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\n{\"errors\":{}}", 400,
			header{"Content-Encoding": {"gzip"}, "Content-Length": {"3"}}, `{"errors":{}}`},
		{"status out of range", "HTTP/1.1 999 X\r\n\r\n", 999, header{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseCapture([]byte(test.in))
			if err != nil {
				t.Fatal(err)
			}
			if got.status != test.status || string(got.body) != test.body || !reflect.DeepEqual(got.header, test.header) {
				t.Errorf("got %d %v %q", got.status, got.header, got.body)
			}
		})
	}
}

// TestNoCapture: what is no HTTP reply is refused in one sentence.
func TestNoCapture(t *testing.T) {
	const (
		noStatus = "the first line is no status line like HTTP/1.1 400 Bad Request"
		noHeader = "its headers cannot be read (malformed MIME header"
	)
	for _, test := range []struct{ name, in, problem string }{
		{"empty", "", "it is empty"},
		{"blank", " \r\n\t", "it is empty"},
		{"body only", `{"errors":{}}`, noStatus},
		{"HTML", "<!DOCTYPE html>", noStatus},
		{"a request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", noStatus},
		{"verbose", "< HTTP/1.1 400 Bad Request\n< A: b\n<\n", noStatus},
		{"status of two digits", "HTTP/1.1 40 X\r\n\r\n", noStatus},
		{"status of four digits", "HTTP/1.1 4000 X\r\n\r\n", noStatus},
		{"no status", "HTTP/1.1\r\n\r\n", noStatus},
		{"binary", "\x1f\x8b\x08\x00", noStatus},
		{"no header", "HTTP/1.1 400 X\r\n{\"errors\":{}}\r\n\r\n", noHeader},
		{"header without a name", "HTTP/1.1 400 X\r\n: b\r\n\r\n", noHeader},
		{"curl's own message", "curl: (7) Failed to connect", noStatus},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := runWith(t, test.in, "explain")
			const prefix, suffix = "pelcro-grpc: standard input is no HTTP reply: ", "; give what curl -si prints\n"
			if r.code != exitUsage || r.out != "" || strings.Count(r.err, "\n") != 1 ||
				!strings.HasPrefix(r.err, prefix+test.problem) || !strings.HasSuffix(r.err, suffix) {
				t.Errorf("exit code %d, %q, %q", r.code, r.out, r.err)
			}
		})
	}
}
