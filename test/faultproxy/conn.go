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
	ctx    context.Context // ends with the connection
	cancel context.CancelFunc

	mu       sync.Mutex
	ended    bool
	upstream net.Conn // of the latest request that was passed
}

func newConn(p *Proxy, client *net.TCPConn) *conn {
	c := &conn{proxy: p, client: client}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// end closes the connection and the one to the upstream, and ends all waits. The first call
// decides how the connection ends for the client.
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
	in := newRecordingReader(c.client)
	started := c.await(in)
	closesOnReuse := false
	for {
		select {
		case <-started:
		case <-c.ctx.Done():
			return
		}
		fault := Garbage("")
		if !closesOnReuse {
			fault = c.proxy.started()
		}
		switch fault.at {
		case onAccept, beforeRequest, allConnections:
			c.end(fault.how)
			return
		}
		request, raw, err := c.read(in)
		if err != nil {
			return
		}
		c.proxy.counter.add(Counts{Requests: 1})
		started = c.await(in)
		if !c.exchange(fault, request, raw) {
			return
		}
		closesOnReuse = fault.at == onReuse
	}
}

// await watches the client between two requests: the channel is closed when the next one
// starts, and the connection ends if the client closes it. No other code may use the reader
// until one of the two has happened.
func (c *conn) await(in *recordingReader) <-chan struct{} {
	started := make(chan struct{})
	c.proxy.running.Go(func() {
		if _, err := in.Peek(1); err != nil {
			c.end(closed)
			return
		}
		close(started)
	})
	return started
}

// read reads a complete request and returns it with its bytes.
func (c *conn) read(in *recordingReader) (*http.Request, []byte, error) {
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
	return request, in.consumed(), nil
}

// exchange handles a request according to its fault, and reports whether the connection
// stays open.
func (c *conn) exchange(fault Fault, request *http.Request, raw []byte) bool {
	if fault.at == afterRequest {
		_, _ = io.WriteString(c.client, fault.replacement)
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
	// An upstream that rejects a request may stop reading it; only its response matters.
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
	case fault.at == afterResponse:
		_ = wait(c.ctx, fault.closeDelay)
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

// wait waits for the time, or returns an error if the context ends first.
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
