package pelcro_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// dataOf returns a success of so many bytes.
func dataOf(size int) string {
	const frame = `{"data":""}`
	return `{"data":"` + strings.Repeat("x", size-len(frame)) + `"}`
}

func responding(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
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

// What the cut responses are made of.
const (
	cutHead      = "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
	cutSuccess   = `{"data":{"id":1001,"email":null},"meta":[]}`
	cutRejection = `{"errors":{"email":["The email field is required."]}}`
)

func withLength(status int, body string) string {
	return fmt.Sprintf(cutHead+"Content-Length: %d\r\n\r\n%s", status, len(body), body)
}

func inChunks(status int, body string) string {
	return fmt.Sprintf(cutHead+"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n",
		status, 9, body[:9], len(body)-9, body[9:])
}

// TestCutSuccesses cuts responses at every byte: a success that is not whole is not one.
func TestCutSuccesses(t *testing.T) {
	for name, whole := range map[string]string{
		"with a length": withLength(200, cutSuccess), "in chunks": inChunks(201, cutSuccess),
	} {
		t.Run(name, func(t *testing.T) {
			length := 0
			client := serve(t, func(w http.ResponseWriter, r *http.Request) { testkit.Verbatim(whole[:length])(w, r) })
			for length = range len(whole) {
				noResponse(t, create(t.Context(), client), pelcro.ConnectionLost, true)
			}
			length = len(whole)
			if err := create(t.Context(), client); err != nil {
				t.Errorf("the whole response: %v", err)
			}
		})
	}
	// Nothing tells such a body from a whole one but its JSON.
	t.Run("up to the end of the connection", func(t *testing.T) {
		length := 0
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			testkit.Verbatim(fmt.Sprintf(cutHead+"\r\n%s", 200, cutSuccess[:length]))(w, r)
		})
		for length = range len(cutSuccess) {
			received, err := client.CreateCustomer(t.Context(), 0, nil)
			if err != nil || !received.JSON.IsZero() || !received.JSON.Member("data").IsZero() || string(received.Body) != cutSuccess[:length] {
				t.Errorf("cut at %d: %+v, %v", length, received, err)
			}
		}
	})
	for _, protocol := range protocols {
		t.Run("in a stream over "+protocol.name, func(t *testing.T) {
			noResponse(t, create(t.Context(), protocol.start(t, cutStream(200))), pelcro.ConnectionLost, true)
		})
	}
}

// TestCutErrors cuts responses at every byte: an error keeps its status once it has one.
func TestCutErrors(t *testing.T) {
	for name, whole := range map[string]string{
		"with a length": withLength(422, cutRejection), "in chunks": inChunks(422, cutRejection),
	} {
		t.Run(name, func(t *testing.T) {
			length := 0
			client := serve(t, func(w http.ResponseWriter, r *http.Request) { testkit.Verbatim(whole[:length])(w, r) })
			headEnd := strings.Index(whole, "\r\n\r\n") + len("\r\n\r\n")
			for length = range headEnd {
				noResponse(t, create(t.Context(), client), pelcro.ConnectionLost, true)
			}
			for length = headEnd; length < len(whole); length++ {
				mustBeCut(t, create(t.Context(), client), 422)
			}
			if got := response(t, create(t.Context(), client), 422); got.Incomplete || string(got.Body) != cutRejection {
				t.Errorf("the whole response: %+v", got)
			}
		})
	}
	for _, protocol := range protocols {
		t.Run("in a stream over "+protocol.name, func(t *testing.T) {
			mustBeCut(t, create(t.Context(), protocol.start(t, cutStream(500))), 500)
		})
	}
}

func mustBeCut(t *testing.T, err error, status int) {
	t.Helper()
	if got := response(t, err, status); !got.Incomplete || failure(t, err).Err == nil || got.TooLarge {
		t.Errorf("got %+v", got)
	}
}

