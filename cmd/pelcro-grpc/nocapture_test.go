package main

import (
	"strings"
	"testing"
)

// TestNoCapture: an input that is not an HTTP response is rejected in one sentence.
func TestNoCapture(t *testing.T) {
	const (
		noStatus = "the first line is not a status line like HTTP/1.1 400 Bad Request"
	)
	for _, test := range []struct{ name, in, problem string }{
		{"empty", "", "it is empty"},
		{"whitespace", " \r\n\t", "it is empty"},
		{"body only", `{"errors":{}}`, noStatus},
		{"HTML", "<!DOCTYPE html>", noStatus},
		{"a request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", noStatus},
		{"verbose without a response", "* Trying\n* connect failed\n", noStatus},
		{"verbose with an invalid header", "< HTTP/1.1 400 Bad Request\n< A b\n<\n", "“A b” is not a header"},
		{"status of two digits", "HTTP/1.1 40 X\r\n\r\n", noStatus},
		{"status of four digits", "HTTP/1.1 4000 X\r\n\r\n", noStatus},
		{"no status", "HTTP/1.1\r\n\r\n", noStatus},
		{"binary", "\x1f\x8b\x08\x00", noStatus},
		{"not a header", "HTTP/1.1 400 X\r\nerrors\r\n\r\n", "“errors” is not a header"},
		{"header without a name", "HTTP/1.1 400 X\r\n: b\r\n\r\n", "“: b” is not a header"},
		{"curl's error", "curl: (7) Failed to connect", noStatus},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := runWith(t, test.in, "explain")
			const prefix, suffix = "pelcro-grpc: standard input is not an HTTP response: ", "; give what curl -si or curl -v prints\n"
			if r.code != exitUsage || r.out != "" || strings.Count(r.err, "\n") != 1 ||
				!strings.HasPrefix(r.err, prefix+test.problem) || !strings.HasSuffix(r.err, suffix) {
				t.Errorf("exit code %d, %q, %q", r.code, r.out, r.err)
			}
		})
	}
}
