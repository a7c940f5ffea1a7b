// Package faultproxy puts faults between an HTTP client and its upstream, for tests:
//
//	p := faultproxy.New(t, server.URL)
//	p.Set(faultproxy.ResetAfterUpstream())
//	_, err := client.Post(p.URL()+"/orders", "application/json", body)
//	// err is a reset connection, and p.Counts().Passed is 1: the order took effect.
//
// It is a TCP proxy that knows only the framing of HTTP/1.1: requests and responses,
// including the Host header, pass byte for byte, so the fault is the only difference. A
// connection carries one request at a time. Each is read completely before it is handled,
// so a fault occurs at an exact point of the exchange.
//
// Every request goes to the upstream on a new connection. So no fault comes from a stale
// connection behind the proxy, and the upstream receives only requests that Counts has
// counted. A failure of the upstream closes the client's connection. When a client closes
// its connection, or only its sending half, the connection to the upstream is closed.
//
// The proxy closes connections that carry TLS, HTTP/2 or anything else that is not
// HTTP/1.1; it passes upgrades, but not the traffic after them. It responds to
// "Expect: 100-continue" itself.
package faultproxy
