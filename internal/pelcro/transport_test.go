package pelcro_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// TestMoreCallsThanStreams: a peer of HTTP/2 that takes a hundred calls on a
// connection, the least that RFC 9113 recommends and what net/http assumes until it is
// told, gets further connections for more, and no call waits for another.
func TestMoreCallsThanStreams(t *testing.T) {
	const streams, atOnce = 100, 300
	var arrived sync.WaitGroup
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("over %s", r.Proto)
		}
		arrived.Done()
		arrived.Wait() // for all of them
		_, _ = io.WriteString(w, `{"data":{"id":1001}}`)
	}))
	server.EnableHTTP2 = true
	server.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: streams}
	server.StartTLS()
	defer server.Close()
	client := at(t, server.URL+basePath, with(trusting(server)))
	for _, crowd := range []int{1, atOnce} {
		arrived.Add(crowd)
		var callers sync.WaitGroup
		for range crowd {
			callers.Go(func() {
				if err := get(t.Context(), client); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
	}
}

// TestIdleConnections: after a crowd has called, its connections are there for the next
// one, if that many are kept. (A port may come again, so not quite all new ones count.)
func TestIdleConnections(t *testing.T) {
	for _, test := range []struct{ kept, want int }{{300, 0}, {1, 250}} {
		const atOnce = 300
		var opened sync.Map
		var arrived [2]sync.WaitGroup
		crowd := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			opened.Store(r.RemoteAddr, true)
			arrived[crowd].Done()
			arrived[crowd].Wait()
			_, _ = io.WriteString(w, `{"data":{"id":1001}}`)
		}))
		client := at(t, server.URL+basePath, func(c *pelcro.Config) { c.MaxIdleConnections = test.kept })
		connections := func() (n int) {
			opened.Range(func(any, any) bool { n++; return true })
			return n
		}
		var counts [2]int
		for crowd = range arrived {
			arrived[crowd].Add(atOnce)
			var callers sync.WaitGroup
			for range atOnce {
				callers.Go(func() {
					if err := get(t.Context(), client); err != nil {
						t.Error(err)
					}
				})
			}
			callers.Wait()
			counts[crowd] = connections()
		}
		if counts[0] != atOnce || counts[1]-counts[0] < test.want {
			t.Errorf("%d kept: %d connections, then %d", test.kept, counts[0], counts[1])
		}
		if test.kept == atOnce && counts[1]-counts[0] > atOnce/10 {
			t.Errorf("%d kept: %d more", test.kept, counts[1]-counts[0])
		}
		client.Close()
		server.Close()
	}
}
