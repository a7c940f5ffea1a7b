package gatewaytest

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// InMemoryURL is the address of the upstream of [InMemory] and [ServedInMemory].
const InMemoryURL = "http://127.0.0.1"

// WithoutNetwork connects the client to the service in memory, so that a test can use the clock of
// testing/synctest. The client takes 64 KiB of a stream ahead of its program: by default grpc-go takes
// more on a fast connection, up to 16 MiB.
func WithoutNetwork(c *Config) {
	listener := bufconn.Listen(1 << 20)
	c.Listener = listener
	c.Dial = append(c.Dial, grpc.WithInitialWindowSize(64<<10), grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return listener.DialContext(ctx)
	}))
}

// InMemory is WithoutNetwork, with the upstream in memory, too: the handler responds to each request
// after its latency, also if the service no longer waits for it.
func InMemory(upstream http.Handler, latency func() time.Duration) func(*Config) {
	return func(c *Config) {
		WithoutNetwork(c)
		c.Pelcro.Transport = inMemory{upstream, latency}
	}
}

// ServedInMemory is WithoutNetwork, with net/http between the service and the upstream, also without a
// network: a request is sent, and ends at the upstream when the service no longer waits for it.
func ServedInMemory(tb testing.TB, upstream http.Handler) func(*Config) {
	tb.Helper()
	listener := bufconn.Listen(64 << 10)
	web := &http.Server{Handler: upstream, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = web.Serve(listener) }()
	tb.Cleanup(func() { _ = web.Close() })
	transport := pelcro.NewTransport()
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return listener.DialContext(ctx) }
	tb.Cleanup(transport.CloseIdleConnections)
	return func(c *Config) {
		WithoutNetwork(c)
		c.Pelcro.Transport = transport
	}
}

type inMemory struct {
	upstream http.Handler
	latency  func() time.Duration
}

// RoundTrip implements [http.RoundTripper]. A handler that panics with [http.ErrAbortHandler] cannot be
// reached.
func (m inMemory) RoundTrip(r *http.Request) (response *http.Response, err error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	timer := time.NewTimer(m.latency())
	defer timer.Stop()
	defer func() {
		switch value := recover(); value {
		case nil:
		case http.ErrAbortHandler:
			response, err = nil, net.ErrClosed
		default:
			panic(value)
		}
	}()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		err = r.Context().Err()
	}
	w := httptest.NewRecorder()
	received := r.WithContext(context.WithoutCancel(r.Context()))
	if received.Body == nil {
		received.Body = http.NoBody // a server's request always has a body
	}
	m.upstream.ServeHTTP(w, received)
	if err != nil {
		return nil, err
	}
	return w.Result(), nil
}
