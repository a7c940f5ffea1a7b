package pelcro_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// TestIdleTime: usual servers close idle connections after 5 seconds or more, and this client must be
// the first.
func TestIdleTime(t *testing.T) {
	if idle := pelcro.NewTransport().IdleConnTimeout; idle <= 0 || idle >= 5*time.Second {
		t.Errorf("idle connections are kept for %v", idle)
	}
}

// TestIdleConnections: the connections of many concurrent calls are kept for the next ones, if that
// many are kept. (A port may be used again, so not quite all new connections count.)
func TestIdleConnections(t *testing.T) {
	for _, test := range []struct{ kept, want int }{{300, 0}, {1, 250}} {
		const concurrent = 300
		var opened sync.Map
		var arrived [2]sync.WaitGroup
		round := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			opened.Store(r.RemoteAddr, true)
			arrived[round].Done()
			arrived[round].Wait()
			_, _ = io.WriteString(w, `{"data":{"id":1001}}`)
		}))
		client := at(t, server.URL+basePath, func(c *pelcro.Config) { c.MaxIdleConnections = test.kept })
		connections := func() (n int) {
			opened.Range(func(any, any) bool { n++; return true })
			return n
		}
		var counts [2]int
		for round = range arrived {
			arrived[round].Add(concurrent)
			var callers sync.WaitGroup
			for range concurrent {
				callers.Go(func() {
					if err := get(t.Context(), client); err != nil {
						t.Error(err)
					}
				})
			}
			callers.Wait()
			counts[round] = connections()
		}
		if counts[0] != concurrent || counts[1]-counts[0] < test.want {
			t.Errorf("%d kept: %d connections, then %d", test.kept, counts[0], counts[1])
		}
		if test.kept == concurrent && counts[1]-counts[0] > concurrent/10 {
			t.Errorf("%d kept: %d more", test.kept, counts[1]-counts[0])
		}
		client.Close()
		server.Close()
	}
}
