package faultproxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// conn is one connection of a client.
type conn struct {
	proxy  *Proxy
	client *net.TCPConn
	ctx    context.Context // of everything that is done for the connection
	cancel context.CancelFunc

	mu       sync.Mutex
	ended    bool
	upstream net.Conn // of the latest request that was passed on
}

func newConn(p *Proxy, client *net.TCPConn) *conn {
	c := &conn{proxy: p, client: client}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// end closes the connection, the one to the upstream, and cuts short what waits. The
// first call decides how the client sees the end.
func (c *conn) end(how ending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.ended = true
	c.cancel()
	if how == reset {
		_ = c.client.SetLinger(0)
	}
	_ = c.client.Close()
	if c.upstream != nil {
		_ = c.upstream.Close()
	}
}

// serve handles the requests of the connection until it ends.
func (c *conn) serve() {
	defer c.end(closed)
	in := newTape(c.client)
	begun := c.await(in)
	doomed := false
	for {
		select {
		case <-begun:
		case <-c.ctx.Done():
			return
		}
		fault := Garbage("")
		if !doomed {
			fault = c.proxy.begun()
		}
		switch fault.at {
		case onAccept, beforeRequest, everywhere:
			c.end(fault.how)
			return
		}
		request, raw, err := c.read(in)
		if err != nil {
			return
		}
		c.proxy.counter.add(Counts{Requests: 1})
		begun = c.await(in)
		if !c.exchange(fault, request, raw) {
			return
		}
		doomed = fault.at == onReuse
	}
}

// await watches the client between two of its requests: the channel is closed when the
// next one begins, and the connection ends if the client goes away. Nobody else may
// use the tape until one of the two has happened.
func (c *conn) await(in *tape) <-chan struct{} {
	begun := make(chan struct{})
	c.proxy.running.Go(func() {
		if _, err := in.Peek(1); err != nil {
			c.end(closed)
			return
		}
		close(begun)
	})
	return begun
}

// read takes a whole request off the client, and returns also its bytes.
func (c *conn) read(in *tape) (*http.Request, []byte, error) {
	request, err := http.ReadRequest(in.Reader)
	if err != nil {
		return nil, nil, err
	}
	if request.Header.Get("Expect") == "100-continue" {
		if _, err := io.WriteString(c.client, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return nil, nil, err
		}
	}
	if _, err := io.Copy(io.Discard, request.Body); err != nil {
		return nil, nil, err
	}
	return request, in.taken(), nil
}

// exchange does with a request what its fault says, and reports whether the
// connection goes on.
func (c *conn) exchange(fault Fault, request *http.Request, raw []byte) bool {
	if fault.at == afterRequest {
		_, _ = io.WriteString(c.client, fault.instead)
		if fault.how == silent {
			<-c.ctx.Done()
		}
		c.end(fault.how)
		return false
	}
	upstream, err := c.dial()
	if err != nil {
		return false
	}
	defer func() { _ = upstream.Close() }()
	c.proxy.counter.add(Counts{Passed: 1})
	// An upstream that refuses a request may stop reading it: the answer counts.
	_, _ = upstream.Write(raw)

	out := &shaper{ctx: c.ctx, fault: fault, to: c.client}
	if fault.at == afterUpstream {
		out.to = io.Discard
	}
	last, err := relay(upstream, request, out)
	switch {
	case fault.at == afterUpstream, errors.Is(err, errCut):
		c.end(fault.how)
		return false
	case err != nil:
		return false
	case fault.at == afterAnswer:
		_ = wait(c.ctx, fault.late)
		return false
	}
	return !last
}

// dial connects to the upstream; the connection ends with that of the client.
func (c *conn) dial() (net.Conn, error) {
	var dialer net.Dialer
	upstream, err := dialer.DialContext(c.ctx, "tcp", c.proxy.upstream)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		_ = upstream.Close()
		return nil, net.ErrClosed
	}
	c.upstream = upstream
	return upstream, nil
}

// wait returns after the time, or with an error when the context ends before.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
