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
	"sync/atomic"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// TestNotSent: without a connection that is ready nothing was sent, and only then
// may a create be repeated.
func TestNotSent(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of each handshake
	secure.StartTLS()
	t.Cleanup(secure.Close)
	_, securePort, _ := net.SplitHostPort(secure.Listener.Addr().String())
	gone := listen(t)
	gone.Close()
	silent := listen(t) // the kernel accepts, nobody answers

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
		text      string
	}{
		{name: "refused", address: "http://" + gone.Addr().String(), text: "refused"},
		{name: "refused TLS", address: "https://" + gone.Addr().String(), text: "refused"},
		{name: "no such host", address: "https://pelcro.invalid", transport: withoutNames, text: "lookup"},
		{name: "untrusted certificate", address: secure.URL, text: "certificate"},
		{name: "another host's certificate", address: "https://localhost:" + securePort, transport: trusting(secure), text: "certificate"},
		{name: "no common TLS version", address: secure.URL, transport: old, text: "tls"},
		{name: "plain HTTP instead of TLS", address: "https://" + plain.Listener.Addr().String(), text: "TLS handshake"},
		{name: "unresponsive handshake", address: "https://" + silent.Addr().String(), ctx: soon, text: "deadline"},
		{name: "unresponsive handshake, the transport's limit", address: "https://" + silent.Addr().String(), transport: impatient, text: "timeout"},
		{name: "cancelled before", address: plain.URL, ctx: over, text: "canceled"},
		{name: "cancelled before TLS", address: secure.URL, transport: trusting(secure), ctx: over, text: "canceled"},
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
				failed := noReply(t, call.do(ctx, at(t, test.address+basePath, options...)), false)
				cancel()
				if !strings.Contains(failed.Error(), test.text) || !strings.HasPrefix(failed.Error(), "pelcro: "+call.name+": no reply: ") {
					t.Errorf("the error is %v", failed)
				}
			}
		})
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
	}{
		{name: "closed", handler: abort, start: overHTTP1},
		{name: "closed, HTTP/2", handler: abort, start: overHTTP2},
		{name: "reset", handler: reset, start: overHTTP1},
		{name: "cancelled without an answer", handler: hang, start: overHTTP1, cancel: true},
		{name: "cancelled without an answer, HTTP/2", handler: hang, start: overHTTP2, cancel: true},
		{name: "no HTTP", handler: verbatim("SSH-2.0-OpenSSH_9.2\r\n"), start: overHTTP1},
		{name: "malformed header", handler: verbatim("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), start: overHTTP1},
		{name: "malformed status", handler: verbatim("HTTP/1.1 2oo OK\r\n\r\n"), start: overHTTP1},
		{name: "malformed chunk", handler: verbatim("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"), start: overHTTP1},
		{name: "malformed gzip", handler: verbatim("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nno gzip"), start: overHTTP1},
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
				noReply(t, call.do(ctx, client), true)
				cancel()
			}
		})
	}
}

// TestSentOnKeptConnection: the second request finds a connection that has been
// used, which has rules of its own in net/http.
func TestSentOnKeptConnection(t *testing.T) {
	for _, protocol := range protocols {
		for _, call := range calls {
			t.Run(call.name+" over "+protocol.name, func(t *testing.T) {
				var requests atomic.Int32
				client := protocol.start(t, func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					if requests.Add(1) > 1 {
						panic(http.ErrAbortHandler)
					}
					w.WriteHeader(404)
				})
				if failed := failure(t, call.do(t.Context(), client)); failed.StatusCode != 404 {
					t.Fatalf("got %v", failed)
				}
				noReply(t, call.do(t.Context(), client), true)
			})
		}
	}
}

// TestSentAfterSecondConnection plays the cases that no server can provoke: the
// connection is lost between being found and being used.
func TestSentAfterSecondConnection(t *testing.T) {
	for _, test := range []struct {
		name  string
		steps string // g: looks for a connection, c: has one, w: wrote the request
		sent  bool
	}{
		{"none", "g", false},
		{"ready", "gc", true},
		{"lost before writing, none again", "gcg", false},
		{"lost before writing, another", "gcgc", true},
		{"lost after writing, none again", "gcwg", true},
		{"lost before and after", "gcgcwg", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			transport := roundTrip(func(r *http.Request) (*http.Response, error) {
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
			noReply(t, create(t.Context(), client), test.sent)
			client.Close() // closes nothing: this transport cannot
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A request that cannot be built is no failure of Pelcro's.
func TestUnbuildableRequest(t *testing.T) {
	client := at(t, "https://127.0.0.1:1")
	_, err := client.CreateCustomer(t.Context(), 0, pelcro.Attributes{{"number", math.NaN()}})
	var failed *pelcro.Error
	if err == nil || errors.As(err, &failed) {
		t.Errorf("got %v", err)
	}
}
