package pelcro

import (
	"errors"
	"net/http/httptrace"
	"sync/atomic"
)

// maxSends is how often a request without a body goes out at most. net/http sends
// one again by itself when the connection breaks under it; over HTTP/2 it has no
// limit of its own, and no pause in between.
const maxSends = 3

var errSentTooOften = errors.New("the connection broke under the request each time that it was sent")

// sending watches one request on its way to Pelcro.
type sending struct {
	ready   atomic.Bool  // there is a connection for it
	written atomic.Int32 // how often it went out
	stop    func(cause error)
}

// maySent reports whether the request may have reached Pelcro: a connection that
// is ready is where sending begins.
func (s *sending) maySent() bool { return s.ready.Load() }

func (s *sending) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) {
			switch written := s.written.Load(); {
			case written == 0: // the connection before, if any, died first
				s.ready.Store(false)
			case written >= maxSends:
				s.stop(errSentTooOften)
			}
		},
		GotConn:      func(httptrace.GotConnInfo) { s.ready.Store(true) },
		WroteHeaders: func() { s.written.Add(1) },
	}
}
