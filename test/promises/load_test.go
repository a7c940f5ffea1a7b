package promises_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load makes calls at a steady rate, however long they take.
type load struct {
	calls, failed atomic.Int64
	// stop ends it and waits for the calls that run.
	stop func()
}

// callsPerSecond is the rate that rotations must stand.
const callsPerSecond = 200

// startLoad makes calls until it is stopped, or the test ends. A call that fails
// fails the test.
func startLoad(t *testing.T, call func(context.Context) error) *load {
	t.Helper()
	l := &load{}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		pace := time.NewTicker(time.Second / callsPerSecond)
		defer pace.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-pace.C:
			}
			running.Go(func() {
				l.calls.Add(1)
				// Not ctx: a call that has begun must end well.
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
