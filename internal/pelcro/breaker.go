package pelcro

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// The circuit breaker opens when at least half of at least twenty attempts within ten seconds
// failed, stays open for a second, then lets one attempt at a time through, the probe, until one
// gets a response. A probe that has none within a second does not block the others: the next
// attempt is a probe, too.
const (
	breakerWindow      = 10 * time.Second
	breakerBucket      = time.Second
	breakerMinAttempts = 20
	breakerOpenTime    = time.Second
	breakerProbes      = 1
	probeTime          = time.Second
)

// breakerStates are the names of its states, for metrics.
var breakerStates = map[gobreaker.State]string{
	gobreaker.StateClosed: "closed", gobreaker.StateHalfOpen: "half_open", gobreaker.StateOpen: "open",
}

var (
	errCircuitOpen = errors.New("the circuit breaker is open")
	// errFailed and errUncounted report an attempt to gobreaker.
	errFailed    = errors.New("failed")
	errUncounted = errors.New("says nothing about Pelcro")
)

// breaker is a circuit breaker for attempts. A nil *breaker lets all of them through.
type breaker struct {
	states *gobreaker.TwoStepCircuitBreaker[*Response]
	// changes counts the changes of the state.
	changes atomic.Int64
	// opens is when an attempt that is rejected now would be let through.
	opens atomic.Pointer[time.Time]
}

// newBreaker returns a breaker that calls changed when it opens and when it closes. Half-open, it is
// still open in that sense.
func newBreaker(changed func(closed bool)) *breaker {
	b := &breaker{}
	b.opens.Store(new(time.Time))
	b.states = gobreaker.NewTwoStepCircuitBreaker[*Response](gobreaker.Settings{
		MaxRequests:  breakerProbes,
		Interval:     breakerWindow,
		BucketPeriod: breakerBucket,
		Timeout:      breakerOpenTime,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			finished := c.TotalSuccesses + c.TotalFailures
			return finished >= breakerMinAttempts && 2*c.TotalFailures >= finished
		},
		IsExcluded: func(err error) bool { return errors.Is(err, errUncounted) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			b.changes.Add(1)
			if to == gobreaker.StateOpen {
				b.blockFor(breakerOpenTime)
			}
			if from == gobreaker.StateClosed || to == gobreaker.StateClosed {
				changed(to == gobreaker.StateClosed)
			}
		},
	})
	return b
}

// allow asks whether an attempt may be made, and returns what to call with the result of [countedAs]
// when it has ended. If the breaker is open, rest is for how long it will be.
func (b *breaker) allow() (ended func(result error), rest time.Duration, open bool) {
	if b == nil {
		return func(error) {}, 0, false
	}
	if changes := b.changes.Load(); b.states.State() == gobreaker.StateClosed {
		// gobreaker counts an attempt where it began, and not at all if that was longer ago than the
		// window, as with attempts that wait for a silent Pelcro. So it learns of an attempt when that
		// has ended, unless the state has changed since it began.
		return func(result error) {
			if b.changes.Load() != changes {
				return
			}
			if count, err := b.states.Allow(); err == nil {
				count(result)
			}
		}, 0, false
	}
	count, err := b.states.Allow()
	if err != nil {
		return nil, max(time.Until(*b.opens.Load()), time.Millisecond), true
	}
	// An attempt may be counted twice: as nothing, which frees its place as the probe, and as what it
	// came to. gobreaker ignores a result that is late for its state.
	b.blockFor(probeTime)
	timer := time.AfterFunc(probeTime, func() { count(errUncounted) })
	return func(result error) {
		if inTime := timer.Stop(); inTime || !errors.Is(result, errUncounted) {
			count(result)
		}
	}, 0, false
}

// isOpen reports whether an attempt would be rejected, and for how long, without making one the probe:
// for a call that has to wait before its attempt.
func (b *breaker) isOpen() (rest time.Duration, open bool) {
	if b == nil || b.states.State() == gobreaker.StateClosed {
		return 0, false
	}
	rest = time.Until(*b.opens.Load())
	return rest, rest > 0
}

func (b *breaker) blockFor(d time.Duration) { b.opens.Store(new(time.Now().Add(d))) }

// minSilence is how long Pelcro must have responded to nothing to count as silent: longer than it
// usually takes, so that a caller with a very short deadline does not count.
const minSilence = 500 * time.Millisecond

// isSilentSince reports whether Pelcro has responded to nothing since the call began.
func (c *Client) isSilentSince(call *call) bool {
	return c.responses.Load() == call.responsesBefore && time.Since(call.began) >= minSilence
}

// countedAs returns what an attempt says about Pelcro, in gobreaker's terms. A call that its caller's
// deadline ended says something only if Pelcro was silent. Otherwise one impatient caller would open the breaker for all; and if such calls never
// counted, callers with deadlines below the time limit would never open it.
func countedAs(failed *Error, isSilent bool) error {
	if failed == nil {
		return nil
	}
	if failed.Outcome == CallerGone && errors.Is(failed.Err, context.DeadlineExceeded) && isSilent {
		return errFailed
	}
	switch outcomes[failed.Outcome].health {
	case failing:
		return errFailed
	case unclear:
		return errUncounted
	}
	return nil
}
