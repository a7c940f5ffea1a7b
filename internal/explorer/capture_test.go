package explorer

import (
	"net/http"
	"reflect"
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
		{"HTTP/2 without a space", "HTTP/2 204\r\n\r\n", 204, header{}, ""},
		{"HTTP/3", "HTTP/3 503 \r\n\r\n", 503, header{}, ""},
		{"LF", "HTTP/1.1 422 Unprocessable Content\nContent-Type: application/json\nX-A: 1\n\n{\"a\":\n1}\n", 422,
			header{"Content-Type": {"application/json"}, "X-A": {"1"}}, "{\"a\":\n1}\n"},
		{"CRLF headers, LF body", "HTTP/1.1 400 X\r\nA: b\r\n\r\n\n\n{}", 400, header{"A": {"b"}}, "\n\n{}"},
		{"no reason phrase", "HTTP/1.1 404\r\nA: b\r\n\r\n", 404, header{"A": {"b"}}, ""},
		{"status line alone", "HTTP/1.1 503 Service Unavailable", 503, header{}, ""},
		{"status line alone, with its end", "HTTP/1.1 503 Service Unavailable\n", 503, header{}, ""},
		{"headers only", "HTTP/1.1 503 X\r\nRetry-After: 5\r\n", 503, header{"Retry-After": {"5"}}, ""},
		{"headers only, no end", "HTTP/1.1 503 X\nRetry-After: 5", 503, header{"Retry-After": {"5"}}, ""},
		{"whitespace before", "\n\n  HTTP/1.1 400 X\r\n\r\n", 400, header{}, ""},
		{"byte order mark", "\xef\xbb\xbfHTTP/1.1 400 X\r\n\r\n", 400, header{}, ""},
		{"a header twice", "HTTP/1.1 400 X\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\n", 400, header{"Set-Cookie": {"a", "b"}}, ""},

		{"100 Continue first", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 Bad Request\r\nA: b\r\n\r\n{}", 400, header{"A": {"b"}}, "{}"},
		{"103 Early Hints first", "HTTP/2 103 \r\nlink: </a>\r\n\r\nHTTP/2 200 \r\n\r\n{}", 200, header{}, "{}"},
		{"a proxy first", "HTTP/1.1 200 Connection established\r\n\r\nHTTP/2 403 \r\na: b\r\n\r\n{}", 403, header{"A": {"b"}}, "{}"},
		{"a redirect followed", "HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{}", 200, header{}, "{}"},
		{"all of them, LF", "HTTP/1.1 200 Connection established\n\nHTTP/1.1 100 Continue\n\nHTTP/1.1 422 X\nA: b\n\n{}", 422, header{"A": {"b"}}, "{}"},
		{"only 100 Continue", "HTTP/1.1 100 Continue\r\n\r\n", 100, header{}, ""},

		{"binary body", "HTTP/1.1 500 X\r\n\r\n\x00\xff\r\n\r\n\x80HTTP", 500, header{}, "\x00\xff\r\n\r\n\x80HTTP"},
		{"body that talks of HTTP", "HTTP/1.1 500 X\r\n\r\nThe response was:\nHTTP/1.1 400 X\n", 500, header{}, "The response was:\nHTTP/1.1 400 X\n"},
		{"chunked, decoded", "HTTP/1.1 400 X\r\nTransfer-Encoding: chunked\r\n\r\n{\"errors\":{}}", 400, header{"Transfer-Encoding": {"chunked"}}, `{"errors":{}}`},
		{"gzip, decoded", "HTTP/2 400 \r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\n{\"errors\":{}}", 400,
			header{"Content-Encoding": {"gzip"}, "Content-Length": {"3"}}, `{"errors":{}}`},
		{"status out of range", "HTTP/1.1 999 X\r\n\r\n", 999, header{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseCapture([]byte(test.in))
			if err != nil {
				t.Fatal(err)
			}
			if got.Status != test.status || string(got.Body) != test.body || !reflect.DeepEqual(got.Header, test.header) {
				t.Errorf("got %d %v %q", got.Status, got.Header, got.Body)
			}
		})
	}
}
