package faultproxy

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Fault is a failure of a request, its response, or the connections. It is a value and can
// be reused. The zero Fault is None.
//
// Bytes and times of a response include its interim responses (1xx).
type Fault struct {
	name string
	at   point
	how  ending

	atLeast, atMost time.Duration // before the first byte of the response
	rate            int           // bytes a second, 0 for no limit
	size            int           // of a piece, 0 for no pieces
	pause           time.Duration // between two pieces
	keep            int64         // bytes that pass before the cut
	inBody          bool          // keep begins after the header
	replacement     string        // of a response
	closeDelay      time.Duration // between the response and the end
}

// point is the place in an exchange at which the connection ends.
type point uint8

const (
	noPoint point = iota
	onAccept
	beforeRequest
	afterRequest
	afterUpstream
	inResponse
	afterResponse
	onReuse
	allConnections // and the listener
)

// ending is how the client's connection ends there.
type ending uint8

const (
	closed ending = iota // FIN: the client reads what was sent, then EOF
	reset                // RST
	silent               // stays open until the client or the proxy closes it
)

// None passes everything.
func None() Fault { return Fault{name: "None"} }

// Latency delays every response by a uniformly random time from atLeast to atMost, before
// its first byte. The request passes immediately: beyond the client's timeout, the upstream
// has processed a request that the client has cancelled.
func Latency(atLeast, atMost time.Duration) Fault {
	must(0 <= atLeast && atLeast <= atMost, "Latency", "a negative time, or an upper bound below the lower bound")
	return Fault{name: fmt.Sprintf("Latency(%v, %v)", atLeast, atMost), atLeast: atLeast, atMost: atMost}
}

// Bandwidth passes responses at the given rate: no byte arrives before the number of bytes
// up to it, divided by the rate.
func Bandwidth(bytesPerSecond int) Fault {
	must(bytesPerSecond > 0, "Bandwidth", "no bytes a second")
	return Fault{name: fmt.Sprintf("Bandwidth(%d)", bytesPerSecond), rate: bytesPerSecond}
}

// Slicer sends responses in pieces of at most size bytes, with a pause between two pieces.
func Slicer(size int, pause time.Duration) Fault {
	must(size > 0 && pause >= 0, "Slicer", "pieces of no bytes, or a negative time")
	return Fault{name: fmt.Sprintf("Slicer(%d, %v)", size, pause), size: size, pause: pause}
}

// ResetOnAccept resets a new connection immediately, and an open one at the first byte of
// its next request. No request is read. Whether the client reports a failed dial or a
// failed request is a race; ResetBeforeRequest is always the latter.
func ResetOnAccept() Fault {
	return Fault{name: "ResetOnAccept", at: onAccept, how: reset}
}

// ResetBeforeRequest resets a connection at the first byte of a request, which is not
// read.
func ResetBeforeRequest() Fault {
	return Fault{name: "ResetBeforeRequest", at: beforeRequest, how: reset}
}

// ResetAfterRequest resets the connection after a complete request. The upstream does not
// receive it.
func ResetAfterRequest() Fault {
	return Fault{name: "ResetAfterRequest", at: afterRequest, how: reset}
}

// ResetAfterUpstream resets the connection after the complete response of the upstream, of
// which the client receives nothing: the request took effect, and the client cannot know.
func ResetAfterUpstream() Fault {
	return Fault{name: "ResetAfterUpstream", at: afterUpstream, how: reset}
}

// BlackHole reads requests and never responds. The upstream does not receive them, and the
// connection stays open until the client or the proxy closes it.
func BlackHole() Fault {
	return Fault{name: "BlackHole", at: afterRequest, how: silent}
}

// Truncate passes the first n bytes of a response, including status line and header, and
// closes the connection cleanly. A response of at most n bytes passes unchanged.
func Truncate(n int64) Fault { return truncate("Truncate", n, closed, false) }

// TruncateReset is Truncate with a reset at the end. A client that reads slowly can lose
// some of the n bytes, as with any reset.
func TruncateReset(n int64) Fault { return truncate("TruncateReset", n, reset, false) }

// TruncateBody is Truncate counted from the end of the header. The bytes are those on the
// wire, including the chunk sizes of a chunked body.
func TruncateBody(n int64) Fault { return truncate("TruncateBody", n, closed, true) }

// TruncateBodyReset is TruncateBody with a reset at the end.
func TruncateBodyReset(n int64) Fault { return truncate("TruncateBodyReset", n, reset, true) }

func truncate(name string, n int64, how ending, inBody bool) Fault {
	must(n >= 0, name, "a negative number of bytes")
	return Fault{name: fmt.Sprintf("%s(%d)", name, n), at: inResponse, how: how, keep: n, inBody: inBody}
}

// SlowClose passes the whole response and closes the connection after the given time,
// during which it serves no further request. A client for which the end of the connection
// is the end of the response waits that long; one that reuses the connection receives no
// response.
func SlowClose(closeDelay time.Duration) Fault {
	must(closeDelay >= 0, "SlowClose", "a negative time")
	return Fault{name: fmt.Sprintf("SlowClose(%v)", closeDelay), at: afterResponse, closeDelay: closeDelay}
}

// CloseAfterResponse passes the whole response, without an announcing "Connection: close",
// and closes the connection immediately. Whether the client notices before it reuses the
// connection is a race; CloseOnReuse is the case in which it does not.
func CloseAfterResponse() Fault {
	return Fault{name: "CloseAfterResponse", at: afterResponse}
}

// CloseOnReuse passes the whole response and keeps the connection open; the next request on
// it is read completely but not passed, and the connection is closed without a response.
// In this case transports retry requests by themselves. It applies to connections with a
// response under this fault, also if another fault is set before they are reused.
func CloseOnReuse() Fault {
	return Fault{name: "CloseOnReuse", at: onReuse}
}

// Garbage reads requests, sends the given bytes instead of a response, and closes the
// connection. Without bytes, it only closes. The upstream does not receive the requests.
func Garbage(replacement string) Fault {
	return Fault{name: fmt.Sprintf("Garbage(%q)", replacement), at: afterRequest, replacement: replacement}
}

// Down closes all connections and refuses new ones until another fault is set: then the
// proxy listens on the same port again, which stays reserved. It is not a fault of a single
// request, so Next does not accept it.
func Down() Fault {
	return Fault{name: "Down", at: allConnections}
}

// String returns the call that creates the fault, for the name of a subtest.
func (f Fault) String() string {
	if f.name == "" {
		return None().name
	}
	return f.name
}

// latency returns the random delay of one response.
func (f Fault) latency() time.Duration {
	if f.atMost == f.atLeast {
		return f.atLeast
	}
	return f.atLeast + rand.N(f.atMost-f.atLeast)
}

// must panics on a mistake in a test.
func must(ok bool, constructor, mistake string) {
	if !ok {
		panic("faultproxy: " + constructor + ": " + mistake)
	}
}
