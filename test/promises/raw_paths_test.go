package promises_test

import (
	"crypto/tls"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// rawResponse is what a raw client receives for a call: headers and trailers together, or
// that the stream was reset or the connection closed.
type rawResponse struct {
	fields map[string]string
	ended  string
}

// outcome returns the result in one or two words.
func (r rawResponse) outcome() string {
	switch {
	case r.ended != "":
		return r.ended
	case r.fields["x-error-reason"] != "":
		return r.fields["x-error-reason"]
	case r.fields["grpc-status"] == "0":
		return "OK"
	case r.fields["grpc-status"] != "":
		return "grpc-status " + r.fields["grpc-status"]
	}
	return "HTTP " + r.fields[":status"]
}

// exchange makes one call with these headers and the request {id: 42} on a new connection.
func exchange(t *testing.T, p *process, secure *tls.Config, fields [][2]string) rawResponse {
	t.Helper()
	dialer := &net.Dialer{Timeout: testTimeout}
	conn, err := dialer.Dial("tcp", p.address)
	must(t, err)
	if secure != nil {
		secure = secure.Clone()
		secure.NextProtos = []string{"h2"}
		conn = tls.Client(conn, secure)
	}
	c := newRaw(t, conn)
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(testTimeout))
	c.mu.Lock()
	c.headers(1, fields...)
	_ = c.framer.WriteData(1, true, []byte{0, 0, 0, 0, 2, 8, 42})
	err = c.out.Flush()
	c.mu.Unlock()
	must(t, err)
	got := rawResponse{fields: map[string]string{}, ended: "cut"}
	decoder := hpack.NewDecoder(4096, func(f hpack.HeaderField) { got.fields[f.Name] = f.Value })
	c.read(func(frame http2.Frame) {
		switch frame := frame.(type) {
		case *http2.HeadersFrame:
			_, _ = decoder.Write(frame.HeaderBlockFragment())
			if frame.StreamEnded() {
				got.ended = ""
				conn.Close()
			}
		case *http2.DataFrame:
			if frame.StreamEnded() {
				got.ended = ""
				conn.Close()
			}
		case *http2.RSTStreamFrame:
			got.ended = "reset"
			if got.fields[":status"] != "" { // the response arrived before it
				got.ended = ""
			}
			conn.Close()
		}
	})
	return got
}

// A path reaches a handler only if it is exactly that of a method and the caller may call
// it. Without a leading slash it is UNIMPLEMENTED for every caller (CVE-2026-33186).
func TestR18Paths(t *testing.T) {
	ours := authority(t, "ours")
	folder := t.TempDir()
	putInPlace(t, folder, issue(t, ours, forServer).pair(t))
	token, line := newToken("operator", "*")
	narrow, narrowLine := newToken("narrow", "pelcro.v1.CustomerService/DeleteCustomer,grpc.health.v1.Health/*")
	putInPlace(t, folder, map[string]string{callers: line + narrowLine})
	const unimplemented, unauthenticatedReason = "grpc-status 12", "GATEWAY_UNAUTHENTICATED"
	for _, way := range []struct {
		name   string
		flags  []string
		secure *tls.Config
	}{{"plain text", nil, nil}, {"TLS", tlsFlags(folder), trusting(ours, nil)}} {
		t.Run(way.name, func(t *testing.T) {
			pelcro, url := startKeyUpstream(t)
			p := run(t, url, append(way.flags, callersFlag(folder), withKey)...)
			bearer := func(token string) [2]string { return [2]string{"authorization", "Bearer " + token} }
			if got := exchange(t, p, way.secure, callTo(customersPath+"GetCustomer", bearer(token))).outcome(); got != "OK" {
				t.Fatalf("the path of a method: %s", got)
			}
			const whole = "pelcro.v1.CustomerService/GetCustomer"
			for _, path := range []string{
				whole, "pelcro.v1.CustomerService", "GetCustomer", "x", "*", "", "%2F" + whole, "\\" + whole, " /" + whole,
				"http://pelcro-grpc/" + whole, "?/" + whole, "#/" + whole, "/pelcro.v1.CustomerService%2FGetCustomer", ".//" + whole, "grpc.health.v1.Health/Check",
			} {
				for _, headers := range [][][2]string{nil, {bearer(token)}, {bearer(narrow)}} {
					got := exchange(t, p, way.secure, callTo(path, headers...)).outcome()
					emptyPath := path == "" && (got == "reset" || strings.HasPrefix(got, "HTTP 4"))
					if got != unimplemented && !emptyPath {
						t.Errorf("%q with %d headers: %s", path, len(headers), got)
					}
				}
			}
			for _, path := range []string{
				"/" + whole + "/", "//" + whole, "/./" + whole, "/x/../" + whole, "/" + whole + "?", "/" + whole + "#", "/" + whole + ";x",
				"/" + whole + "%00", "/" + whole + " ", "/" + whole + "/..",
				"/pelcro.v1.CustomerService./GetCustomer", "/.pelcro.v1.CustomerService/GetCustomer", "/PELCRO.V1.CUSTOMERSERVICE/GETCUSTOMER",
				"/pelcro.v1.CustomerService/GetCustomer\t", "/pelcro.v1.CustomerService/Get\u212Austomer",
				"/pelcro.v1.CustomerService/DeleteCustomer/../GetCustomer", "/grpc.health.v1.Health//" + whole,
			} {
				if got := exchange(t, p, way.secure, callTo(path)).outcome(); got != unauthenticatedReason && !strings.HasPrefix(path, healthPath) {
					t.Errorf("%q of an unknown client: %s", path, got)
				}
				for _, shown := range []string{token, narrow} {
					got := exchange(t, p, way.secure, callTo(path, bearer(shown))).outcome()
					if !slices.Contains([]string{"GATEWAY_PERMISSION_DENIED", "GATEWAY_UNKNOWN_METHOD"}, got) {
						t.Errorf("%q: %s", path, got)
					}
				}
			}
			if uses := pelcro.uses("key"); uses != 1 {
				t.Errorf("%d calls reached Pelcro, want only the first", uses)
			}
			if panics := p.count(t, "pelcro_grpc_errors_total", "reason", "GATEWAY_INTERNAL_ERROR"); panics != 0 {
				t.Errorf("%d internal errors", panics)
			}
		})
	}
}

