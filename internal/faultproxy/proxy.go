package faultproxy

import (
	"net"
	"strings"
	"sync"
	"testing"
)

// Proxy listens on a port of its own and passes requests to one upstream, with the
// fault that is set. Its methods may be called from any goroutine.
type Proxy struct {
	tb       testing.TB
	upstream string
	addr     *net.TCPAddr
	counter  *counter
	held     [2]net.Conn
	running  sync.WaitGroup

	mu       sync.Mutex
	fault    Fault
	queue    []Fault
	listener *net.TCPListener // nil while down
	conns    map[*conn]struct{}
	done     bool
}

// New starts a proxy without a fault on a free port of 127.0.0.1, in front of the
// upstream: "host:port", or the URL of an httptest.Server. It ends with the test.
func New(tb testing.TB, upstream string) *Proxy {
	tb.Helper()
	p := &Proxy{
		tb:       tb,
		upstream: strings.TrimPrefix(upstream, "http://"),
		counter:  newCounter(),
		conns:    make(map[*conn]struct{}),
	}
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatalf("faultproxy: %v", err)
	}
	p.addr = listener.Addr().(*net.TCPAddr)
	if err := p.hold(listener); err != nil {
		_ = listener.Close()
		tb.Fatalf("faultproxy: holding the port: %v", err)
	}
	p.listen(listener)
	tb.Cleanup(p.Close)
	return p
}

// hold keeps the port the proxy's own while it is down: as long as a connection that
// was accepted on a port is open, the system gives that port to nobody who asks for a
// free one, but the proxy can listen on it again.
func (p *Proxy) hold(listener *net.TCPListener) error {
	near, err := net.DialTCP("tcp4", nil, p.addr)
	if err != nil {
		return err
	}
	for {
		far, err := listener.Accept()
		if err != nil {
			_ = near.Close()
			return err
		}
		if far.RemoteAddr().String() == near.LocalAddr().String() {
			p.held = [2]net.Conn{near, far}
			return nil
		}
		_ = far.Close() // someone who looks for a former owner of the port
	}
}

// Addr returns the "host:port" to connect to.
func (p *Proxy) Addr() string { return p.addr.String() }

// URL returns the base URL to use instead of the upstream's.
func (p *Proxy) URL() string { return "http://" + p.Addr() }

// Set makes the fault that of all requests and connections that begin from now on,
// and forgets what is left of Next. A request under way keeps the fault it began
// with, except that Down ends it. When Set returns, the change is in force.
func (p *Proxy) Set(fault Fault) {
	p.tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return
	}
	p.fault, p.queue = fault, nil
	switch {
	case fault.at == everywhere:
		p.down()
	case p.listener == nil:
		listener, err := net.ListenTCP("tcp4", p.addr)
		if err != nil {
			p.tb.Errorf("faultproxy: listening again: %v", err)
			return
		}
		p.listen(listener)
	}
}

// Next gives each of the requests that come next one of the faults, in their order;
// those after them have the fault that is set. It tells what becomes of the attempts
// that a client makes by itself:
//
//	p.Next(faultproxy.ResetAfterRequest(), faultproxy.BlackHole())
//
// lets the third attempt succeed. More calls append. A new connection counts as a
// request only where the fault is ResetOnAccept.
func (p *Proxy) Next(faults ...Fault) {
	for _, fault := range faults {
		must(fault.at != everywhere, "Next", "Down is no fault of a single request")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, faults...)
}

// Close ends the proxy, its connections and everything that waits in them; when it
// returns, no goroutine of the proxy is left. The test's cleanup calls it.
func (p *Proxy) Close() {
	p.mu.Lock()
	if !p.done {
		p.done = true
		p.down()
		for _, held := range p.held {
			_ = held.Close()
		}
	}
	p.mu.Unlock()
	p.running.Wait()
}

// down closes the listener and all connections. The caller holds p.mu, and nothing
// that is closed here waits for it.
func (p *Proxy) down() {
	if p.listener == nil {
		return
	}
	_ = p.listener.Close()
	p.listener = nil
	for c := range p.conns {
		c.end(closed)
	}
}

// listen lets the listener be the proxy's. The caller holds p.mu, or is New.
func (p *Proxy) listen(listener *net.TCPListener) {
	p.listener = listener
	p.running.Go(func() {
		for {
			client, err := listener.AcceptTCP()
			if err != nil {
				p.stopped(listener, err)
				return
			}
			p.accepted(listener, client)
		}
	})
}

// stopped reports a listener that failed without having been closed: the test would
// see an outage that it did not ask for.
func (p *Proxy) stopped(listener *net.TCPListener, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener == listener {
		p.tb.Errorf("faultproxy: accepting: %v", err)
		p.down()
	}
}

// accepted begins to serve the connection, unless its listener was closed between
// accepting it and now.
func (p *Proxy) accepted(listener *net.TCPListener, client *net.TCPConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != listener {
		_ = client.Close()
		return
	}
	p.counter.add(Counts{Connections: 1})
	c := newConn(p, client)
	if p.head().at == onAccept {
		c.end(p.take().how)
		return
	}
	p.conns[c] = struct{}{}
	p.running.Go(func() {
		c.serve()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, c)
	})
}

// begun returns the fault of the request of which the first byte has come.
func (p *Proxy) begun() Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.take()
}

func (p *Proxy) head() Fault {
	if len(p.queue) > 0 {
		return p.queue[0]
	}
	return p.fault
}

func (p *Proxy) take() Fault {
	fault := p.head()
	if len(p.queue) > 0 {
		p.queue = p.queue[1:]
	}
	return fault
}
