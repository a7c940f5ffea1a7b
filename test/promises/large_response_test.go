package promises_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// Reading a response ends at the limit, for zip bombs and endless bodies, successes and
// errors.
func TestR12OversizedResponses(t *testing.T) { alone(t, oversizedResponses) }

func oversizedResponses(t *testing.T) {
	bombed := bomb(256)
	var sent atomic.Int64 // bytes of the endless bodies
	handlers := map[string]func(http.ResponseWriter, int){
		"a bomb": func(w http.ResponseWriter, code int) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(code)
			_, _ = w.Write(bombed)
		},
		"a bomb in chunks": func(w http.ResponseWriter, code int) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(code)
			for at := 1000; at < 260_000; at += 1000 {
				_, _ = w.Write(bombed[at-1000 : at])
				_ = http.NewResponseController(w).Flush()
			}
		},
		"no end": func(w http.ResponseWriter, code int) {
			w.WriteHeader(code)
			for zeros := make([]byte, 32<<10); ; {
				n, err := w.Write(zeros)
				sent.Add(int64(n))
				if err != nil {
					return
				}
			}
		},
		"JSON without an end": func(w http.ResponseWriter, code int) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, `{"data":{"id":42,"x":[`)
			for ones := []byte(strings.Repeat("1,", 16<<10)); ; {
				n, err := w.Write(ones)
				sent.Add(int64(n))
				if err != nil {
					return
				}
			}
		},
	}
	for name, handler := range handlers {
		for _, code := range scaled([]int{200, 400, 404, 422, 500, 503}, []int{200, 422, 500}) {
			t.Run(fmt.Sprintf("%s/%d", name, code), func(t *testing.T) {
				upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "application/json")
					handler(w, code)
				}))
				defer upstream.Close()
				g := start(t, upstream.URL, func(c *gatewaytest.Config) { c.Pelcro.Retries, c.Pelcro.CircuitBreaker = 0, false })
				sent.Store(0)
				var fastest time.Duration
				var grown int64
				rounds := scaled(20, 1)
				get := func() {
					_, err := g.Customers.GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 42})
					if reason := gatewaytest.Reason(err); (reason == "PELCRO_RESPONSE_TOO_LARGE") != (code == 200) || reason == "" {
						t.Errorf("the response became %v, %s", err, reason)
					}
				}
				for range rounds {
					memory := measureMemory(t)
					get()
					grown = max(grown, memory.grewLess(32<<20))
				}
				for range rounds { // measuring memory takes most of the time of a call
					begin := time.Now()
					get()
					if took := time.Since(begin); fastest == 0 || took < fastest {
						fastest = took
					}
				}
				err := anyCall(t.Context(), g.Customers, 1)
				if reason := gatewaytest.Reason(err); code == 200 && (status.Code(err) != codes.Internal || reason != "PELCRO_RESPONSE_TOO_LARGE") {
					t.Errorf("a create: %v, %s", err, reason)
				}
				t.Logf("at best %v, at most %d KiB", fastest, grown>>10)
				if limit := scaled(100*time.Millisecond, testkit.Timeout); fastest > limit {
					t.Errorf("the fastest of %d took %v, want at most %v", rounds, fastest, limit)
				}
				// Buffers on the way hold more than the limit.
				if n := sent.Load() / int64(2*rounds+1); n > 16<<20 {
					t.Errorf("%d bytes of each body were sent", n)
				}
			})
		}
	}
}
