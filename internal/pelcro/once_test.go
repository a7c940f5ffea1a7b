package pelcro_test

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// TestCreatesArriveOnce makes many creates on kept connections that the server closes under them,
// and counts how often each arrives.
func TestCreatesArriveOnce(t *testing.T) {
	const rounds = 300
	created := func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 201 Created\r\nContent-Length: 16\r\n\r\n"+`{"data":{"a":1}}`)
	}
	for _, test := range []struct {
		name string
		// respond gets every second request.
		respond func(conn net.Conn)
	}{
		{"closed without a response", func(conn net.Conn) { conn.Close() }},
		{"reset without a response", func(conn net.Conn) {
			_ = conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}},
		{"closed after a response", func(conn net.Conn) {
			created(conn) // promises to be kept
			conn.Close()
		}},
		{"closed within a response", func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 201 Created\r\nContent-Len")
			conn.Close()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var mu sync.Mutex
			arrived := map[string]int{}
			total := 0
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				var sent struct {
					Email string `json:"email"`
				}
				if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
					t.Error(err)
				}
				mu.Lock()
				arrived[sent.Email]++
				total++
				second := total%2 == 0
				mu.Unlock()
				if !second {
					w.WriteHeader(201)
					_, _ = io.WriteString(w, `{"data":{"id":1}}`)
					return
				}
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				test.respond(conn)
			})
			for round := range rounds {
				email := strconv.Itoa(round)
				_, err := client.CreateCustomer(t.Context(), 0, map[string]any{"email": email})
				mu.Lock()
				n := arrived[email]
				mu.Unlock()
				var failed *pelcro.Error
				switch failure := errors.As(err, &failed); {
				case n > 1:
					t.Errorf("create %d arrived %d times", round, n)
				case err == nil && n != 1:
					t.Errorf("create %d succeeded and never arrived", round)
				case failure && n == 1 && !failed.Sent:
					t.Errorf("create %d arrived and claims that it was not sent", round)
				}
			}
		})
	}
}
