package pelcro_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// TestNotSent: without a connection that is ready nothing was sent.
func TestNotSent(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains about each handshake
	secure.StartTLS()
	t.Cleanup(secure.Close)
	_, securePort, _ := net.SplitHostPort(secure.Listener.Addr().String())
	gone := testkit.Listen(t)
	gone.Close()
	silent := testkit.Listen(t) // the kernel accepts, nothing responds

	withoutNames := pelcro.NewTransport()
	withoutNames.DialContext = (&net.Dialer{Resolver: &net.Resolver{
		PreferGo: true,
		Dial:     func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no name server") },
	}}).DialContext
	old := trusting(secure)
	old.TLSClientConfig.MinVersion = tls.VersionTLS13
	old.TLSClientConfig.MaxVersion = tls.VersionTLS12
	impatient := pelcro.NewTransport()
	impatient.TLSHandshakeTimeout = 50 * time.Millisecond
	over := func() (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		return ctx, cancel
	}
	soon := func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(context.Background(), 50*time.Millisecond)
	}

	for _, test := range []struct {
		name      string
		address   string
		transport *http.Transport
		ctx       func() (context.Context, context.CancelFunc)
		outcome   pelcro.Outcome
		text      string
	}{
		{name: "connection refused", address: "http://" + gone.Addr().String(), outcome: pelcro.Unreachable, text: "refused"},
		{name: "connection refused, TLS", address: "https://" + gone.Addr().String(), outcome: pelcro.Unreachable, text: "refused"},
		{name: "no such host", address: "https://pelcro.invalid", transport: withoutNames, outcome: pelcro.Unreachable, text: "lookup"},
		{name: "untrusted certificate", address: secure.URL, outcome: pelcro.Untrusted, text: "certificate"},
		{name: "another host's certificate", address: "https://localhost:" + securePort, transport: trusting(secure), outcome: pelcro.Untrusted, text: "certificate"},
		{name: "no common TLS version", address: secure.URL, transport: old, outcome: pelcro.Unreachable, text: "tls"},
		{name: "plain HTTP instead of TLS", address: "https://" + plain.Listener.Addr().String(), outcome: pelcro.Untrusted, text: "TLS handshake"},
		{name: "silent handshake", address: "https://" + silent.Addr().String(), ctx: soon, outcome: pelcro.CallerGone, text: "deadline"},
		{name: "silent handshake, the transport's limit", address: "https://" + silent.Addr().String(), transport: impatient, outcome: pelcro.Unreachable, text: "timeout"},
		{name: "cancelled before", address: plain.URL, ctx: over, outcome: pelcro.CallerGone, text: "canceled"},
		{name: "cancelled before TLS", address: secure.URL, transport: trusting(secure), ctx: over, outcome: pelcro.CallerGone, text: "canceled"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, call := range calls {
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if test.ctx != nil {
					ctx, cancel = test.ctx()
				}
				var options []func(*pelcro.Config)
				if test.transport != nil {
					options = append(options, with(test.transport))
				}
				failed := noResponse(t, call.do(ctx, at(t, test.address+basePath, options...)), test.outcome, false)
				cancel()
				if !strings.Contains(failed.Error(), test.text) || !strings.HasPrefix(failed.Error(), "pelcro: "+call.name+": no response: ") {
					t.Errorf("the error is %v", failed)
				}
			}
		})
	}
}

// TestPermanentFailures: what a retry cannot fix is tried once.
func TestPermanentFailures(t *testing.T) {
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	for name, address := range map[string]string{
		"untrusted certificate": untrusted.URL,
		"port without TLS":      "https://" + plain.Listener.Addr().String(),
	} {
		for _, call := range calls {
			t.Run(name+"/"+call.name, func(t *testing.T) {
				var attempts, statusCode int
				client := at(t, address+basePath, func(c *pelcro.Config) { c.Retries = 2 })
				err := call.do(pelcro.WithCallStats(t.Context(), &attempts, &statusCode), client)
				noResponse(t, err, pelcro.Untrusted, false)
				if attempts != 1 {
					t.Errorf("%d attempts", attempts)
				}
			})
		}
	}
}

