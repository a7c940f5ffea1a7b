package pelcro_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

func TestLargestSuccess(t *testing.T) {
	received, err := serve(t, responding(200, dataOf(pelcro.MaxBody))).GetCustomer(t.Context(), 0, 1001, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(received.JSON.Member("data").String()); n < pelcro.MaxBody-20 || len(received.Body) != pelcro.MaxBody {
		t.Errorf("%d bytes of data", n)
	}
	// An error made of it has the whole body, which decides what it means.
	invalid := received.Invalid(io.EOF)
	if invalid.Outcome != pelcro.BadResponse || !errors.Is(invalid, io.EOF) || !invalid.Sent ||
		invalid.Response.StatusCode != 200 || len(invalid.Response.Body) != pelcro.MaxBody || invalid.Response.Incomplete {
		t.Errorf("invalid: %d bytes, %v", len(invalid.Response.Body), invalid)
	}
	large := received.TooLargeToSend()
	if large.Outcome != pelcro.BadResponse || !large.Sent || !large.Response.TooLarge || received.TooLarge {
		t.Errorf("too large to send: %v", large)
	}
}

// bomb is 256 MiB in gzip: many small streams, one after the other.
func bomb(t *testing.T) []byte {
	t.Helper()
	return bytes.Repeat(zip(t, make([]byte, 1<<20)), 256)
}

// TestTooLarge checks that no response takes more memory than the limits allow.
func TestTooLarge(t *testing.T) {
	endless := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			for chunk := make([]byte, 64<<10); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}
	}
	zipped := bomb(t)
	compressed := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept-Encoding") != "gzip" {
				t.Error("gzip is not accepted")
			}
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(status)
			_, _ = w.Write(zipped)
		}
	}
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		status  int
		kept    int // bytes of the body
		outcome pelcro.Outcome
	}{
		{"success, one byte too many", responding(200, dataOf(pelcro.MaxBody+1)), 200, 1024, pelcro.BadResponse},
		{"success, endless", endless(200), 200, 1024, pelcro.BadResponse},
		{"success, gzip bomb", compressed(201), 201, 1024, pelcro.BadResponse},
		{"error, one byte too many", responding(500, strings.Repeat("x", pelcro.MaxErrorBody+1)), 500, pelcro.MaxErrorBody, pelcro.ServerError},
		{"error, endless", endless(404), 404, pelcro.MaxErrorBody, pelcro.Rejected},
		{"error, gzip bomb", compressed(422), 422, pelcro.MaxErrorBody, pelcro.Rejected},
		{"redirect, endless", endless(302), 302, pelcro.MaxErrorBody, pelcro.Rejected},
	} {
		for _, protocol := range protocols {
			t.Run(test.name+" over "+protocol.name, func(t *testing.T) {
				client := protocol.start(t, test.handler)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				err := create(t.Context(), client)
				runtime.ReadMemStats(&after)

				got := response(t, err, test.status)
				if outcome := failure(t, err).Outcome; outcome != test.outcome || !got.Incomplete ||
					len(got.Body) != test.kept || got.TooLarge != (test.status < 300) {
					t.Errorf("got %v with %d bytes, TooLarge %v, Incomplete %v", outcome, len(got.Body), got.TooLarge, got.Incomplete)
				}
				const enough = 64 << 20 // reading 4 MiB into a growing buffer, with the garbage and the server's own
				if allocated := after.TotalAlloc - before.TotalAlloc; allocated > enough {
					t.Errorf("%d MiB allocated", allocated>>20)
				}
			})
		}
	}
}

func TestLargestError(t *testing.T) {
	body := strings.Repeat("x", pelcro.MaxErrorBody)
	err := create(t.Context(), serve(t, responding(503, body)))
	if got := response(t, err, 503); string(got.Body) != body || got.Incomplete || got.TooLarge || failure(t, err).Err != nil {
		t.Errorf("got %v with %d bytes", err, len(got.Body))
	}
}

// TestTooLargeHeader: a header beyond the limit is as bad as one that is not HTTP.
func TestTooLargeHeader(t *testing.T) {
	for _, protocol := range protocols {
		for size, accepted := range map[int]bool{60 << 10: true, 70 << 10: false, 5 << 20: false} {
			t.Run(fmt.Sprintf("%d KiB over %s", size>>10, protocol.name), func(t *testing.T) {
				client := protocol.start(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("X-Large", strings.Repeat("x", size))
					w.WriteHeader(404)
				})
				if err := create(t.Context(), client); accepted {
					response(t, err, 404)
				} else {
					noResponse(t, err, pelcro.BadResponse, true)
				}
			})
		}
	}
}
