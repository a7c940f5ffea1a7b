package gatewaytest

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"
)

// InMemoryURL is the address of the upstream of [InMemory].
const InMemoryURL = "http://127.0.0.1"

// InMemory has the service run without a network, so that a test can use the clock of testing/synctest:
// the client is connected in memory, and the handler responds to each request after its latency, also
// if the service no longer waits for it. The client takes 64 KiB of a stream ahead of its program: by
// default grpc-go takes more on a fast connection, up to 16 MiB.
func InMemory(upstream http.Handler, latency func() time.Duration) func(*Config) {
	return func(c *Config) {
		listener := bufconn.Listen(1 << 20)
		c.Listener = listener
		c.Dial = append(c.Dial, grpc.WithInitialWindowSize(64<<10), grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return listener.DialContext(ctx)
		}))
		c.Pelcro.Transport = inMemory{upstream, latency}
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
	m.upstream.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
	if err != nil {
		return nil, err
	}
	return w.Result(), nil
}