// Headers that a gRPC library would not send: none of them admits an unknown client, and
// no header that HTTP/2 allows makes the service reject a valid token.
func TestR18Headers(t *testing.T) {
	pelcro, url := startKeyUpstream(t)
	folder := t.TempDir()
	token, line := newToken("operator", "*")
	putInPlace(t, folder, map[string]string{callers: line})
	p := run(t, url, callersFlag(folder), withKey)
	const rejected, ok = "GATEWAY_UNAUTHENTICATED", "OK"
	good, reached := "Bearer "+token, 0
	for _, test := range []struct {
		name   string
		fields [][2]string
		want   string
	}{
		{"good", [][2]string{{"authorization", good}}, ok},
		{"with a large header", [][2]string{{"authorization", good}, {"x-many", strings.Repeat("x", 12<<10)}}, ok},
		{"invalid binary metadata", [][2]string{{"authorization", good}, {"x-bin", "!!"}}, "grpc-status 13"},
		{"twice", [][2]string{{"authorization", good}, {"authorization", good}}, rejected},
		{"twice, with another header between", [][2]string{{"authorization", good}, {"a", "b"}, {"authorization", "x"}}, rejected},
		{"a name in capitals", [][2]string{{"Authorization", good}}, "reset"},
		{"both names", [][2]string{{"authorization", good}, {"AUTHORIZATION", "x"}}, "reset"},
		{"a space in the name", [][2]string{{"authorization ", good}}, "reset"},
		{"a NUL after the token", [][2]string{{"authorization", good + "\x00"}}, "reset"},
		{"a line after the token", [][2]string{{"authorization", good + "\r\nx: y"}}, "reset"},
		{"a line before the token", [][2]string{{"authorization", "x\n" + good}}, "reset"},
		{"a letter beyond ASCII", [][2]string{{"authorization", good + "\u00e9"}}, rejected},
		{"a space before it", [][2]string{{"authorization", " " + good}}, rejected},
		{"a tab instead of the space", [][2]string{{"authorization", "Bearer\t" + token}}, rejected},
		{"a no-break space instead of the space", [][2]string{{"authorization", "Bearer\u00a0" + token}}, rejected},
		{"as binary", [][2]string{{"authorization-bin", good}}, "grpc-status 13"},
		{"a huge token", [][2]string{{"authorization", "Bearer " + strings.Repeat(token, 150)}}, rejected},
		{"headers beyond the limit", [][2]string{{"authorization", good}, {"x-a", strings.Repeat("x", 9<<10)}, {"x-b", strings.Repeat("x", 9<<10)}}, "reset"},
		{"one header beyond the limit", [][2]string{{"authorization", good}, {"x-many", strings.Repeat("x", 17<<10)}}, "cut"},
		{"a pseudo-header after the token", [][2]string{{"authorization", good}, {":path", customersPath + "GetCustomer"}}, "reset"},
		{"two paths", [][2]string{{":path", healthPath + "Check"}, {"authorization", good}}, "reset"},
		{"two hosts", [][2]string{{"authorization", good}, {"host", "a"}, {"host", "b"}}, "grpc-status 13"},
		{"a hop-by-hop header", [][2]string{{"authorization", good}, {"connection", "authorization"}}, "reset"},
		{"a header with the prefix grpc-", [][2]string{{"grpc-authorization", good}}, rejected},
		{"an invalid timeout", [][2]string{{"authorization", good}, {"grpc-timeout", "x"}}, "grpc-status 13"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := exchange(t, p, nil, callTo(customersPath+"GetCustomer", test.fields...))
			if got.outcome() != test.want {
				t.Errorf("%s, want %s: %v", got.outcome(), test.want, got.fields)
			}
			if test.want == ok {
				reached++
			}
		})
	}
	if uses := pelcro.uses("key"); uses != reached {
		t.Errorf("%d calls reached Pelcro, want %d", uses, reached)
	}
	if strings.Contains(p.log.String(), token) {
		t.Error("the token is in the log")
	}
}
