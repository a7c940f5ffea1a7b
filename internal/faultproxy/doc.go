// Package faultproxy puts faults between an HTTP client and its upstream, for tests:
//
//	p := faultproxy.New(t, server.URL)
//	p.Set(faultproxy.ResetAfterUpstream())
//	_, err := client.Post(p.URL()+"/orders", "application/json", body)
//	// err is a reset connection, and p.Counts().Passed is 1: the order stands.
//
// It is a TCP proxy that knows the framing of HTTP/1.1 and nothing else of HTTP:
// requests and answers pass byte for byte (the Host header too), so that what the
// two sides say stays theirs, and only the fault is the proxy's. One request at a
// time is under way on a connection. It is read in whole before anything is done
// about it, hence a fault strikes at an exact point of the exchange and not
// somewhere around it.
//
// Every request goes to the upstream on a connection of its own. No fault can
// come from a connection that went stale behind the proxy, and the upstream
// processes no request that the client has not sent and Counts has not counted.
// The upstream's own failures show as the end of the client's connection, and a
// client that goes away, which closing its sending half is enough for, takes its
// upstream connection with it.
//
// Not understood, and answered by closing the connection: TLS, HTTP/2 and what is
// no HTTP at all; upgrades are passed, the traffic after them is not. A request
// with "Expect: 100-continue" is told to continue by the proxy itself.
package faultproxy
