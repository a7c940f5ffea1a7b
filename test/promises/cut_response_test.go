package promises_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
	"github.com/pelcro-grpc/pelcro-grpc/test/faultproxy"
)

// A response of 2 KiB is cut at every byte, from the status line to the end of the body.
func TestR25CutResponseIsAnError(t *testing.T) {
	const size = 2 << 10
	const begin, end = `{"data":{"id":42,"name":"`, `"}}`
	body := begin + strings.Repeat("x", size-len(begin)-len(end)) + end
	for _, test := range []struct {
		name  string
		write func(w http.ResponseWriter)
	}{
		{"Content-Length", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", strconv.Itoa(size))
			respond(w, 201, body)
		}},
		{"chunked", func(w http.ResponseWriter) {
			respond(w, 201, body[:100])
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, body[100:])
		}},
	} {
		t.Run(test.name, func(t *testing.T) { cutEverywhere(t, size, test.write) })
	}
}

func cutEverywhere(t *testing.T, size int, write func(w http.ResponseWriter)) {
	t.Helper()
	url := upstreamOf(t, func(w http.ResponseWriter, _ *http.Request) { write(w) })
	whole := wireSize(t, url)
	if whole < size {
		t.Fatalf("the whole response has %d bytes", whole)
	}
	const workers = 4
	var next sync.Mutex
	cut := 0
	each(workers, workers, func(int) {
		proxy := faultproxy.New(t, url)
		g := start(t, proxy.URL(), withoutBreaker, withoutRetries)
		for {
			next.Lock()
			n := cut
			if cut += scaled(1, 23); n < whole-1 {
				cut = min(cut, whole-1) // the last byte is always tried
			}
			next.Unlock()
			if n >= whole {
				break
			}
			proxy.Set(faultproxy.Truncate(int64(n)))
			ctx, cancel := context.WithTimeout(t.Context(), testkit.Timeout)
			if err := g.get(ctx, 42); status.Code(err) != codes.Unavailable || gatewaytest.Reason(err) != "PELCRO_CONNECTION_LOST" {
				t.Errorf("get, cut after %d of %d bytes: %v (%s)", n, whole, err, gatewaytest.Reason(err))
			}
			if err := g.create(ctx, "new@example.com"); status.Code(err) != codes.Internal || gatewaytest.Reason(err) != "PELCRO_OUTCOME_UNKNOWN" {
				t.Errorf("create, cut after %d of %d bytes: %v (%s)", n, whole, err, gatewaytest.Reason(err))
			}
			cancel()
		}
		proxy.Set(faultproxy.Truncate(int64(whole)))
		if err := g.get(t.Context(), 42); err != nil {
			t.Errorf("the whole response: %v", err)
		}
	})
}

// wireSize returns the size of the upstream's response with header and framing.
func wireSize(t *testing.T, url string) int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: pelcro\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	// Keep-alive, as the service uses it: the server closes the connection only after it has
	// read the end of the requests.
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return len(raw)
}
