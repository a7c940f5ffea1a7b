package testkit

import (
	"flag"
	"runtime"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Timeout is how long a test waits for what must happen. It is long, because a busy machine must
// not fail a test; a test that passes never waits so long.
const Timeout = time.Minute

// Eventually waits until the condition holds.
func Eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	end := time.NewTimer(Timeout)
	defer end.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-end.C:
			tb.Fatalf("after %v it is not true that %s", Timeout, what)
		}
	}
}

// NoLeaks waits until no goroutine is left but those of the options. goleak itself waits for half a
// second.
func NoLeaks(tb testing.TB, options ...goleak.Option) {
	tb.Helper()
	end := time.Now().Add(Timeout)
	err := goleak.Find(options...)
	for err != nil && time.Now().Before(end) {
		err = goleak.Find(options...)
	}
	if err != nil {
		tb.Error(err)
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

// WaitInParallel lets up to 16 tests run in parallel, unless the flag -parallel says how many. Go's
// own number, that of the CPUs, is for tests that compute; parallel tests here mostly wait. A TestMain
// calls it before the tests run.
func WaitInParallel() {
	flag.Parse()
	if tests := flag.Lookup("test.parallel").Value; tests.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = tests.Set("16") // a number is valid
	}
}