// TestSent: once there is a connection the request may have arrived.
func TestSent(t *testing.T) {
	abort := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	}
	arrived := make(chan struct{}, 1)
	hang := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		<-r.Context().Done()
		panic(http.ErrAbortHandler) // a response could still arrive
	}
	reset := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		start   func(*testing.T, http.HandlerFunc) *pelcro.Client
		cancel  bool // when the request has arrived
		outcome pelcro.Outcome
	}{
		{name: "closed", handler: abort, start: serve, outcome: pelcro.ConnectionLost},
		{name: "closed, TLS", handler: abort, start: serveTLS, outcome: pelcro.ConnectionLost},
		{name: "reset", handler: reset, start: serve, outcome: pelcro.ConnectionLost},
		{name: "cancelled without a response", handler: hang, start: serve, cancel: true, outcome: pelcro.CallerGone},
		{name: "cancelled without a response, TLS", handler: hang, start: serveTLS, cancel: true, outcome: pelcro.CallerGone},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := test.start(t, test.handler)
			for _, call := range calls {
				ctx, cancel := context.WithCancel(t.Context())
				if test.cancel {
					go func() {
						<-arrived
						cancel()
					}()
				}
				noResponse(t, call.do(ctx, client), test.outcome, true)
				cancel()
			}
		})
	}
}

