package pelcro

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
)

// errNoSilentRetry ends an attempt that net/http would send again by itself, as it does when a
// connection breaks: whether a call is retried is decided in retry.go. A connection that was dead
// before anything was sent may still be replaced.
var errNoSilentRetry = errors.New("the connection broke under the request")

// sendGuard watches how far one request has come, and prevents net/http from sending it twice.
type sendGuard struct {
	stop      func(cause error) // ends the attempt
	ready     atomic.Bool       // there is a connection for the request
	reused    atomic.Bool       // which another request has used before
	written   atomic.Bool       // the headers of the request are being written
	responded atomic.Bool       // the first byte of a response has arrived
	conn      atomic.Pointer[connection]
	isPlain   atomic.Bool // conn has no TLS, so it sees the bytes of the response
}

// maySent reports whether the request may have reached Pelcro: sending begins as soon as a
// connection is ready.
func (g *sendGuard) maySent() bool { return g.ready.Load() }

// trace returns the hooks by which net/http reports its progress.
func (g *sendGuard) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) {
			if g.written.Load() {
				g.stop(errNoSilentRetry)
				return
			}
			g.ready.Store(false) // the connection before, if any, was dead
		},
		GotConn: func(info httptrace.GotConnInfo) {
			if g.written.Load() {
				// net/http may get a connection before it notices that the attempt has ended. What the
				// guard knows is of the one before, and nothing must be sent on this one.
				_ = info.Conn.Close()
				return
			}
			conn := connectionOf(info.Conn)
			if conn != nil && info.Reused {
				conn.forgetStart()
			}
			g.conn.Store(conn)
			g.isPlain.Store(conn != nil && net.Conn(conn) == info.Conn)
			g.reused.Store(info.Reused)
			g.ready.Store(true)
		},
		// WroteHeaders comes after the writing, when the response may have arrived already.
		WroteHeaderField:     func(string, []string) { g.written.Store(true) },
		GotFirstResponseByte: func() { g.responded.Store(true) },
	}
}

// rewindOnce makes the body of the request available again only while nothing was written.
func (g *sendGuard) rewindOnce(request *http.Request) {
	rewind := request.GetBody
	if rewind == nil {
		return
	}
	request.Body, _ = rewind() // it reads from memory and cannot fail
	request.GetBody = func() (io.ReadCloser, error) {
		if g.written.Load() {
			return nil, errNoSilentRetry
		}
		return rewind()
	}
}

// connectionBroke reports whether a response is unreadable because the connection broke, and not
// because of what was sent on it. The error alone does not tell: net/http reads a header line that
// was cut as a malformed one. (A server that ends TLS in good order within such a line is not
// noticed, because net/http's TLS hides it.)
func (g *sendGuard) connectionBroke(err error) bool {
	if conn := g.conn.Load(); conn != nil && conn.ended.Load() {
		return true
	}
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.ErrUnexpectedEOF)
}

// isNotHTTP reports whether the response begins like something else than HTTP. net/http reports one
// without a line end as a lost connection. (Below TLS, the beginning cannot be seen.)
func (g *sendGuard) isNotHTTP() bool {
	return g.isPlain.Load() && !strings.HasPrefix(httpStart, g.conn.Load().startOfResponse())
}

// httpStart is how every response of HTTP/1.1 begins.
const httpStart = "HTTP/"

// connection is a network connection that notes how a response begins, and when there is no more
// to read.
type connection struct {
	net.Conn

	ended atomic.Bool
	mu    sync.Mutex
	start string // of the response to the latest request, as long as httpStart
}

func (c *connection) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		c.ended.Store(true)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if missing := len(httpStart) - len(c.start); missing > 0 {
		c.start += string(b[:min(n, missing)])
	}
	return n, err
}

// forgetStart prepares a connection that was used before for another response.
func (c *connection) forgetStart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.start = ""
}

func (c *connection) startOfResponse() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.start
}

// dial connects for [NewTransport].
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &connection{Conn: conn}, nil
}

// connectionOf returns the connection below net/http's, nil if it was not made by dial.
func connectionOf(conn net.Conn) *connection {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	c, _ := conn.(*connection)
	return c
}
