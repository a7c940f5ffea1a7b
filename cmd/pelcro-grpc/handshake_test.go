package main

import (
	"net"
	"testing"
)

// TestFailedHandshake: a client without TLS is a line at debug and is counted; a connection that
// sends nothing, such as that of a TCP probe, is neither.
func TestFailedHandshake(t *testing.T) {
	t.Parallel()
	f := newSecureFiles(t)
	p := startWithAdmin(t, append(append(f.known(), f.tls()...), "--sandbox", "--log-level=debug")...)
	connect := func() net.Conn {
		conn, err := net.Dial("tcp", p.address)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	if err := connect().Close(); err != nil { // a probe
		t.Fatal(err)
	}
	conn := connect()
	defer conn.Close()
	if _, err := conn.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	p.err.Match(t, `("level":"DEBUG","msg":"TLS handshake failed","peer.address":"`+conn.LocalAddr().String()+`","cause":"tls: first record does not look like a TLS handshake")`)
	mustCount(t, "failed handshakes", counts(p.scrape(t)["pelcro_grpc_tls_handshake_failures_total"]), map[string]int{"": 1})
}