// TestBrokenHTTP: what is not HTTP comes from something else than a lost connection, which would be
// retried.
func TestBrokenHTTP(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\n"
	for _, test := range []struct {
		name, response string
		status         int // 0: there is no response
		outcome        pelcro.Outcome
	}{
		{"another protocol", "SSH-2.0-OpenSSH_9.2\r\n", 0, pelcro.BadResponse},
		{"another protocol, without a line end", "220 mail.example ESMTP", 0, pelcro.BadResponse},
		{"HTML without a status line", "<html>", 0, pelcro.BadResponse},
		{"one byte that is not HTTP's", "h", 0, pelcro.BadResponse},
		{"record of TLS", "\x15\x03\x01\x00\x02\x02\x46", 0, pelcro.BadResponse},
		{"header without a colon", head + "no colon\r\n\r\n", 0, pelcro.BadResponse},
		{"whitespace before the first header", head + " a: b\r\n\r\n", 0, pelcro.BadResponse},
		{"NUL in a header", head + "A: \x00\r\n\r\n", 0, pelcro.BadResponse},
		{"status that is not a number", "HTTP/1.1 2oo OK\r\n\r\n", 0, pelcro.BadResponse},
		{"version that is not one", "HTTP/x 200 OK\r\n\r\n", 0, pelcro.BadResponse},
		{"length that is not a number", head + "Content-Length: ten\r\n\r\n", 0, pelcro.BadResponse},
		{"two different lengths", head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n", 0, pelcro.BadResponse},
		{"unknown transfer encoding", head + "Transfer-Encoding: zip\r\n\r\n", 0, pelcro.BadResponse},
		{"headers above 64 KiB", head + "X: " + strings.Repeat("x", 70<<10) + "\r\n\r\n", 0, pelcro.BadResponse},
		{"chunk without a length", head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 200, pelcro.BadResponse},
		{"status above HTTP's", "HTTP/1.1 999 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 999, pelcro.BadResponse},

		{"first byte", "H", 0, pelcro.ConnectionLost},
		{"cut status line", "HTTP/1.1 20", 0, pelcro.ConnectionLost},
		{"cut header", head + "Content-Type", 0, pelcro.ConnectionLost},
		{"cut headers", head + "Content-Type: text/html\r\n", 0, pelcro.ConnectionLost},
		{"cut chunk", head + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"dat", 0, pelcro.ConnectionLost},
		{"cut length of a chunk", head + "Transfer-Encoding: chunked\r\n\r\n5", 0, pelcro.ConnectionLost},
		{"cut end of the chunks", head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", 0, pelcro.ConnectionLost},
	} {
		for _, protocol := range protocols {
			if protocol.name == "HTTPS" && (test.outcome == pelcro.ConnectionLost || !strings.Contains(test.response, "\n")) {
				continue // TestCutOverTLS
			}
			t.Run(test.name+" over "+protocol.name, func(t *testing.T) {
				client := protocol.start(t, testkit.Verbatim(test.response))
				for _, call := range calls {
					err := call.do(t.Context(), client)
					if test.status == 0 {
						noResponse(t, err, test.outcome, true)
						continue
					}
					if got := response(t, err, test.status); failure(t, err).Outcome != test.outcome || len(got.Body) > 0 {
						t.Errorf("%s: got %+v", call.name, failure(t, err))
					}
				}
			})
		}
	}
}

// TestCutOverTLS: a connection that breaks has no orderly end of TLS.
func TestCutOverTLS(t *testing.T) {
	for _, whole := range []string{"HTTP/1.1 20", "HTTP/1.1 200 OK\r\nContent-Type", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"} {
		client := serveTLS(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = io.WriteString(conn, whole)
			conn.(*tls.Conn).NetConn().Close()
		})
		for _, call := range calls {
			noResponse(t, call.do(t.Context(), client), pelcro.ConnectionLost, true)
		}
	}
}

// TestBrokenHTTPIsNotRetried: it will be the same next time.
func TestBrokenHTTPIsNotRetried(t *testing.T) {
	var requests atomic.Int32
	handler := testkit.Verbatim("HTTP/1.1 200 OK\r\nno colon\r\n\r\n")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	noResponse(t, get(t.Context(), at(t, server.URL, func(c *pelcro.Config) { c.Retries = 2 })), pelcro.BadResponse, true)
	if n := requests.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// closingSecond responds with 404 on each connection once, and closes it when it is used again.
type closingSecond struct {
	connections sync.Map
	// requests are all, and closed those without a response.
	requests, closed atomic.Int32
}

func (c *closingSecond) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	c.requests.Add(1)
	if _, again := c.connections.LoadOrStore(r.RemoteAddr, true); again {
		c.closed.Add(1)
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(404)
}

// TestStaleConnection: a kept connection that breaks before a response was probably closed while it
// was idle. Reads are retried, even without retries; changes may have arrived.
func TestStaleConnection(t *testing.T) {
	for _, protocol := range protocols {
		for _, call := range calls {
			t.Run(call.name+" over "+protocol.name, func(t *testing.T) {
				var server closingSecond
				client := protocol.start(t, server.ServeHTTP)
				response(t, call.do(t.Context(), client), 404)
				var attempts, statusCode int
				var arrived int32
				var err error
				// On a busy machine net/http may not keep a connection.
				testkit.Eventually(t, "a kept connection is used", func() bool {
					before := server.requests.Load()
					attempts = 0
					err = call.do(pelcro.WithCallStats(t.Context(), &attempts, &statusCode), client)
					arrived = server.requests.Load() - before
					return server.closed.Load() > 0
				})
				if strings.HasPrefix(call.name, "GET") {
					response(t, err, 404)
				} else {
					noResponse(t, err, pelcro.StaleConnection, true)
				}
				if attempts != int(arrived) {
					t.Errorf("%d attempts, and %d requests arrived", attempts, arrived)
				}
			})
		}
	}
}

// TestSentAfterSecondConnection has the cases that no server can provoke: the connection is lost
// between being found and being used.
func TestSentAfterSecondConnection(t *testing.T) {
	for _, test := range []struct {
		name    string
		steps   string // g: looks for a connection, c: has one, w: wrote the request
		outcome pelcro.Outcome
	}{
		{"none", "g", pelcro.Unreachable},
		{"ready", "gc", pelcro.ConnectionLost},
		{"lost before writing, none again", "gcg", pelcro.Unreachable},
		{"lost before writing, another", "gcgc", pelcro.ConnectionLost},
		{"lost after writing, none again", "gcwg", pelcro.ConnectionLost},
		{"lost before and after", "gcgcwg", pelcro.ConnectionLost},
	} {
		t.Run(test.name, func(t *testing.T) {
			transport := roundTripper(func(r *http.Request) (*http.Response, error) {
				trace := httptrace.ContextClientTrace(r.Context())
				for _, step := range test.steps {
					switch step {
					case 'g':
						trace.GetConn("pelcro.invalid:443")
					case 'c':
						trace.GotConn(httptrace.GotConnInfo{})
					case 'w':
						trace.WroteHeaderField("Accept", nil)
					}
				}
				return nil, errors.New("lost")
			})
			client := at(t, "https://pelcro.invalid", func(config *pelcro.Config) { config.Transport = transport })
			noResponse(t, create(t.Context(), client), test.outcome, test.outcome != pelcro.Unreachable)
			client.Close() // closes nothing: this transport cannot
		})
	}
}

// A request that cannot be built is not a failure of Pelcro's.
func TestUnbuildableRequest(t *testing.T) {
	client := at(t, "https://127.0.0.1:1")
	_, err := client.CreateCustomer(t.Context(), 0, map[string]any{"number": math.NaN()})
	var failed *pelcro.Error
	if err == nil || errors.As(err, &failed) {
		t.Errorf("got %v", err)
	}
}

// TestBrokenHTTPOnReusedConnection: each response counts by itself.
func TestBrokenHTTPOnReusedConnection(t *testing.T) {
	var requests atomic.Int32
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 1 {
			w.WriteHeader(404)
			return
		}
		testkit.Verbatim("<html>")(w, r)
	})
	response(t, get(t.Context(), client), 404)
	noResponse(t, get(t.Context(), client), pelcro.BadResponse, true)
	if n := requests.Load(); n != 2 {
		t.Errorf("%d requests", n)
	}
}
