package faultproxy_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/test/faultproxy"
)

// Nothing announces the end of the connection, and the response is complete.
func TestCloseAfterResponse(t *testing.T) {
	b := start(t, nil)
	b.Set(faultproxy.CloseAfterResponse())
	l := b.dial()
	l.get()
	response, got := l.receive()
	if got != responseBody || response.Close || response.Header.Get("Connection") != "" {
		t.Errorf("%q, %v", got, response.Header)
	}
	if got, err := l.rest(); err != nil || got != "" {
		t.Errorf("then %q, %v", got, err)
	}
	b.mustCount(1, 1, 1)

	// However the race ends, each response has its own connection.
	const calls = 20
	for range calls {
		b.mustSucceed("GET")
	}
	b.mustCount(1+calls, 1+calls, 1+calls)
}

// The transport of net/http retries by itself what it considers harmless.
func TestCloseOnReuse(t *testing.T) {
	for _, test := range []struct {
		name, method, key string
		retried           bool
	}{
		{"GET", http.MethodGet, "", true},
		{"POST", http.MethodPost, "", false},
		{"POST with a key", http.MethodPost, "k", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := start(t, nil)
			b.Set(faultproxy.CloseOnReuse())
			b.mustSucceed("GET")
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
			if test.retried {
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
