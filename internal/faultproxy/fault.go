package faultproxy

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Fault is what goes wrong with a request, its answer, or the connections. It is a
// value and can be used as often as wanted. The zero Fault is None.
//
// Where bytes or times of an answer are spoken of, interim answers (1xx) are part
// of it.
type Fault struct {
	name string
	at   point
	how  ending

	atLeast, atMost time.Duration // before the first byte of the answer
	rate            int           // bytes a second, 0 for no bound
	size            int           // of a piece, 0 for no pieces
	pause           time.Duration // between two pieces
	keep            int64         // bytes that pass before the cut
	inBody          bool          // keep begins after the header
	instead         string        // of an answer
	late            time.Duration // before the end that follows the answer
}

// point is the place in an exchange at which the connection ends.
type point uint8

const (
	nowhere point = iota
	onAccept
	beforeRequest
	afterRequest
	afterUpstream
	inAnswer
	afterAnswer
	onReuse
	everywhere // the listener too
)

// ending is the way in which the client's connection ends there.
type ending uint8

const (
	closed ending = iota // FIN: the client reads what was sent, then EOF
	reset                // RST
	silent               // not at all, until the client or the proxy closes
)

// None passes everything on.
func None() Fault { return Fault{name: "None"} }

// Latency holds every answer back for a time drawn evenly from atLeast to atMost,
// before its first byte. The request is passed on at once: with more than the
// client's patience, the upstream has processed what the client gave up.
func Latency(atLeast, atMost time.Duration) Fault {
	must(0 <= atLeast && atLeast <= atMost, "Latency", "a time below 0, or a bound below the least time")
	return Fault{name: fmt.Sprintf("Latency(%v, %v)", atLeast, atMost), atLeast: atLeast, atMost: atMost}
}

// Bandwidth lets answers through at the given rate: no byte comes earlier than the
// number of bytes up to it, divided by the rate, allows.
func Bandwidth(bytesPerSecond int) Fault {
	must(bytesPerSecond > 0, "Bandwidth", "no bytes a second")
	return Fault{name: fmt.Sprintf("Bandwidth(%d)", bytesPerSecond), rate: bytesPerSecond}
}

// Slicer sends answers in pieces of at most size bytes, with the pause between two
// of them.
func Slicer(size int, pause time.Duration) Fault {
	must(size > 0 && pause >= 0, "Slicer", "pieces of no bytes, or a time below 0")
	return Fault{name: fmt.Sprintf("Slicer(%d, %v)", size, pause), size: size, pause: pause}
}

// ResetOnAccept resets a connection right after it was accepted, and one that is open
// already at the first byte of its next request. No request is read. A fast reset
// meets a client that is still connecting: whether it sees a failed dial, or a failed
// request on a connection that stood, is a race; ResetBeforeRequest is always the
// latter.
func ResetOnAccept() Fault {
	return Fault{name: "ResetOnAccept", at: onAccept, how: reset}
}

// ResetBeforeRequest resets a connection at the first byte of a request, which is not
// read.
func ResetBeforeRequest() Fault {
	return Fault{name: "ResetBeforeRequest", at: beforeRequest, how: reset}
}

// ResetAfterRequest resets the connection after a request was read in whole, header
// and body. The upstream does not get it.
func ResetAfterRequest() Fault {
	return Fault{name: "ResetAfterRequest", at: afterRequest, how: reset}
}

// ResetAfterUpstream resets the connection after the upstream gave its whole answer,
// of which the client gets nothing: the request took effect, and the client cannot
// know.
func ResetAfterUpstream() Fault {
	return Fault{name: "ResetAfterUpstream", at: afterUpstream, how: reset}
}

// BlackHole reads requests and never answers them. The upstream does not get them,
// and the connection stays open until the client or the proxy closes it.
func BlackHole() Fault {
	return Fault{name: "BlackHole", at: afterRequest, how: silent}
}

// Truncate passes the first n bytes of an answer, status line and header included,
// and closes the connection cleanly. An answer of n bytes or fewer passes unharmed.
func Truncate(n int64) Fault { return truncate("Truncate", n, closed, false) }

// TruncateReset is Truncate with a reset at the end. The n bytes were sent before
// it; a client that reads slowly can lose some of them, as with any reset.
func TruncateReset(n int64) Fault { return truncate("TruncateReset", n, reset, false) }

// TruncateBody is Truncate that counts from the end of the header. The bytes are
// those on the wire: the lines of a chunked body count.
func TruncateBody(n int64) Fault { return truncate("TruncateBody", n, closed, true) }

// TruncateBodyReset is TruncateBody that ends as TruncateReset does.
func TruncateBodyReset(n int64) Fault { return truncate("TruncateBodyReset", n, reset, true) }

func truncate(name string, n int64, how ending, inBody bool) Fault {
	must(n >= 0, name, "fewer than no bytes")
	return Fault{name: fmt.Sprintf("%s(%d)", name, n), at: inAnswer, how: how, keep: n, inBody: inBody}
}

// SlowClose passes the whole answer and closes the connection only after the given
// time, during which it serves no further request. A client that takes the end of
// the connection for the end of the answer waits that long; one that reuses the
// connection gets no answer.
func SlowClose(late time.Duration) Fault {
	must(late >= 0, "SlowClose", "a time below 0")
	return Fault{name: fmt.Sprintf("SlowClose(%v)", late), at: afterAnswer, late: late}
}

// CloseAfterAnswer passes the whole answer as the upstream gave it, hence without a
// "Connection: close" that announced it, and closes at once. Whether the client notices before it reuses the connection is
// a race; CloseOnReuse is the lost one.
func CloseAfterAnswer() Fault {
	return Fault{name: "CloseAfterAnswer", at: afterAnswer}
}

// CloseOnReuse passes the whole answer and lets the connection look alive; the next
// request on it is read in whole, is not passed on, and finds the connection
// closing instead of an answer. This is the case in which transports repeat
// requests by themselves. It holds for connections answered under this fault, also
// when another one is set by the time they are reused.
func CloseOnReuse() Fault {
	return Fault{name: "CloseOnReuse", at: onReuse}
}

// Garbage reads requests, sends the given bytes instead of an answer, and closes the
// connection. With no bytes, it just closes. The upstream does not get the requests.
func Garbage(instead string) Fault {
	return Fault{name: fmt.Sprintf("Garbage(%q)", instead), at: afterRequest, instead: instead}
}

// Down closes all connections and refuses new ones, until another fault is set: then
// the proxy listens on the same port again, which nobody else can get meanwhile.
// It is no fault of a single request, hence not for Next.
func Down() Fault {
	return Fault{name: "Down", at: everywhere}
}

// String returns the call that makes the fault, good for the name of a subtest.
func (f Fault) String() string {
	if f.name == "" {
		return None().name
	}
	return f.name
}

// latency draws the time for which one answer is held back.
func (f Fault) latency() time.Duration {
	if f.atMost == f.atLeast {
		return f.atLeast
	}
	return f.atLeast + rand.N(f.atMost-f.atLeast)
}

// must turns a mistake in a test into a panic where it was made.
func must(ok bool, constructor, mistake string) {
	if !ok {
		panic("faultproxy: " + constructor + ": " + mistake)
	}
}
