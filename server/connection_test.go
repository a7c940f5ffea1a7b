package server_test

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

func TestConnectionRefused(t *testing.T) {
	listener := testkit.Listen(t)
	listener.Close()
	for _, c := range startAt(t, "http://"+listener.Addr().String()).calls(42) {
		f := c.do(t.Context()).failure(t)
		f.mustBe(t, codes.Unavailable, pelcrov1.ErrorReason_PELCRO_UNREACHABLE)
		f.mustAdvise(t, "notSent", "", 0)
		f.mustHide(t, "127.0.0.1", "dial", "refused")
	}
}

func TestUnknownHost(t *testing.T) {
	transport := pelcro.NewTransport()
	dialer := &net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: (&net.Dialer{}).DialContext}}
	transport.DialContext = dialer.DialContext
	// A name that no resolver is asked about: it is too long for DNS.
	g := startAt(t, "https://"+strings.Repeat("canary.", 40)+"example", over(transport))
	for _, c := range g.calls(42) {
		f := c.do(t.Context()).failure(t)
		f.mustBe(t, codes.Unavailable, pelcrov1.ErrorReason_PELCRO_UNREACHABLE)
		f.mustAdvise(t, "notSent", "", 0)
		f.mustHide(t, "canary")
	}
}

func TestUntrusted(t *testing.T) {
	web := httptest.NewUnstartedServer(testkit.NewScript(testkit.Succeed))
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	web.StartTLS()
	defer web.Close()
	plain := httptest.NewServer(testkit.NewScript(testkit.Succeed))
	defer plain.Close()
	other := pelcro.NewTransport()
	other.TLSClientConfig = web.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	other.TLSClientConfig.ServerName = "canary.example"
	for _, test := range []struct {
		name string
		g    *gateway
	}{
		{"unknown authority", startAt(t, web.URL)},
		{"other host", startAt(t, web.URL, over(other))},
		{"plain HTTP", startAt(t, strings.Replace(plain.URL, "http:", "https:", 1))},
	} {
		for _, c := range test.g.calls(42) {
			t.Run(test.name+"/"+c.name, func(t *testing.T) {
				f := c.do(t.Context()).failure(t)
				f.mustBe(t, codes.Internal, pelcrov1.ErrorReason_PELCRO_TLS_UNTRUSTED)
				f.mustAdvise(t, "notSent", "", 0)
				f.mustHide(t, "127.0.0.1", "canary", "x509", "example.com")
			})
		}
	}
}

// A trusted certificate is enough.
func TestTrusted(t *testing.T) {
	web := httptest.NewUnstartedServer(testkit.NewScript(testkit.Succeed))
	web.EnableHTTP2 = true // which is not used
	web.StartTLS()
	t.Cleanup(web.Close)
	transport := pelcro.NewTransport()
	transport.TLSClientConfig = &tls.Config{RootCAs: web.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	for _, c := range startAt(t, web.URL, over(transport)).calls(42) {
		if a := c.do(t.Context()); a.err != nil {
			t.Errorf("%s: %v", c.name, a.err)
		}
	}
}

// A connection that breaks after the request may have been read, and a response that breaks HTTP.
func TestLostConnection(t *testing.T) {
	for _, test := range []struct {
		name     string
		upstream http.HandlerFunc
		broken   bool // the response, not the connection
	}{
		{"closed", testkit.Verbatim(""), false},
		{"not HTTP", testkit.Verbatim("canary\r\n\r\n"), true},
		{"no status", testkit.Verbatim("HTTP/1.1 canary\r\n\r\n"), true},
		{"cut status line", testkit.Verbatim("HTTP/1.1 20"), false},
		{"cut headers", testkit.Verbatim("HTTP/1.1 200 OK\r\nContent-Type: canary"), false},
		{"broken header", testkit.Verbatim("HTTP/1.1 200 OK\r\ncanary\r\n\r\n"), true},
		{"whitespace before the first header", testkit.Verbatim("HTTP/1.1 200 OK\r\n canary: x\r\n\r\n"), true},
		{"NUL in a header", testkit.Verbatim("HTTP/1.1 200 OK\r\nA: canary \x00\r\n\r\n"), true},
		{"bad length", testkit.Verbatim("HTTP/1.1 200 OK\r\nContent-Length: canary\r\n\r\n"), true},
		{"huge header", testkit.Verbatim("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("canary", 100<<10/6) + "\r\n\r\n"), true},
		{"cut body", cut(200, `{"data":{"id":42}}`), false},
		{"cut chunk", testkit.Verbatim("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"dat"), false},
		{"broken chunk", testkit.Verbatim("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ncanary\r\n"), true},
		{"unknown transfer encoding", testkit.Verbatim("HTTP/1.1 200 OK\r\nTransfer-Encoding: canary\r\n\r\n"), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			upstream := testkit.NewScript(test.upstream)
			g := start(t, upstream)
			for _, c := range g.calls(42) {
				f := c.do(t.Context()).failure(t)
				f.mustHide(t, "canary", "127.0.0.1", "EOF")
				switch {
				case test.broken && (c.name != "CreateCustomer" || test.name == "broken chunk"): // its status is known
					f.mustBe(t, codes.Internal, pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE)
				case c.name == "CreateCustomer":
					f.mustBe(t, codes.Internal, pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN)
					f.mustAdvise(t, "unknown", "-1", 0)
				default:
					f.mustBe(t, codes.Unavailable, pelcrov1.ErrorReason_PELCRO_CONNECTION_LOST)
					f.mustAdvise(t, "", "", 0)
				}
			}
			if log := g.Log.Unread(); strings.Contains(log, "canary") {
				t.Errorf("logged: %s", log)
			}
		})
	}
}

// The body of an error says less than its status, so its loss changes nothing.
func TestLostBodyOfAnError(t *testing.T) {
	for _, body := range []string{`{"message":"canary`, `{"message":"canary"}`} {
		for _, c := range start(t, testkit.NewScript(cut(403, body))).calls(42) {
			f := c.do(t.Context()).failure(t)
			f.mustBe(t, codes.PermissionDenied, pelcrov1.ErrorReason_PELCRO_PERMISSION_DENIED)
			f.mustHide(t, "canary")
		}
	}
}
