package faultproxy

import (
	"net"
	"strings"
	"sync"
	"testing"
)

// Proxy listens on its own port and passes requests to one upstream, with the current
// fault. Its methods may be called from any goroutine.
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

// hold reserves the port while the proxy is down: as long as a connection that was
// accepted on a port is open, the system does not assign that port to a program that asks
// for a free one, but the proxy can listen on it again.
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
		_ = far.Close() // a client of a former owner of the port
	}
}

// Addr returns the "host:port" to connect to.
func (p *Proxy) Addr() string { return p.addr.String() }

// URL returns the base URL to use instead of the upstream's.
func (p *Proxy) URL() string { return "http://" + p.Addr() }

// Set sets the fault of all requests and connections that start from now on, and discards
// the rest of Next. A running request keeps its fault, except that Down ends it. When Set
// returns, the change is in effect.
func (p *Proxy) Set(fault Fault) {
	p.tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return
	}
	p.fault, p.queue = fault, nil
	switch {
	case fault.at == allConnections:
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

// Next assigns the faults to the next requests, one each and in order; later requests have
// the fault of Set. It is for the attempts that a client makes by itself:
//
//	p.Next(faultproxy.ResetAfterRequest(), faultproxy.BlackHole())
//
// lets the third attempt succeed. Further calls append. A new connection counts as a
// request only if the fault is ResetOnAccept.
func (p *Proxy) Next(faults ...Fault) {
	for _, fault := range faults {
		must(fault.at != allConnections, "Next", "Down is not a fault of a single request")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, faults...)
}

// Close ends the proxy with its connections and their waits; when it returns, no goroutine
// of the proxy runs. The test's cleanup calls it.
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

// down closes the listener and all connections. The caller holds p.mu; nothing that is
// closed here needs it.
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

// listen starts to accept connections. The caller holds p.mu or is New.
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

// stopped reports a listener that failed without having been closed, which would be an
// unexpected outage for the test.
func (p *Proxy) stopped(listener *net.TCPListener, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener == listener {
		p.tb.Errorf("faultproxy: accepting: %v", err)
		p.down()
	}
}

// accepted starts to serve the connection, unless its listener has been closed since.
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

// started returns the fault of the request whose first byte has arrived.
func (p *Proxy) started() Fault {
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
