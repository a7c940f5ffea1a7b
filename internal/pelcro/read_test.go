package pelcro_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// dataOf returns a success of so many bytes.
func dataOf(size int) string {
	const frame = `{"data":""}`
	return `{"data":"` + strings.Repeat("x", size-len(frame)) + `"}`
}

func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestLargestSuccess(t *testing.T) {
	reply, err := overHTTP1(t, answering(200, dataOf(pelcro.MaxBody))).GetCustomer(t.Context(), 0, 1001, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(reply.Data) < pelcro.MaxBody-20 {
		t.Errorf("%d bytes of data", len(reply.Data))
	}
	// An error made of it has the whole body, which decides what it means.
	unusable := failure(t, reply.Unusable(io.EOF))
	if !unusable.Unusable || !errors.Is(unusable, io.EOF) || unusable.StatusCode != 200 || !unusable.Sent ||
		len(unusable.Body) != pelcro.MaxBody || unusable.BodyIncomplete {
		t.Errorf("unusable: %d bytes, %v", len(unusable.Body), unusable)
	}
}

func zip(t *testing.T, raw []byte) []byte {
	t.Helper()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return zipped.Bytes()
}

// bomb is 256 MiB in gzip: many small files in one stream.
func bomb(t *testing.T) []byte {
	t.Helper()
	return bytes.Repeat(zip(t, make([]byte, 1<<20)), 256)
}

// TestTooLarge checks that no reply takes more memory than the limits allow.
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
	}{
		{"success, one byte too many", answering(200, dataOf(pelcro.MaxBody+1)), 200, 0},
		{"success, endless", endless(200), 200, 0},
		{"success, gzip bomb", compressed(201), 201, 0},
		{"error, one byte too many", answering(500, strings.Repeat("x", pelcro.MaxErrorBody+1)), 500, pelcro.MaxErrorBody},
		{"error, endless", endless(404), 404, pelcro.MaxErrorBody},
		{"error, gzip bomb", compressed(422), 422, pelcro.MaxErrorBody},
		{"redirect, endless", endless(302), 302, pelcro.MaxErrorBody},
	} {
		for _, protocol := range protocols {
			t.Run(test.name+" over "+protocol.name, func(t *testing.T) {
				client := protocol.start(t, test.handler)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				failed := failure(t, create(t.Context(), client))
				runtime.ReadMemStats(&after)

				if failed.StatusCode != test.status || !failed.BodyIncomplete || failed.Unusable || !failed.Sent ||
					len(failed.Body) != test.kept || failed.TooLarge != (test.status < 300) {
					t.Errorf("got %v with %d bytes, TooLarge %v, BodyIncomplete %v",
						failed, len(failed.Body), failed.TooLarge, failed.BodyIncomplete)
				}
				const enough = 64 << 20 // reading 8 MiB into a growing buffer, with the garbage and the server's own
				if allocated := after.TotalAlloc - before.TotalAlloc; allocated > enough {
					t.Errorf("%d MiB allocated", allocated>>20)
				}
			})
		}
	}
}

func TestLargestError(t *testing.T) {
	body := strings.Repeat("x", pelcro.MaxErrorBody)
	failed := failure(t, create(t.Context(), overHTTP1(t, answering(503, body))))
	if failed.StatusCode != 503 || string(failed.Body) != body || failed.BodyIncomplete || failed.TooLarge || failed.Err != nil {
		t.Errorf("got %v with %d bytes", failed, len(failed.Body))
	}
}

// TestTooLargeHeader: a header beyond the limit is as bad as no reply.
func TestTooLargeHeader(t *testing.T) {
	for _, protocol := range protocols {
		for size, status := range map[int]int{60 << 10: 404, 70 << 10: 0, 5 << 20: 0} {
			t.Run(fmt.Sprintf("%d KiB over %s", size>>10, protocol.name), func(t *testing.T) {
				client := protocol.start(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("X-Large", strings.Repeat("x", size))
					w.WriteHeader(404)
				})
				if status == 0 {
					noReply(t, create(t.Context(), client), true)
				} else if failed := failure(t, create(t.Context(), client)); failed.StatusCode != status {
					t.Errorf("got %v", failed)
				}
			})
		}
	}
}

