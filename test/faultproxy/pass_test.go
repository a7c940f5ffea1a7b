package faultproxy_test

import (
	"crypto/rand"
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
