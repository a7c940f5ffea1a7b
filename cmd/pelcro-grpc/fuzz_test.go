package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pelcro-grpc/pelcro-grpc/internal/explorer"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
	"github.com/pelcro-grpc/pelcro-grpc/test/vectors"
)

// FuzzParseCapture: any bytes are a response or not. A response can be explained, and its body is the
// end of the capture, except in the output of curl -v.
func FuzzParseCapture(f *testing.F) {
	for i, v := range vectors.Read(f, "../../mapping/testdata/vectors") {
		var capture strings.Builder
		capture.WriteString("HTTP/1.1 " + string(rune('0'+v.Response.Status/100)) + "00 x\r\n")
		for name, value := range v.Response.Headers {
			capture.WriteString(name + ": " + value + "\r\n")
		}
		f.Add([]byte(capture.String()+"\r\n"+string(v.Body())), uint8(i))
	}
	for _, raw := range []string{
		"", "x", "HTTP/1.1 400 Bad Request", "HTTP/2 404\n\n{}", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{\"data\":{\"id\":1}}",
		"\ufeff\r\n HTTP/3 999 \r\n\r\n", "HTTP/1.1 200 OK\r\nA b\r\n\r\n", "HTTP/1.1 200 OK\r\n B: c\r\n\r\n", "HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n",
		"* Trying\n> GET / HTTP/1.1\r\n> \r\n< HTTP/1.1 422 X\r\n< A: b\r\n< \r\n{ [53 bytes data]\n* Connection #0 to host a left intact\n{\"errors\":{}}",
		"< HTTP/2 404 \n<\n<p>", "% Total % Received % Xferd\nDload\n\r  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0\nHTTP/1.1 200 OK\n\n",
		"HTTP/1.1 000 \r\n\r\n", "HTTP/1.1 301 Moved\r\nLocation: x\r\n\r\nHTTP/1.1 nonsense\r\n\r\n", "HTTP/1.1 429 x\r\nRetry-After: 5\r\n\r\nx",
	} {
		f.Add([]byte(raw), uint8(0))
	}
	operations := mapping.CustomerOperations()
	f.Fuzz(func(t *testing.T, raw []byte, operation uint8) {
		captured, err := explorer.ParseCapture(raw)
		if err != nil {
			if !utf8.ValidString(err.Error()) && utf8.Valid(raw) {
				t.Errorf("the error is %q", err)
			}
			return
		}
		if captured.Status < 0 || captured.Status > 999 || captured.Header == nil ||
			!bytes.Contains(raw, []byte("< HTTP/")) && !bytes.Contains(raw, []byte("Xferd")) && !bytes.HasSuffix(raw, captured.Body) {
			t.Errorf("%q is %+v", raw, captured)
		}
		c := explainCommand{Operation: operations[int(operation)%len(operations)].Name, ID: 42, Credential: "gateway"}
		explained, err := c.explain(captured)
		if err != nil {
			t.Fatalf("%q cannot be explained: %v", raw, err)
		}
		if printed, err := json.Marshal(explained); err != nil || !utf8.Valid(printed) {
			t.Errorf("%q: %v", printed, err)
		}
	})
}
