package pelcro

import (
	"net"
	"net/http"
	"time"
)

const (
	dialTimeout         = 10 * time.Second
	tlsHandshakeTimeout = 10 * time.Second
	// idleTimeout is below what servers keep (nginx: 75 s), so that it is mostly this
	// side that closes.
	idleTimeout = 50 * time.Second
	// pingAfter and pingTimeout find an HTTP/2 connection that died silently: all
	// calls share it, and their time limits end the calls, not the connection.
	pingAfter   = 15 * time.Second
	pingTimeout = 5 * time.Second
	// maxIdle is how many connections are kept unless [Config] says otherwise.
	maxIdle = 256
)

// NewTransport returns the transport that a client uses by itself: TLS 1.2 or
// later, HTTP/2 where Pelcro offers it, no proxy.
func NewTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  nil, // the environment must not decide who sees the key
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:    tlsHandshakeTimeout,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
	}
}
