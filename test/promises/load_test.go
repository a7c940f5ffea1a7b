package promises_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load makes calls at a steady rate, independent of their duration.
type load struct {
	calls, failed atomic.Int64
	// stop ends the load and waits for the running calls.
	stop func()
}

// startLoad makes calls until it is stopped or the test ends: 200 a second when soaking. A failed
// call fails the test.
func startLoad(t *testing.T, call func(context.Context) error) *load {
	t.Helper()
	l := &load{}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		pace := time.NewTicker(time.Second / scaled[time.Duration](200, 40))
		defer pace.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-pace.C:
			}
			running.Go(func() {
				l.calls.Add(1)
				// Not ctx: a started call must succeed.
				if err := call(context.WithoutCancel(ctx)); err != nil && l.failed.Add(1) < 10 {
					t.Errorf("a call under load: %v", err)
				}
			})
		}
	})
	l.stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(l.stop)
	return l
}
