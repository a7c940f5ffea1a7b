package faultproxy_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/test/faultproxy"
)

// Faults that end the exchange: the error of the client, and how far the request got. A
// transport does not retry on a new connection, so each request is sent once.
func TestEndsOfAnExchange(t *testing.T) {
	for _, test := range []struct {
		fault            faultproxy.Fault
		seen             func(error) bool
		requests, passed int
	}{
		{faultproxy.ResetOnAccept(), isReset, 0, 0},
		{faultproxy.ResetBeforeRequest(), isReset, 0, 0},
		{faultproxy.ResetAfterRequest(), isReset, 1, 0},
		{faultproxy.ResetAfterUpstream(), isReset, 1, 1},
		{faultproxy.Truncate(0), is(io.EOF), 1, 1},
		{faultproxy.Truncate(30), is(io.ErrUnexpectedEOF), 1, 1},
		{faultproxy.TruncateReset(0), isReset, 1, 1},
		// net/http does not report a reset within a header; TestResetWithinAHeader does.
		{faultproxy.TruncateReset(30), is(io.ErrUnexpectedEOF), 1, 1},
		{faultproxy.Garbage("220 smtp.example ESMTP\r\n"), contains("malformed HTTP"), 1, 0},
		{faultproxy.Garbage(""), is(io.EOF), 1, 0},
	} {
		t.Run(test.fault.String(), func(t *testing.T) {
			b := start(t, nil)
			b.Set(test.fault)
			if got, err := b.call("POST", "a request"); !test.seen(err) {
				t.Errorf("%q, %v", got, err)
			}
			b.mustCount(1, test.requests, test.passed)
		})
	}
}

// The reset follows the whole request, however large.
func TestResetAfterALargeRequest(t *testing.T) {
	b := start(t, nil)
	b.Set(faultproxy.ResetAfterRequest())
	l := b.dial()
	body := strings.Repeat("x", 4<<20)
	l.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4194304\r\n\r\n" + body)
	if got, err := l.rest(); !isReset(err) || got != "" {
		t.Errorf("%q, %v", got, err)
	}
	b.mustCount(1, 1, 0)
}

// Half a request is not counted as a request.
func TestHalfARequest(t *testing.T) {
	b := start(t, nil)
	b.Set(faultproxy.ResetAfterRequest())
	l := b.dial()
	l.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n1234")
	b.waitFor(func(c faultproxy.Counts) bool { return c.Connections == 1 })
	b.mustCount(1, 0, 0)
	l.send("5")
	if _, err := l.rest(); !isReset(err) {
		t.Error(err)
	}
	b.mustCount(1, 1, 0)
}

// A client that has sent nothing is reset, possibly while it connects.
func TestResetOnAccept(t *testing.T) {
	b := start(t, nil)
	b.Set(faultproxy.ResetOnAccept())
	conn, err := net.Dial("tcp", b.Addr())
	if err == nil {
		defer func() { _ = conn.Close() }()
		_, err = conn.Read(make([]byte, 1))
	}
	if !isReset(err) {
		t.Error(err)
	}
	b.waitFor(func(c faultproxy.Counts) bool { return c.Connections == 1 })
	b.mustCount(1, 0, 0)
}

// The connection stays open until a request starts, even the first one.
func TestResetBeforeRequest(t *testing.T) {
	for _, fault := range []faultproxy.Fault{faultproxy.ResetOnAccept(), faultproxy.ResetBeforeRequest()} {
		t.Run(fault.String(), func(t *testing.T) {
			b := start(t, nil)
			l := b.dial()
			l.get()
			l.receive()
			b.Set(fault)
			l.get()
			if got, err := l.rest(); !isReset(err) || got != "" {
				t.Errorf("%q, %v", got, err)
			}
			b.mustCount(1, 1, 1)
		})
	}
	b := start(t, nil)
	b.Set(faultproxy.ResetBeforeRequest())
	l := b.dial()
	l.send("G")
	if got, err := l.rest(); !isReset(err) || got != "" {
		t.Errorf("%q, %v", got, err)
	}
	b.mustCount(1, 0, 0)
}