// What the cut replies are made of.
const (
	cutHead    = "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
	cutSuccess = `{"data":{"id":1001,"email":null},"meta":[]}`
	cutRefusal = `{"errors":{"email":["The email field is required."]}}`
)

func withLength(status int, body string) string {
	return fmt.Sprintf(cutHead+"Content-Length: %d\r\n\r\n%s", status, len(body), body)
}

func inChunks(status int, body string) string {
	return fmt.Sprintf(cutHead+"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n",
		status, 9, body[:9], len(body)-9, body[9:])
}

// TestCutSuccesses cuts replies at every byte: a success that is not whole is
// none.
func TestCutSuccesses(t *testing.T) {
	for name, reply := range map[string]string{
		"with a length": withLength(200, cutSuccess), "in chunks": inChunks(201, cutSuccess),
	} {
		t.Run(name, func(t *testing.T) {
			length := 0
			client := overHTTP1(t, func(w http.ResponseWriter, r *http.Request) { verbatim(reply[:length])(w, r) })
			for length = range len(reply) {
				noReply(t, create(t.Context(), client), true)
			}
			length = len(reply)
			if err := create(t.Context(), client); err != nil {
				t.Errorf("the whole reply: %v", err)
			}
		})
	}
	t.Run("up to the end of the connection", func(t *testing.T) {
		length := 0
		client := overHTTP1(t, func(w http.ResponseWriter, r *http.Request) {
			verbatim(fmt.Sprintf(cutHead+"\r\n%s", 200, cutSuccess[:length]))(w, r)
		})
		for length = range len(cutSuccess) {
			if failed := failure(t, create(t.Context(), client)); failed.StatusCode != 200 || !failed.Unusable {
				t.Errorf("cut at %d: %+v", length, failed)
			}
		}
	})
	t.Run("over HTTP/2", func(t *testing.T) {
		noReply(t, create(t.Context(), overHTTP2(t, cutStream(200))), true)
	})
	t.Run("in gzip", func(t *testing.T) {
		noReply(t, create(t.Context(), overHTTP1(t, cutGzip(t, 200))), true)
	})
}

// TestCutErrors cuts replies at every byte: an error keeps its status once it has
// one.
func TestCutErrors(t *testing.T) {
	for name, reply := range map[string]string{
		"with a length": withLength(422, cutRefusal), "in chunks": inChunks(422, cutRefusal),
	} {
		t.Run(name, func(t *testing.T) {
			length := 0
			client := overHTTP1(t, func(w http.ResponseWriter, r *http.Request) { verbatim(reply[:length])(w, r) })
			headEnd := strings.Index(reply, "\r\n\r\n") + len("\r\n\r\n")
			for length = range headEnd {
				noReply(t, create(t.Context(), client), true)
			}
			for length = headEnd; length < len(reply); length++ {
				mustBeCut(t, create(t.Context(), client), 422)
			}
			if failed := failure(t, create(t.Context(), client)); failed.BodyIncomplete || string(failed.Body) != cutRefusal {
				t.Errorf("the whole reply: %+v", failed)
			}
		})
	}
	t.Run("over HTTP/2", func(t *testing.T) {
		mustBeCut(t, create(t.Context(), overHTTP2(t, cutStream(500))), 500)
	})
	t.Run("in gzip", func(t *testing.T) {
		mustBeCut(t, create(t.Context(), overHTTP1(t, cutGzip(t, 500))), 500)
	})
}

func mustBeCut(t *testing.T, err error, status int) {
	t.Helper()
	failed := failure(t, err)
	if failed.StatusCode != status || !failed.BodyIncomplete || !failed.Sent || failed.Err == nil || failed.TooLarge {
		t.Errorf("got %+v", failed)
	}
}

