package explorer

import (
	"bytes"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// What curl 7.88 prints for a 400 with a JSON body.
const (
	vStart = "*   Trying 127.0.0.1:8000...\n* Connected to 127.0.0.1 (127.0.0.1) port 8000 (#0)\n" +
		"> GET /json HTTP/1.1\r\n> Host: 127.0.0.1:8000\r\n> Authorization: Bearer secret\r\n> Accept: */*\r\n> \r\n"
	vHead = "< HTTP/1.1 400 Bad Request\r\n< Content-Type: application/json\r\n< Set-Cookie: a=b\r\n< \r\n"
	vEnd  = "* Connection #0 to host 127.0.0.1 left intact\n"
	vBody = `{"errors":{"email":["The email field is required."]}}`
	iHead = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nSet-Cookie: a=b\r\n\r\n"

	meterBegin = "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n" +
		"                                 Dload  Upload   Total   Spent    Left  Speed\n" +
		"\r  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0"
	meterEnd = "\r100    53  100    53    0     0  13.2M      0  0:00:01 --:--:--  0:00:01 13250\n"
)

// asPasted is what a browser makes of a text with \r.
func asPasted(text string) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
}

// TestVerbose: the output of curl -v, on a terminal, in a file with both streams, and with -i.
func TestVerbose(t *testing.T) {
	header := http.Header{"Content-Type": {"application/json"}, "Set-Cookie": {"a=b"}}
	for _, test := range []struct {
		name, in string
		status   int
		header   http.Header
		body     string
	}{
		{"a terminal, body with a newline", vStart + vHead + vBody + "\n" + vEnd, 400, header, vBody + "\n"},
		{"a terminal, body without a newline", vStart + vHead + vEnd + vBody, 400, header, vBody},
		{"the end in the line of the body", vStart + vHead + vBody + vEnd, 400, header, vBody},
		{"closing", vStart + vHead + vBody + "* Closing connection 0\n", 400, header, vBody},
		{"closing, curl 8", vStart + vHead + vBody + "\n* shutting down connection #0\n* TLSv1.3 (OUT), TLS alert, close notify (256):\n} [2 bytes data]\n", 400, header, vBody + "\n"},
		{"both streams", vStart + vHead + "{ [53 bytes data]\n" + vEnd + vBody, 400, header, vBody},
		{"with a meter", meterBegin + vStart + vHead + "{ [53 bytes data]\n" + meterEnd + vEnd + vBody, 400, header, vBody},
		{"with -i", vStart + vHead + "{ [53 bytes data]\n" + vEnd + iHead + vBody, 400, header, vBody},
		{"with -i and a meter", meterBegin + vStart + vHead + "{ [53 bytes data]\n" + meterEnd + vEnd + iHead + vBody, 400, header, vBody},
		{"with -i on a terminal", vStart + "< HTTP/1.1 400 Bad Request\r\nHTTP/1.1 400 Bad Request\r\n< Content-Type: application/json\r\n" +
			"\x1b[1mContent-Type\x1b[0m: application/json\r\n< Set-Cookie: a=b\r\nSet-Cookie: a=b\r\n\r\n< \r\n" + vEnd + vBody, 400, header, vBody},
		{"notes in the middle of a large body", meterBegin + vStart + vHead + "{ [8 bytes data]\n{\"message\":\"xx{ [1378 bytes data]\nxx" + meterEnd + vEnd + "xx\"}",
			400, header, `{"message":"xxxxxx"}`},
		{"the same with -i", meterBegin + vStart + vHead + "{ [8 bytes data]\n" + iHead + "{\"message\":\"xx{ [1378 bytes data]\nxx" + meterEnd + vEnd + "xx\"}",
			400, header, `{"message":"xxxxxx"}`},
		{"the meter alone, with -i", meterBegin + meterEnd + iHead + vBody, 400, header, vBody},
		{"-f: headers without an end", vStart + "< HTTP/1.1 400 Bad Request\r\n< Content-Type: application/json\r\n< Set-Cookie: a=b\r\n" +
			"* The requested URL returned error: 400\n* Closing connection 0\ncurl: (22) The requested URL returned error: 400\n", 400, header, ""},
		{"a cut response", vStart + vHead + vBody[:9] + "* transfer closed with 44 bytes remaining to read\n* Closing connection 0\ncurl: (18) transfer closed\n",
			400, header, vBody[:9]},
		{"the headers alone", "< HTTP/1.1 400 Bad Request\n< Content-Type: application/json\n< Set-Cookie: a=b", 400, header, ""},
		{"the headers and the body", "< HTTP/1.1 400 Bad Request\n< Content-Type: application/json\n< Set-Cookie: a=b\n<\n" + vBody, 400, header, vBody},
		{"the body without the end of the headers", "< HTTP/1.1 400 Bad Request\n< Content-Type: application/json\n< Set-Cookie: a=b\n" + vBody, 400, header, vBody},
		{"after a prompt", "$ curl -v http://127.0.0.1:8000/json\n" + vStart + vHead + vBody, 400, header, vBody},
		{"HTTP/2 and TLS", "* ALPN: offers h2,http/1.1\n} [5 bytes data]\n* TLSv1.3 (OUT), TLS handshake, Client hello (1):\n} [512 bytes data]\n" +
			"* [HTTP/2] [1] OPENED stream\n> GET / HTTP/2\r\n> Host: a\r\n> \r\n{ [5 bytes data]\n* old SSL session ID is stale, removing\n" +
			"< HTTP/2 429 \r\n< retry-after: 30\r\n* Added cookie a=\"b\"\n< set-cookie: a=b\r\n< \r\n{ [2 bytes data]\n" + vEnd + "{}",
			429, http.Header{"Retry-After": {"30"}, "Set-Cookie": {"a=b"}}, "{}"},
		{"100 Continue", vStart + "< HTTP/1.1 100 Continue\r\n} [3 bytes data]\n* We are completely uploaded and fine\n" + vHead + vEnd + vBody, 400, header, vBody},
		{"100 Continue with -i", vStart + "< HTTP/1.1 100 Continue\r\n} [3 bytes data]\n* We are completely uploaded and fine\n" + vHead + vEnd +
			"HTTP/1.1 100 Continue\r\n\r\n" + iHead + vBody, 400, header, vBody},
		{"a proxy", "> CONNECT a:443 HTTP/1.1\r\n> \r\n< HTTP/1.1 200 Connection established\r\n< \r\n* CONNECT phase completed\n" + vStart + vHead + vEnd + vBody, 400, header, vBody},
		{"a redirect", vStart + "< HTTP/1.1 301 Moved Permanently\r\n< Location: /json\r\n< \r\n* Ignoring the response-body\n{ [3 bytes data]\n" + vEnd +
			"* Issue another request to this URL: 'http://127.0.0.1:8000/json'\n" + vStart + vHead + "{ [53 bytes data]\n" + vEnd + vBody, 400, header, vBody},
		{"a redirect with -i", vStart + "< HTTP/1.1 301 Moved Permanently\r\n< Location: /json\r\n< \r\n* Ignoring the response-body\n{ [3 bytes data]\n" + vEnd +
			vStart + vHead + "{ [53 bytes data]\n" + vEnd + "HTTP/1.1 301 Moved Permanently\r\nLocation: /json\r\n\r\n" + iHead + vBody, 400, header, vBody},
		{"two URLs", vStart + "< HTTP/1.1 200 OK\r\n< \r\n{}\n" + vEnd + vStart + vHead + vBody + "\n" + vEnd, 400, header, vBody + "\n"},
		{"a page", vStart + "< HTTP/1.1 502 Bad Gateway\r\n< Content-Type: text/html\r\n< \r\n<html>\n* one\n> two\n< three\n</html>\n" + vEnd,
			502, http.Header{"Content-Type": {"text/html"}}, "<html>\n* one\n> two\n< three\n</html>\n"},
		{"no body", vStart + "< HTTP/1.1 204 No Content\r\n< \r\n" + vEnd, 204, http.Header{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			for form, in := range map[string]string{"as printed": test.in, "as pasted": asPasted(test.in)} {
				got, err := ParseCapture([]byte(in))
				if err != nil {
					t.Fatal(form, err)
				}
				if got.Status != test.status || !reflect.DeepEqual(got.Header, test.header) || string(got.Body) != test.body {
					t.Errorf("%s: got %d %v %q", form, got.Status, got.Header, got.Body)
				}
			}
		})
	}
}

