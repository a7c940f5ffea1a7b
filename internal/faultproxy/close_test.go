package faultproxy_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/faultproxy"
)

// Nothing announces the end of the connection, and nothing of the answer is missing.
func TestCloseAfterAnswer(t *testing.T) {
	b := start(t, nil)
	b.Set(faultproxy.CloseAfterAnswer())
	l := b.dial()
	l.get()
	response, got := l.receive()
	if got != answer || response.Close || response.Header.Get("Connection") != "" {
		t.Errorf("%q, %v", got, response.Header)
	}
	if got, err := l.rest(); err != nil || got != "" {
		t.Errorf("then %q, %v", got, err)
	}
	b.mustCount(1, 1, 1)

	// However the race ends, each answer has a connection of its own.
	const calls = 20
	for range calls {
		b.mustAnswer("GET")
	}
	b.mustCount(1+calls, 1+calls, 1+calls)
}

// The transport of net/http repeats what it takes for harmless, and by itself.
func TestCloseOnReuse(t *testing.T) {
	for _, test := range []struct {
		name, method, key string
		repeated          bool
	}{
		{"GET", http.MethodGet, "", true},
		{"POST", http.MethodPost, "", false},
		{"POST with a key", http.MethodPost, "k", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := start(t, nil)
			b.Set(faultproxy.CloseOnReuse())
			b.mustAnswer("GET")
			b.mustCount(1, 1, 1)

			b.Set(faultproxy.None()) // too late for the connection
			request, err := http.NewRequestWithContext(t.Context(), test.method, b.URL(), strings.NewReader("a request"))
			if err != nil {
				t.Fatal(err)
			}
			if test.key != "" {
				request.Header.Set("Idempotency-Key", test.key)
			}
			response, err := b.client.Do(request)
			if err == nil {
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
			}
			if test.repeated {
				if err != nil {
					t.Error(err)
				}
				b.mustCount(2, 3, 2)
				return
			}
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			b.mustCount(1, 2, 1)
		})
	}
}

func TestSlowCloseOfAnAnswerWithoutLength(t *testing.T) {
	const late = 50 * time.Millisecond
	b := start(t, saying(t, "HTTP/1.1 200 OK\r\n\r\n"+answer))
	b.Set(faultproxy.SlowClose(late))
	mustTakeAtLeast(t, late, func() { b.mustAnswer("GET") })
	b.mustCount(1, 1, 1)
}

// An answer that says how long it is does not wait for the end of the connection, and
// a request that comes meanwhile meets it.
func TestSlowCloseOfAnAnswerWithLength(t *testing.T) {
	b := start(t, nil)
	b.Set(faultproxy.SlowClose(time.Hour))
	b.mustAnswer("GET")

	b.Set(faultproxy.SlowClose(50 * time.Millisecond))
	l := b.dial()
	l.get()
	if _, got := l.receive(); got != answer {
		t.Errorf("%q", got)
	}
	l.get()
	if got, err := l.rest(); err != nil || got != "" {
		t.Errorf("then %q, %v", got, err)
	}
	b.mustCount(2, 2, 2)
}
