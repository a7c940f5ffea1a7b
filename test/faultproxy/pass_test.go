package faultproxy_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/test/faultproxy"
)

func TestNonePassesEverything(t *testing.T) {
	b := start(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if r.ContentLength >= 0 {
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		}
		w.Header().Set("Trailer", "Sum")
		_, _ = w.Write(body)
		w.Header().Set("Sum", "7")
	})
	if b.Set(faultproxy.None()); fmt.Sprint(faultproxy.Fault{}, faultproxy.None()) != "None None" {
		t.Error("the zero fault is not None")
	}
	large := strings.Repeat(rand.Text(), 40_000)
	for _, body := range []string{"", "short", large} {
		if got, err := b.call("POST", body); err != nil || got != body {
			t.Fatalf("%d of %d bytes, %v", len(got), len(body), err)
		}
		chunked := struct{ io.Reader }{strings.NewReader(body)}
		response, err := b.client.Post(b.URL(), "text/plain", chunked)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(response.Body)
		if err != nil || string(got) != body || response.Trailer.Get("Sum") != "7" {
			t.Fatalf("%d of %d bytes, trailer %v, %v", len(got), len(body), response.Trailer, err)
		}
		_ = response.Body.Close()
		if got, err := b.call("HEAD", ""); err != nil || got != "" {
			t.Fatalf("HEAD: %q, %v", got, err)
		}
	}
	b.mustCount(1, 9, 9)
}

func TestBytesPassUnchanged(t *testing.T) {
	b := start(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s %s %q", r.Host, r.RequestURI, r.Header["X-Odd"])
	})
	l := b.dial()
	// Two pipelined requests, in a form that a client library would normalize.
	one := "GET http://other/%7e?a;b HTTP/1.1\r\nhost:  test\r\nx-oDD: 1\r\nX-Odd:\t2 \r\n\r\n"
	l.send(one + one)
	for range 2 {
		if _, got := l.receive(); got != `other http://other/%7e?a;b ["1" "2"]` {
			t.Errorf("the upstream received %s", got)
		}
	}
	b.mustCount(1, 2, 2)
}

func TestExpectContinue(t *testing.T) {
	b := start(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	l := b.dial()
	l.send("PUT / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
	if interim, _ := l.receive(); interim.StatusCode != http.StatusContinue {
		t.Fatal(interim.Status)
	}
	l.send("body")
	response, got := l.receive()
	for response.StatusCode == http.StatusContinue {
		response, got = l.receive()
	}
	if got != "body" {
		t.Errorf("%q", got)
	}
}

// A streamed response arrives as it is written, not when it is complete.
func TestResponsesStream(t *testing.T) {
	read := make(chan struct{})
	b := start(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "first,")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-read:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, "second")
	})
	response, err := b.client.Get(b.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	first := make([]byte, len("first,"))
	if _, err := io.ReadFull(response.Body, first); err != nil {
		t.Fatal(err)
	}
	close(read)
	if second, err := io.ReadAll(response.Body); err != nil || string(second) != "second" {
		t.Errorf("%q, %v", second, err)
	}
}

// When the client cancels, its request to the upstream is cancelled, as without the proxy.
func TestClientCancels(t *testing.T) {
	cancelled := make(chan struct{})
	b := start(t, func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		close(cancelled)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		b.waitFor(func(c faultproxy.Counts) bool { return c.Passed == 1 })
		cancel()
	}()
	if _, err := b.do(ctx, "GET", ""); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-cancelled
	b.mustCount(1, 1, 1)
}

// When the upstream closes its connection, the proxy closes the client's.
func TestUpstreamCloses(t *testing.T) {
	for name, text := range map[string]string{
		"announced":   "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
		"no length":   "HTTP/1.1 200 OK\r\n\r\nok",
		"truncated":   "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
		"no response": "",
		"garbage":     "220 smtp.example ESMTP\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, respondWith(t, text))
			l := b.dial()
			l.get()
			if got, err := l.rest(); err != nil || got != text {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestUpstreamIsDown(t *testing.T) {
	b := start(t, nil)
	p := faultproxy.New(t, b.Addr())
	b.Set(faultproxy.Down())
	if _, err := b.client.Get(p.URL()); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if got := p.Counts(); got != (faultproxy.Counts{Connections: 1, Requests: 1}) {
		t.Errorf("%+v", got)
	}
}

func TestNotHTTP(t *testing.T) {
	b := start(t, nil)
	l := b.dial()
	l.send("\x16\x03\x01 hello\r\n\r\n")
	if got, err := l.rest(); err != nil || got != "" {
		t.Errorf("%q, %v", got, err)
	}
	b.mustCount(1, 0, 0)
}

// respondWith is an upstream that writes the text and closes the connection.
func respondWith(t *testing.T, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
	}
}
