package testkit

import (
	"testing"
	"time"
)

// Timeout is how long a test waits for what must happen. It is long, because a busy machine must
// not fail a test; a test that passes never waits so long.
const Timeout = time.Minute

// Eventually waits until the condition holds.
func Eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	end := time.NewTimer(Timeout)
	defer end.Stop()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-end.C:
			tb.Fatalf("after %v it is not true that %s", Timeout, what)
		}
	}
}

// Receive waits for a value of the channel.
func Receive[T any](tb testing.TB, from <-chan T, what string) (value T) {
	tb.Helper()
	end := time.NewTimer(Timeout)
	defer end.Stop()
	select {
	case value = <-from:
	case <-end.C:
		tb.Fatalf("after %v there is no %s", Timeout, what)
	}
	return value
}
