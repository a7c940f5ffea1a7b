package server

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestTurns: so many requests are read at the same time, of a connection and in all. Others wait; if
// they are of other connections, requests that take too long to arrive are ended.
func TestTurns(t *testing.T) {
	for _, test := range []struct {
		name            string
		ofOneConnection bool
		calls           int
		ended           bool
	}{
		{"as many as a connection may have", true, maxConnectionReading, false},
		{"more of a connection", true, maxConnectionReading + 1, false},
		{"as many as there may be", false, maxReading, false},
		{"more of several connections", false, maxReading + 1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				requests := newRequests(maxRequestBytes, readTimeout)
				shared := withConnection(t.Context())
				results := make(chan error, test.calls)
				for range test.calls {
					ctx := shared
					if !test.ofOneConnection {
						ctx = withConnection(t.Context())
					}
					ctx = context.WithValue(ctx, rpcKey{}, &rpc{began: time.Now()})
					go func() {
						results <- requests.receive(ctx, func(any) error {
							time.Sleep(2 * hurryAfter) // also after the call has ended, as with gRPC
							return nil
						}, new(rawRequest))
					}()
				}
				incomplete := 0
				for range test.calls {
					if err := <-results; errors.Is(err, errRequestIncomplete) {
						incomplete++
					} else if err != nil {
						t.Error(err)
					}
				}
				if test.ended != (incomplete > 0) || incomplete == test.calls {
					t.Errorf("%d of %d ended", incomplete, test.calls)
				}
				time.Sleep(readTimeout)
			})
		})
	}
}
