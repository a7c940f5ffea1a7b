package faultproxy_test

import (
	"context"
	"errors"
	"io"
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
		// net/http does not report a reset within a header.
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

func is(want error) func(error) bool {
	return func(err error) bool { return errors.Is(err, want) }
}

func contains(want string) func(error) bool {
	return func(err error) bool { return err != nil && strings.Contains(err.Error(), want) }
}
