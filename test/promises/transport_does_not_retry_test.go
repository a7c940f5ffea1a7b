package promises_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/metadata"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
	"github.com/pelcro-grpc/pelcro-grpc/test/faultproxy"
)

// idempotent are the headers with which net/http considers a POST safe to send again.
var idempotent = []string{"Idempotency-Key", "X-Idempotency-Key"}

// Connections close when they are used again, which is when net/http retries requests by
// itself. The callers also send the headers that allow it to.
func TestR04TransportDoesNotRetry(t *testing.T) {
	parallelUnlessSoaking(t)
	t.Run("HTTP", func(t *testing.T) {
		var headers atomic.Int64
		upstream := newEffects()
		proxy := faultproxy.New(t, upstreamOf(t, func(w http.ResponseWriter, r *http.Request) {
			countHeaders(&headers, r)
			upstream.ServeHTTP(w, r)
		}))
		proxy.Set(faultproxy.CloseOnReuse())
		createWithIdempotencyKeys(t, upstream, start(t, proxy.URL(), withoutBreaker))
		if n := headers.Load(); n != 0 {
			t.Errorf("%d headers", n)
		}
	})
	t.Run("HTTPS", func(t *testing.T) {
		var headers atomic.Int64
		upstream := newEffects()
		server := closingOnReuse(t, func(w http.ResponseWriter, r *http.Request) {
			countHeaders(&headers, r)
			upstream.ServeHTTP(w, r)
		})
		transport := pelcro.NewTransport()
		transport.TLSClientConfig = &tls.Config{RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
		g := start(t, server.URL, withoutBreaker, func(c *gatewaytest.Config) { c.Pelcro.Transport = transport })
		createWithIdempotencyKeys(t, upstream, g)
		if n := headers.Load(); n != 0 {
			t.Errorf("%d headers", n)
		}
	})
}

func countHeaders(n *atomic.Int64, r *http.Request) {
	for _, name := range idempotent {
		if r.Header.Get(name) != "" {
			n.Add(1)
		}
	}
}

// createWithIdempotencyKeys makes ten thousand creates.
func createWithIdempotencyKeys(t *testing.T, upstream *effects, g *service) {
	t.Helper()
	calls := scaled(10_000, 200)
	errs := make([]error, calls)
	email := func(i int) string { return fmt.Sprintf("new-%d@example.com", i) }
	each(calls, 8, func(i int) {
		ctx, cancel := context.WithTimeout(t.Context(), testkit.Timeout)
		defer cancel()
		for _, name := range idempotent {
			ctx = metadata.AppendToOutgoingContext(ctx, name, email(i))
		}
		errs[i] = g.create(ctx, email(i))
	})
	if err := g.Stop(); err != nil {
		t.Error(err)
	}
	done, lost := 0, 0
	for i, err := range errs {
		done += upstream.mustMatchOutcome(t, email(i), err)
		if err != nil {
			lost++
			if outcome := outcomeOf(err); outcome != "unknown" && outcome != "notSent" {
				t.Errorf("%s has the outcome %q: %v", email(i), outcome, err)
			}
		}
	}
	t.Logf("%d creates, %d took effect, %d lost their connection", calls, done, lost)
	if lost == 0 || done == 0 {
		t.Errorf("%d creates took effect and %d lost their connection", done, lost)
	}
}

// closingOnReuse is a TLS server that also offers HTTP/2. Its connections break after
// their second request has taken effect.
func closingOnReuse(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	var mu sync.Mutex
	requests := map[net.Conn]int{}
	type connKey struct{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 {
			t.Errorf("the request came over %s", r.Proto)
		}
		handler(w, r)
		conn := r.Context().Value(connKey{}).(net.Conn)
		mu.Lock()
		defer mu.Unlock()
		if requests[conn]++; requests[conn] > 1 {
			conn.Close()
		}
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it would log each connection
	server.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, conn.(*tls.Conn).NetConn())
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}