func TestTruncatedBody(t *testing.T) {
	for _, test := range []struct {
		fault faultproxy.Fault
		got   string
		seen  func(error) bool
	}{
		{faultproxy.TruncateBody(6), responseBody[:6], is(io.ErrUnexpectedEOF)},
		{faultproxy.TruncateBody(0), "", is(io.ErrUnexpectedEOF)},
		{faultproxy.TruncateBody(int64(len(responseBody) - 1)), responseBody[:len(responseBody)-1], is(io.ErrUnexpectedEOF)},
		{faultproxy.TruncateBody(int64(len(responseBody))), responseBody, is(nil)},
		{faultproxy.TruncateBodyReset(6), responseBody[:6], isReset},
		{faultproxy.TruncateBodyReset(int64(len(responseBody))), responseBody, is(nil)},
		{faultproxy.Truncate(1 << 20), responseBody, is(nil)},
	} {
		t.Run(test.fault.String(), func(t *testing.T) {
			b := start(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusEarlyHints)
				_, _ = io.WriteString(w, responseBody)
			})
			b.Set(test.fault)
			if got, err := b.call("GET", ""); got != test.got || !test.seen(err) {
				t.Errorf("%q, %v", got, err)
			}
			b.mustCount(1, 1, 1)
		})
	}
}

func TestTruncateCountsFromTheFirstByte(t *testing.T) {
	b := start(t, nil)
	b.Set(faultproxy.Truncate(17))
	l := b.dial()
	l.get()
	if got, err := l.rest(); err != nil || got != "HTTP/1.1 200 OK\r\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestResetWithinAHeader(t *testing.T) {
	b := start(t, nil)
	b.Set(faultproxy.TruncateReset(17))
	l := b.dial()
	l.get()
	if got, err := l.rest(); !isReset(err) || got != "HTTP/1.1 200 OK\r\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestBlackHole(t *testing.T) {
	b := start(t, nil)
	b.Set(faultproxy.BlackHole())
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		b.waitFor(func(c faultproxy.Counts) bool { return c.Requests == 1 })
		cancel()
	}()
	if _, err := b.do(ctx, "POST", "a request"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	b.mustCount(1, 1, 0)
}

// These faults only delay the response.
func TestSlowResponses(t *testing.T) {
	for _, test := range []struct {
		fault faultproxy.Fault
		least time.Duration
	}{
		{faultproxy.Latency(40*time.Millisecond, 50*time.Millisecond), 40 * time.Millisecond},
		{faultproxy.Bandwidth(2000), time.Second * time.Duration(len(responseBody)) / 2000},
		{faultproxy.Slicer(5, 2*time.Millisecond), 2 * time.Millisecond * time.Duration(len(responseBody)/5)},
		{faultproxy.Slicer(1<<20, 0), 0},
	} {
		t.Run(test.fault.String(), func(t *testing.T) {
			b := start(t, nil)
			b.Set(test.fault)
			mustTakeAtLeast(t, test.least, func() { b.mustSucceed("POST") })
			mustTakeAtLeast(t, test.least, func() { b.mustSucceed("GET") })
			b.mustCount(1, 2, 2)
		})
	}
}

// With a latency beyond the timeout of the client, the request takes effect.
func TestLatencyBeyondTimeout(t *testing.T) {
	processed := make(chan struct{})
	b := start(t, func(http.ResponseWriter, *http.Request) { close(processed) })
	b.Set(faultproxy.Latency(time.Hour, time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-processed
		cancel()
	}()
	if _, err := b.do(ctx, "POST", "a request"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	b.mustCount(1, 1, 1)
}

func TestNext(t *testing.T) {
	b := start(t, nil)
	b.Set(faultproxy.Truncate(0))
	b.Next(faultproxy.ResetOnAccept(), faultproxy.ResetAfterRequest())
	b.Next(faultproxy.Garbage("?"), faultproxy.None())
	for i, seen := range []func(error) bool{isReset, isReset, contains("malformed"), is(nil), is(io.EOF), is(io.EOF)} {
		b.client.CloseIdleConnections()
		if _, err := b.call("POST", "a request"); !seen(err) {
			t.Errorf("request %d: %v", i, err)
		}
	}
	b.mustCount(6, 5, 3)

	b.Next(faultproxy.BlackHole())
	b.Set(faultproxy.None())
	b.mustSucceed("POST")
}

func TestMistakes(t *testing.T) {
	b := start(t, nil)
	for name, mistake := range map[string]func(){
		"latency bound": func() { faultproxy.Latency(2, 1) },
		"latency":       func() { faultproxy.Latency(-1, 1) },
		"bandwidth":     func() { faultproxy.Bandwidth(0) },
		"slicer size":   func() { faultproxy.Slicer(0, 1) },
		"slicer pause":  func() { faultproxy.Slicer(1, -1) },
		"truncate":      func() { faultproxy.TruncateBody(-1) },
		"slow close":    func() { faultproxy.SlowClose(-1) },
		"down in Next":  func() { b.Next(faultproxy.None(), faultproxy.Down()) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("accepted")
				}
			}()
			mistake()
		})
	}
}

func is(want error) func(error) bool {
	return func(err error) bool { return errors.Is(err, want) }
}

func contains(want string) func(error) bool {
	return func(err error) bool { return err != nil && strings.Contains(err.Error(), want) }
}