// TestInvalidVerbose: headers that cannot be read are reported with the line.
func TestInvalidVerbose(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"not a header", vStart + "< HTTP/1.1 400 X\r\n< nothing\r\n< \r\n", "“nothing” is not a header"},
		{"no name", "< HTTP/1.1 400 X\n< : b\n<\n", "“: b” is not a header"},
		{"no response", vStart, errNoStatus.Error()},
		{"no status", vStart + "< HTTP/1.1\n<\n", errNoStatus.Error()},
	} {
		if c, err := ParseCapture([]byte(test.in)); err == nil || err.Error() != test.want {
			t.Errorf("%s: %+v, %v", test.name, c, err)
		}
	}
}

// curlOutput matches what a body must not have to be recognised in the output of curl -v.
var curlOutput = regexp.MustCompile(`bytes data\]|(?m)^[*<>]|\* |curl: \(|% Total|HTTP/`)

// FuzzVerbose: a response is read from the output of curl -v as from that of curl -i.
func FuzzVerbose(f *testing.F) {
	f.Add(uint16(400), "Retry-After", "30", []byte(vBody), uint16(9))
	f.Add(uint16(502), "content-type", "text/html", []byte("<html>\n</html>\r\n"), uint16(0))
	f.Add(uint16(100), "A", "", []byte{}, uint16(0))
	f.Add(uint16(0), "", "", []byte("\n\n\x00\xff"), uint16(3))
	f.Fuzz(func(t *testing.T, status uint16, name, value string, body []byte, cut uint16) {
		if strings.ContainsAny(name+value, "\r\n") || curlOutput.Match(body) {
			t.Skip()
		}
		line := "HTTP/1.1 " + strconv.Itoa(100+int(status)%900) + " X\r\n"
		field := name + ": " + value + "\r\n"
		plain := line + field + "\r\n" + string(body)
		want, failed := ParseCapture([]byte(plain))

		at := min(int(cut), len(body))
		head := "< " + line + "< " + field + "< \r\n"
		for form, in := range map[string]string{
			"a terminal":   vStart + head + string(body) + vEnd,
			"both streams": vStart + head + "{ [53 bytes data]\n" + vEnd + string(body),
			"with -i":      vStart + head + "{ [53 bytes data]\n" + vEnd + plain,
			"in pieces":    meterBegin + vStart + head + string(body[:at]) + "{ [53 bytes data]\n" + meterEnd + vEnd + string(body[at:]),
		} {
			got, err := ParseCapture([]byte(in))
			if (err == nil) != (failed == nil) {
				t.Fatalf("%s: %v, curl -i: %v", form, err, failed)
			}
			if err == nil && (got.Status != want.Status || !reflect.DeepEqual(got.Header, want.Header) || !bytes.Equal(got.Body, want.Body)) {
				t.Errorf("%s: got %+v\nwant %+v", form, got, want)
			}
		}
	})
}
