package pelcro

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"sync/atomic"
)

// errSentBefore ends an attempt that net/http would send again by itself, as it
// does when a connection breaks under it: whether a call is repeated is decided
// in retry.go. A connection that was dead before anything went out may still be
// replaced.
var errSentBefore = errors.New("the connection broke under the request")

// sending watches one request on its way to Pelcro.
type sending struct {
	ready   atomic.Bool // there is a connection for it
	reused  atomic.Bool // which was used and idle before; HTTP/1 only
	written atomic.Bool // its headers go out
	stop    func(cause error)
}

// maySent reports whether the request may have reached Pelcro: a connection that
// is ready is where sending begins.
func (s *sending) maySent() bool { return s.ready.Load() }

func (s *sending) wasWritten() bool { return s.written.Load() }

func (s *sending) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) {
			if s.wasWritten() {
				s.stop(errSentBefore)
				return
			}
			s.ready.Store(false) // the connection before, if any, was dead
		},
		GotConn: func(conn httptrace.GotConnInfo) {
			s.ready.Store(true)
			s.reused.Store(conn.Reused && !isHTTP2(conn.Conn))
		},
		// WroteHeaders comes after the writing, when the answer may be there already.
		WroteHeaderField: func(string, []string) { s.written.Store(true) },
	}
}

// isHTTP2 reports whether the connection is shared by all calls: there a broken
// stream is no sign of a connection that nobody had used for a while.
func isHTTP2(conn net.Conn) bool {
	secure, ok := conn.(*tls.Conn)
	return ok && secure.ConnectionState().NegotiatedProtocol == "h2"
}
