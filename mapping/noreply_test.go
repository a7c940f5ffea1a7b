package mapping_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// noReplyTests are calls without a reply, with the errors that net/http really
// returns wherever they can be had on loopback.
var noReplyTests = []struct {
	name         string
	none         func(*testing.T) mapping.NoReply
	sent         bool
	code, reason string // on every operation but a create that may have been sent
}{
	{"refused", refused, false, "UNAVAILABLE", "PELCRO_UNREACHABLE"},
	{"no such host", unsent(&net.DNSError{Err: "no such host", Name: "secret.example", IsNotFound: true}), false, "UNAVAILABLE", "PELCRO_UNREACHABLE"},
	{"name server too slow", unsent(&net.DNSError{Err: "i/o timeout", Name: "secret.example", IsTimeout: true}), false, "UNAVAILABLE", "PELCRO_UNREACHABLE"},
	{"no route", unsent(os.NewSyscallError("connect", syscall.EHOSTUNREACH)), false, "UNAVAILABLE", "PELCRO_UNREACHABLE"},
	{"connecting too slow", unsent(os.NewSyscallError("connect", syscall.ETIMEDOUT)), false, "UNAVAILABLE", "PELCRO_UNREACHABLE"},
	{"handshake too slow", slowHandshake, false, "UNAVAILABLE", "PELCRO_UNREACHABLE"},
	{"handshake broken off", brokenHandshake, false, "UNAVAILABLE", "PELCRO_UNREACHABLE"},

	{"unknown authority", unknownAuthority, false, "INTERNAL", "PELCRO_TLS_UNTRUSTED"},
	{"another host's certificate", otherHost, false, "INTERNAL", "PELCRO_TLS_UNTRUSTED"},
	{"expired certificate", expired, false, "INTERNAL", "PELCRO_TLS_UNTRUSTED"},
	{"plain HTTP", plainHTTP, false, "INTERNAL", "PELCRO_TLS_UNTRUSTED"},
	{"not TLS at all", notTLS, false, "INTERNAL", "PELCRO_TLS_UNTRUSTED"},

	{"limit of the client", clientLimit, true, "UNAVAILABLE", "PELCRO_TIMEOUT"},
	{"limit of the transport", transportLimit, true, "UNAVAILABLE", "PELCRO_TIMEOUT"},
	{"limit with a cause", limitWithCause, true, "UNAVAILABLE", "PELCRO_TIMEOUT"},
	{"limit while the body comes", bodyLimit, true, "UNAVAILABLE", "PELCRO_TIMEOUT"},
	{"limit behind other errors", sentWith(&url.Error{Op: "Get", URL: "https://secret.example", Err: fmt.Errorf("attempt: %w", limitError{})}), true, "UNAVAILABLE", "PELCRO_TIMEOUT"},

	{"reset", reset, true, "UNAVAILABLE", "PELCRO_CONNECTION_LOST"},
	{"closed before the answer", serve(""), true, "UNAVAILABLE", "PELCRO_CONNECTION_LOST"},
	{"cut header", serve("HTTP/1.1 200 OK\r\nContent-"), true, "UNAVAILABLE", "PELCRO_CONNECTION_LOST"},
	{"cut body", serve("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\""), true, "UNAVAILABLE", "PELCRO_CONNECTION_LOST"},
	{"cut chunks", serve("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"dat"), true, "UNAVAILABLE", "PELCRO_CONNECTION_LOST"},
	{"malformed HTTP", serve("220 secret.example ESMTP\r\n\r\n"), true, "UNAVAILABLE", "PELCRO_CONNECTION_LOST"},
	{"header above the limit", serve("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 70<<10) + "\r\n\r\n"), true, "UNAVAILABLE", "PELCRO_CONNECTION_LOST"},
	{"GOAWAY", sentWith(errors.New("http2: server sent GOAWAY and closed the connection; LastStreamID=1")), true, "UNAVAILABLE", "PELCRO_CONNECTION_LOST"},
	{"nothing known", sentWith(nil), true, "UNAVAILABLE", "PELCRO_CONNECTION_LOST"},

	{"untrusted after a first attempt", func(t *testing.T) mapping.NoReply {
		none := unknownAuthority(t)
		none.Sent = true
		return none
	}, true, "INTERNAL", "PELCRO_TLS_UNTRUSTED"},
}

func TestNoReply(t *testing.T) {
	for _, test := range noReplyTests {
		t.Run(test.name, func(t *testing.T) {
			none := test.none(t)
			if none.Sent != test.sent {
				t.Fatalf("sent is %v: %v", none.Sent, none.Err)
			}
			for _, operation := range mapping.CustomerOperations() {
				result := mapping.FromNoReply(callOf(t, operation.Name), none)
				code, reason, want := test.code, test.reason, advised{}
				if !test.sent {
					want.outcome = "notSent"
				} else if operation.Kind == mapping.Create {
					code, reason, want = "INTERNAL", "PELCRO_OUTCOME_UNKNOWN", advised{0, "-1", "unknown"}
				}
				checkOutcome(t, operation.Name, result, code, reason)
				if got := adviceOf(t, result); got != want {
					t.Errorf("%s: %+v, want %+v", operation.Name, got, want)
				}
				checkSilent(t, result, none.Err)
			}
		})
	}
}

// TestCallerComesFirst has the caller's own limits with every error there is:
// whatever went wrong, the caller no longer waited.
func TestCallerComesFirst(t *testing.T) {
	for _, caller := range []struct {
		name         string
		err          error
		code, reason string
	}{
		{"deadline", context.DeadlineExceeded, "DEADLINE_EXCEEDED", "CALLER_DEADLINE_EXCEEDED"},
		{"deadline, wrapped", fmt.Errorf("x: %w", context.DeadlineExceeded), "DEADLINE_EXCEEDED", "CALLER_DEADLINE_EXCEEDED"},
		{"cancel", context.Canceled, "CANCELLED", "CALLER_CANCELLED"},
	} {
		for _, err := range []error{
			nil,
			caller.err,
			&url.Error{Op: "Get", URL: "https://secret.example/x?api_key=secret", Err: caller.err},
			&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
			&tls.CertificateVerificationError{Err: errors.New("secret")},
			io.ErrUnexpectedEOF,
			limitError{},
		} {
			for _, sent := range []bool{false, true} {
				for _, operation := range mapping.CustomerOperations() {
					name := fmt.Sprintf("%s, sent %v, %s, %v", caller.name, sent, operation.Name, err)
					result := mapping.FromNoReply(callOf(t, operation.Name), mapping.NoReply{Err: err, Sent: sent, Caller: caller.err})
					checkOutcome(t, name, result, caller.code, caller.reason)
					want := advised{}
					if !sent {
						want.outcome = "notSent"
					} else if operation.Kind == mapping.Create {
						want = advised{0, "-1", "unknown"}
					}
					if got := adviceOf(t, result); got != want {
						t.Errorf("%s: %+v, want %+v", name, got, want)
					}
					checkSilent(t, result, err)
				}
			}
		}
	}
}

// checkSilent checks that nothing of the error reaches the caller.
func checkSilent(t *testing.T, result mapping.Result, err error) {
	t.Helper()
	everything := everyText(t, result)
	for _, secret := range []string{"127.0.0.1", "secret", "http:", "https:", "tls:", "x509", "dial", "EOF", "GOAWAY"} {
		if strings.Contains(everything, secret) {
			t.Errorf("%q of %v leaked: %s", secret, err, everything)
		}
	}
}

// limitError is the cause of a time limit of this service.
type limitError struct{}

func (limitError) Error() string { return "secret limit" }
func (limitError) Timeout() bool { return true }

func unsent(err error) func(*testing.T) mapping.NoReply {
	return func(*testing.T) mapping.NoReply {
		return mapping.NoReply{Err: &url.Error{
			Op:  "Get",
			URL: "https://secret.example",
			Err: &net.OpError{Op: "dial", Net: "tcp", Err: err},
		}}
	}
}

func sentWith(err error) func(*testing.T) mapping.NoReply {
	return func(*testing.T) mapping.NoReply { return mapping.NoReply{Err: err, Sent: true} }
}

// get makes the call, which must fail, and reports it as a client would.
func get(ctx context.Context, t *testing.T, client *http.Client, address string) mapping.NoReply {
	t.Helper()
	defer client.CloseIdleConnections()
	var none mapping.NoReply
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { none.Sent = true },
	})
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err == nil {
		_, err = io.ReadAll(response.Body)
		_ = response.Body.Close()
	}
	if err == nil {
		t.Fatal("there is a reply")
	}
	none.Err = err
	return none
}

func newClient(transport *http.Transport) *http.Client {
	transport.MaxResponseHeaderBytes = 64 << 10
	return &http.Client{Transport: transport}
}

func refused(t *testing.T) mapping.NoReply {
	listener := listen(t)
	_ = listener.Close()
	return get(t.Context(), t, newClient(&http.Transport{}), "https://"+listener.Addr().String())
}

func slowHandshake(t *testing.T) mapping.NoReply {
	client := newClient(&http.Transport{TLSHandshakeTimeout: time.Millisecond})
	return get(t.Context(), t, client, "https://"+listen(t).Addr().String())
}

func brokenHandshake(t *testing.T) mapping.NoReply {
	address := answer(t, func(net.Conn) {})
	return get(t.Context(), t, newClient(&http.Transport{}), "https://"+address)
}

func unknownAuthority(t *testing.T) mapping.NoReply {
	return get(t.Context(), t, newClient(&http.Transport{}), tlsServer(t).URL)
}

func otherHost(t *testing.T) mapping.NoReply {
	server := tlsServer(t)
	config := server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.ServerName = "secret.example.org"
	return get(t.Context(), t, newClient(&http.Transport{TLSClientConfig: config}), server.URL)
}

func expired(t *testing.T) mapping.NoReply {
	server := tlsServer(t)
	config := server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.Time = func() time.Time { return time.Now().AddDate(500, 0, 0) }
	return get(t.Context(), t, newClient(&http.Transport{TLSClientConfig: config}), server.URL)
}

func plainHTTP(t *testing.T) mapping.NoReply {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	return get(t.Context(), t, newClient(&http.Transport{}), strings.Replace(server.URL, "http:", "https:", 1))
}

func notTLS(t *testing.T) mapping.NoReply {
	address := answer(t, func(conn net.Conn) { _, _ = io.WriteString(conn, "220 secret.example ESMTP\r\n") })
	return get(t.Context(), t, newClient(&http.Transport{}), "https://"+address)
}

func clientLimit(t *testing.T) mapping.NoReply {
	client := newClient(&http.Transport{})
	client.Timeout = 50 * time.Millisecond
	return get(t.Context(), t, client, silentServer(t))
}

func transportLimit(t *testing.T) mapping.NoReply {
	client := newClient(&http.Transport{ResponseHeaderTimeout: time.Millisecond})
	return get(t.Context(), t, client, silentServer(t))
}

func limitWithCause(t *testing.T) mapping.NoReply {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, limitError{})
	defer cancel()
	return get(ctx, t, newClient(&http.Transport{}), silentServer(t))
}

func bodyLimit(t *testing.T) mapping.NoReply {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"data"`)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	client := newClient(&http.Transport{})
	client.Timeout = 50 * time.Millisecond
	return get(t.Context(), t, client, server.URL)
}

func reset(t *testing.T) mapping.NoReply {
	address := answer(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		_ = conn.(*net.TCPConn).SetLinger(0)
	})
	return get(t.Context(), t, newClient(&http.Transport{}), "http://"+address)
}

// serve answers a request with those bytes and closes the connection.
func serve(reply string) func(*testing.T) mapping.NoReply {
	return func(t *testing.T) mapping.NoReply {
		address := answer(t, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, reply)
		})
		return get(t.Context(), t, newClient(&http.Transport{}), "http://"+address)
	}
}

func silentServer(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func tlsServer(t *testing.T) *httptest.Server {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// answer accepts one connection, lets it be answered and closes it.
func answer(t *testing.T, with func(net.Conn)) (address string) {
	listener := listen(t)
	go func() {
		if conn, err := listener.Accept(); err == nil {
			with(conn)
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}