// cutStream ends the stream in the middle of the body.
func cutStream(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, cutSuccess[:20])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// cutGzip sends a whole body, which holds most of a gzip stream.
func cutGzip(t *testing.T, status int) http.HandlerFunc {
	t.Helper()
	zipped := zip(t, []byte(cutSuccess))
	zipped = zipped[:len(zipped)-1]
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(status)
		_, _ = w.Write(zipped)
	}
}

// TestTimeInTheBody: the time limit ends the reading, too.
func TestTimeInTheBody(t *testing.T) {
	for _, protocol := range protocols {
		for _, status := range []int{200, 500} {
			t.Run(fmt.Sprintf("%d over %s", status, protocol.name), func(t *testing.T) {
				client := protocol.start(t, func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(status)
					_, _ = io.WriteString(w, `{"data":`)
					_ = http.NewResponseController(w).Flush()
					<-r.Context().Done()
				})
				err := get(limited(t), client)
				if status == 200 {
					noReply(t, err, true)
				} else if failed := failure(t, err); failed.StatusCode != 500 || !failed.BodyIncomplete || failed.Err == nil {
					t.Errorf("got %+v", failed)
				}
			})
		}
	}
}

// TestSwitchingProtocols: nobody asked for it, and what follows has no end.
func TestSwitchingProtocols(t *testing.T) {
	client := overHTTP1(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn) // until the client hangs up
	})
	if failed := failure(t, create(limited(t), client)); failed.StatusCode != 101 || !failed.Sent {
		t.Errorf("got %+v", failed)
	}
}

func TestUnusableSuccesses(t *testing.T) {
	for _, test := range []struct{ name, body string }{
		{"nothing", ""},
		{"blanks", " \r\n"},
		{"HTML", "<!DOCTYPE html><html></html>"},
		{"cut JSON", `{"data":{"id":1}`},
		{"two values", `{"data":{"id":1}}{"data":{"id":2}}`},
		{"no object", `[{"id":1}]`},
		{"null", `null`},
		{"no data", `{"customer":{"id":1}}`},
		{"null data", `{"data":null}`},
		{"null data with blanks", "{\"data\" :\n null }"},
		{"errors", `{"errors":{"email":["The email field is required."]}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := overHTTP1(t, answering(200, test.body))
			for _, call := range calls[:4] {
				failed := failure(t, call.do(t.Context(), client))
				if failed.StatusCode != 200 || !failed.Unusable || string(failed.Body) != test.body || failed.BodyIncomplete ||
					!failed.Sent || failed.Err == nil || failed.Header == nil {
					t.Errorf("%s: got %+v", call.name, failed)
				}
			}
		})
	}
}

// TestDeleteSuccesses: a body is for others to judge.
func TestDeleteSuccesses(t *testing.T) {
	for _, status := range []int{200, 202, 204} {
		if err := overHTTP1(t, answering(status, "")).DeleteCustomer(t.Context(), 0, 1001); err != nil {
			t.Errorf("%d: %v", status, err)
		}
	}
	const body = `{"errors":{"id":["The selected id is invalid."]}}`
	failed := failure(t, overHTTP1(t, answering(200, body)).DeleteCustomer(t.Context(), 0, 1001))
	if failed.StatusCode != 200 || string(failed.Body) != body || failed.Unusable || failed.BodyIncomplete || !failed.Sent {
		t.Errorf("got %+v", failed)
	}
	large := failure(t, overHTTP1(t, answering(200, dataOf(pelcro.MaxBody))).DeleteCustomer(t.Context(), 0, 1001))
	if len(large.Body) != pelcro.MaxBody || large.BodyIncomplete {
		t.Errorf("%d bytes, BodyIncomplete %v", len(large.Body), large.BodyIncomplete)
	}
}