// cutStream ends the connection in the middle of the body.
func cutStream(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, cutSuccess[:20])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// TestGzip: what decides whether a body can be decompressed is the body that was sent, not how
// many bytes are wrong. A body that did not arrive whole is a lost connection.
func TestGzip(t *testing.T) {
	const success = `{"data":{"id":1001}}`
	zipped := zip(t, []byte(success))
	corrupt := bytes.Clone(zipped)
	corrupt[len(corrupt)-6] ^= 1 // the checksum
	trailing := func(n int) []byte { return append(bytes.Clone(zipped), strings.Repeat("x", n)...) }
	cases := []struct {
		name    string
		body    []byte
		framing string // length, chunks or none: up to the end of the connection
		sent    int    // bytes of the body, -1 for all
		outcome pelcro.Outcome
	}{
		{"whole", zipped, "length", -1, pelcro.Success},
		{"whole", zipped, "chunks", -1, pelcro.Success},
		{"whole", zipped, "none", -1, pelcro.Success},
		{"two streams", append(zip(t, []byte(success[:9])), zip(t, []byte(success[9:]))...), "length", -1, pelcro.Success},
		{"empty", nil, "chunks", -1, pelcro.Success},
		{"not gzip", []byte("not gzip at all"), "length", -1, pelcro.BadResponse},
		{"short and not gzip", []byte("{}"), "length", -1, pelcro.BadResponse},
		{"wrong checksum", corrupt, "length", -1, pelcro.BadResponse},
		{"wrong checksum", corrupt, "none", -1, pelcro.BadResponse},
		{"truncated by the server", zipped[:len(zipped)-1], "length", -1, pelcro.BadResponse},
		{"truncated by the server", zipped[:15], "chunks", -1, pelcro.BadResponse},
		{"cut on the way", zipped, "length", len(zipped) - 1, pelcro.ConnectionLost},
		{"cut on the way", zipped, "chunks", 15, pelcro.ConnectionLost},
		{"cut on the way", zipped, "none", 15, pelcro.ConnectionLost},
	}
	for n := 1; n < 40; n++ {
		for _, framing := range []string{"length", "chunks", "none"} {
			c := cases[0]
			c.name, c.body, c.framing, c.outcome = fmt.Sprintf("%d bytes after it", n), trailing(n), framing, pelcro.BadResponse
			cases = append(cases, c)
		}
	}
	for _, test := range cases {
		for _, status := range []int{200, 422} {
			t.Run(fmt.Sprintf("%s, %s, %d", test.name, test.framing, status), func(t *testing.T) {
				body := string(test.body)
				head := fmt.Sprintf(cutHead+"Content-Encoding: gzip\r\n", status)
				sent := body
				if test.sent >= 0 {
					sent = body[:test.sent]
				}
				switch test.framing {
				case "length":
					head += fmt.Sprintf("Content-Length: %d\r\n", len(body))
				case "chunks":
					head += "Transfer-Encoding: chunked\r\n"
					if sent != "" {
						sent = fmt.Sprintf("%x\r\n%s", len(body), sent)
					}
					if test.sent < 0 {
						sent += "\r\n0\r\n\r\n"
					}
					sent = strings.TrimPrefix(sent, "\r\n")
				}
				received, err := serve(t, testkit.Verbatim(head+"\r\n"+sent)).GetCustomer(t.Context(), 0, 1001, nil)
				switch {
				case status == 422: // a problem of the body never replaces the status
					got := response(t, err, 422)
					if got.Incomplete != (test.outcome != pelcro.Success) || failure(t, err).Outcome != pelcro.Rejected {
						t.Errorf("got %+v", failure(t, err))
					}
				case test.outcome == pelcro.Success:
					if err != nil || len(test.body) > 0 && string(received.Body) != success {
						t.Errorf("got %+v, %v", received, err)
					}
				case test.outcome == pelcro.BadResponse:
					got := response(t, err, 200)
					if failure(t, err).Outcome != pelcro.BadResponse || !got.Incomplete || got.TooLarge || got.Header.Get("Content-Type") != "application/json" {
						t.Errorf("got %+v", failure(t, err))
					}
				default:
					noResponse(t, err, test.outcome, true)
				}
			})
		}
	}
}

// TestTimeInTheBody: the end of the caller's time ends the reading, too.
func TestTimeInTheBody(t *testing.T) {
	for _, status := range []int{200, 500} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(status)
				_, _ = io.WriteString(w, `{"data":`)
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
				panic(http.ErrAbortHandler) // the end could still arrive
			}))
			t.Cleanup(server.Close)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			transport := pelcro.NewTransport()
			client := at(t, server.URL, func(c *pelcro.Config) {
				c.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
					received, err := transport.RoundTrip(r)
					cancel() // the headers are there
					return received, err
				})
			})
			err := get(ctx, client)
			if status == 200 {
				noResponse(t, err, pelcro.CallerGone, true)
			} else if got := response(t, err, 500); !got.Incomplete || failure(t, err).Err == nil {
				t.Errorf("got %+v", got)
			}
			transport.CloseIdleConnections()
		})
	}
}

// TestSwitchingProtocols: it was not asked for, and what follows has no end.
func TestSwitchingProtocols(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn) // until the client hangs up
	})
	err := create(t.Context(), client)
	if got := response(t, err, 101); len(got.Body) != 0 || failure(t, err).Outcome != pelcro.BadResponse {
		t.Errorf("got %+v", got)
	}
}

// TestSuccesses: every 2xx that was received whole is a response, whatever its content.
func TestSuccesses(t *testing.T) {
	for _, test := range []struct{ name, body, json, data string }{
		{"nothing", "", "", ""},
		{"whitespace", " \r\n", "", ""},
		{"HTML", "<!DOCTYPE html><html></html>", "", ""},
		{"cut JSON", `{"data":{"id":1}`, "", ""},
		{"two values", `{"data":{"id":1}}{"data":{"id":2}}`, "", ""},
		{"not an object", `[{"id":1}]`, `[{"id":1}]`, ""},
		{"null", `null`, `null`, ""},
		{"no data", `{"customer":{"id":1}}`, `{"customer":{"id":1}}`, ""},
		{"null data", `{"data":null}`, `{"data":null}`, "null"},
		{"data", ` {"data" : {"id":1} } `, `{"data" : {"id":1} }`, `{"id":1}`},
		{"after a PHP warning", "<br />\n<b>Warning</b>:  Undefined index<br />\n" + `{"data":{"id":1}}`, `{"data":{"id":1}}`, `{"id":1}`},
		{"errors", `{"errors":{"email":["x"]}}`, `{"errors":{"email":["x"]}}`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := serve(t, responding(202, test.body))
			for _, call := range responses {
				got, err := call(t.Context(), client)
				if err != nil {
					t.Fatal(err)
				}
				if got.StatusCode != 202 || got.Header == nil || string(got.Body) != test.body || got.Incomplete || got.TooLarge ||
					got.JSON.String() != test.json || got.JSON.Member("data").String() != test.data {
					t.Errorf("got %+v", got)
				}
			}
		})
	}
	for _, call := range responses {
		if got, err := call(t.Context(), serve(t, responding(204, ""))); err != nil || got.StatusCode != 204 {
			t.Errorf("204: %v", err)
		}
	}
}
