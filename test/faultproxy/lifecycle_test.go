package faultproxy_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/test/faultproxy"
)

func TestDownAndUp(t *testing.T) {
	b := start(t, nil)
	b.mustSucceed("GET")
	idle := b.dial()
	b.waitFor(func(c faultproxy.Counts) bool { return c.Connections == 2 })
	addr := b.Addr()
	for range 3 {
		b.Set(faultproxy.Down())
		b.Set(faultproxy.Down())
		if got, err := idle.rest(); err != nil || got != "" {
			t.Errorf("an open connection reads %q, %v", got, err)
		}
		before := b.Counts()
		if _, err := b.call("GET", ""); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Error(err)
		}
		if got := b.Counts(); got != before {
			t.Errorf("%+v while down, before %+v", got, before)
		}
		b.Set(faultproxy.None())
		b.mustSucceed("POST")
		idle = b.dial()
		b.waitFor(func(c faultproxy.Counts) bool { return c.Connections == before.Connections+2 })
	}
	if b.Addr() != addr {
		t.Errorf("%s is now %s", addr, b.Addr())
	}
}

// Close ends every wait and leaves no goroutine.
func TestCloseEndsEveryWait(t *testing.T) {
	passed := func(c faultproxy.Counts) bool { return c.Passed == 1 }
	read := func(c faultproxy.Counts) bool { return c.Requests == 1 }
	accepted := func(c faultproxy.Counts) bool { return c.Connections == 1 }
	for _, test := range []struct {
		name  string
		fault faultproxy.Fault
		send  string
		until func(faultproxy.Counts) bool
	}{
		{"idle", faultproxy.None(), "", accepted},
		{"half a request", faultproxy.None(), "GET / HTTP/1.1\r\nHo", accepted},
		{"", faultproxy.BlackHole(), get, read},
		{"", faultproxy.Latency(time.Hour, time.Hour), get, passed},
		{"", faultproxy.Bandwidth(1), get, passed},
		{"", faultproxy.Slicer(1, time.Hour), get, passed},
		{"", faultproxy.SlowClose(time.Hour), get, passed},
		{"", faultproxy.CloseOnReuse(), get, passed},
		{"stuck upstream", faultproxy.None(), "GET /stuck HTTP/1.1\r\nHost: test\r\n\r\n", passed},
		{"client that does not read", faultproxy.None(), "GET /endless HTTP/1.1\r\nHost: test\r\n\r\n", passed},
	} {
		if test.name == "" {
			test.name = test.fault.String()
		}
		t.Run(test.name, func(t *testing.T) {
			b := start(t, func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/stuck":
					<-r.Context().Done()
				case "/endless":
					for {
						if _, err := w.Write(make([]byte, 1<<20)); err != nil {
							return
						}
					}
				}
			})
			others := goleak.IgnoreCurrent() // the accept loops of t and b
			p := faultproxy.New(t, b.Addr())
			p.Set(test.fault)
			l := (&setup{Proxy: p, t: t}).dial()
			l.send(test.send)
			ctx, cancel := context.WithTimeout(t.Context(), testkit.Timeout)
			defer cancel()
			if err := p.WaitFor(ctx, test.until); err != nil {
				t.Fatal(err)
			}
			p.Close()
			p.Close()
			p.Set(faultproxy.None())
			if conn, err := net.Dial("tcp", p.Addr()); err == nil {
				_ = conn.Close()
				t.Error("a closed proxy accepts")
			}
			_ = l.Close()
			testkit.NoLeaks(t, others)
		})
	}
}

const get = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"
