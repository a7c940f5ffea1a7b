package pelcro

import (
	"net/http"
	"time"
)

const (
	dialTimeout         = 10 * time.Second
	tlsHandshakeTimeout = 10 * time.Second
	// idleTimeout is shorter than that of any usual server (Apache: 5 s, nginx: 75 s), so that this
	// side closes idle connections, and a request does not meet one that is being closed.
	idleTimeout = 4 * time.Second
	// maxIdle is how many idle connections are kept unless [Config] says otherwise.
	maxIdle = 100
	// maxHeader bounds the headers of a response, in bytes.
	maxHeader = 64 << 10
)

// NewTransport returns the transport that a client uses unless it is given another: TLS 1.2 or
// later, HTTP/1.1 only, no proxy.
func NewTransport() *http.Transport {
	transport := &http.Transport{
		Proxy:                  nil, // the environment must not decide who sees the API key
		DialContext:            dial,
		TLSHandshakeTimeout:    tlsHandshakeTimeout,
		Protocols:              new(http.Protocols),
		DisableCompression:     true, // attempt.go decompresses, and tells a cut body from a bad one
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
	}
	transport.Protocols.SetHTTP1(true)
	return transport
}
