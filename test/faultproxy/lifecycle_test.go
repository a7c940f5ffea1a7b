package faultproxy_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

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

// Down ends the running requests, also when the upstream calls it.
func TestDownDuringARequest(t *testing.T) {
	var b *setup
	b = start(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a server notices the end of the connection only after that
		b.Set(faultproxy.Down())
		<-r.Context().Done()
	})
	if got, err := b.call("POST", "a request"); err == nil {
		t.Errorf("response %q", got)
	}
	b.mustCount(1, 1, 1)
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
			ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
			defer cancel()
			if err := p.WaitFor(ctx, test.until); err != nil {
				t.Fatal(err)
			}
			mustEndWithin(t, testTimeout, p.Close)
			p.Close()
			p.Set(faultproxy.None())
			if conn, err := net.Dial("tcp", p.Addr()); err == nil {
				_ = conn.Close()
				t.Error("a closed proxy accepts")
			}
			_ = l.Close()
			goleak.VerifyNone(t, others)
		})
	}
}

const get = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"

func TestWaitForGivesUp(t *testing.T) {
	b := start(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := b.WaitFor(ctx, func(faultproxy.Counts) bool { return false })
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Clients, changes of the fault and readers of the counts may run concurrently.
func TestConcurrentUse(t *testing.T) {
	b := start(t, nil)
	faults := []faultproxy.Fault{
		faultproxy.None(), faultproxy.ResetOnAccept(), faultproxy.ResetBeforeRequest(), faultproxy.Down(), faultproxy.ResetAfterRequest(),
		faultproxy.CloseAfterResponse(), faultproxy.ResetAfterUpstream(), faultproxy.TruncateBodyReset(3),
		faultproxy.CloseOnReuse(), faultproxy.Garbage("?"), faultproxy.Latency(0, time.Millisecond),
		faultproxy.Slicer(7, 0), faultproxy.Bandwidth(1e6),
	}
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for range 60 {
				if got, err := b.call("GET", ""); err == nil && got != responseBody {
					t.Errorf("%q without an error", got)
				}
			}
		})
	}
	done := make(chan struct{})
	var changes sync.WaitGroup
	changes.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				b.Set(faults[i%len(faults)])
				b.Next(faults[0], faults[1])
				if c := b.Counts(); c.Passed > c.Requests {
					t.Errorf("%+v", c)
				}
			}
		}
	})
	clients.Wait()
	close(done)
	changes.Wait()
	b.Set(faultproxy.None())
	b.client.CloseIdleConnections()
	b.mustSucceed("POST")
}

func mustEndWithin(t *testing.T, most time.Duration, action func()) {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		action()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(most):
		t.Fatal("not ended")
	}
}
