package pelcro

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// The circuit breaker opens when at least half of at least twenty calls within
// ten seconds failed, stays open for a second, then lets one call at a time
// through until one is answered. A probe that is not answered within a second
// keeps nobody else from trying: the next call is a probe, too.
const (
	breakerWindow   = 10 * time.Second
	breakerBucket   = time.Second
	breakerMinCalls = 20
	breakerOpenTime = time.Second
	breakerProbes   = 1
	probeTime       = time.Second
	// silence is how long a call must have waited, when its caller's deadline ended
	// it, to say something of Pelcro and not only of the caller.
	silence = 900 * time.Millisecond
)

// breakerStates are its states, as metrics name them.
var breakerStates = []struct {
	is   gobreaker.State
	name string
}{{gobreaker.StateClosed, "closed"}, {gobreaker.StateHalfOpen, "half_open"}, {gobreaker.StateOpen, "open"}}

// ErrCircuitOpen is the cause of a call that was not made because Pelcro kept
// failing.
var ErrCircuitOpen = errors.New("the circuit breaker is open")

// errSilent is a probe that is not answered yet: it does not count until it is.
var errSilent = &Error{Err: errors.New("the probe is not answered yet"), saysNothing: true}

// breaker is a circuit breaker for attempts.
type breaker struct {
	states *gobreaker.TwoStepCircuitBreaker[*Error]
	// changes counts the changes of the state.
	changes atomic.Int64
}

// newBreaker returns a breaker that tells when it opens and closes. That it lets a
// probe through is neither.
func newBreaker(changed func(closed bool)) *breaker {
	b := &breaker{}
	b.states = gobreaker.NewTwoStepCircuitBreaker[*Error](gobreaker.Settings{
		MaxRequests:  breakerProbes,
		Interval:     breakerWindow,
		BucketPeriod: breakerBucket,
		Timeout:      breakerOpenTime,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			finished := c.TotalSuccesses + c.TotalFailures
			return finished >= breakerMinCalls && 2*c.TotalFailures >= finished
		},
		IsSuccessful: func(err error) bool { return !isOutage(err) },
		IsExcluded:   saysNothing,
		OnStateChange: func(_ string, from, to gobreaker.State) {
			b.changes.Add(1)
			if from == gobreaker.StateClosed || to == gobreaker.StateClosed {
				changed(to == gobreaker.StateClosed)
			}
		},
	})
	return b
}

// do makes the attempt, unless the breaker is open: then the error is
// [ErrCircuitOpen].
func (b *breaker) do(attempt func() (*Error, error)) (*Error, error) {
	if changes := b.changes.Load(); b.states.State() == gobreaker.StateClosed {
		// gobreaker counts a call where it began, and not at all if that was longer ago
		// than the window, as with calls that wait for a silent Pelcro. So it is told of
		// a call when that has ended, unless much has changed since it began.
		received, err := attempt()
		if b.changes.Load() == changes {
			if count, refused := b.states.Allow(); refused == nil {
				count(err)
			}
		}
		return received, err
	}
	count, err := b.states.Allow()
	if err != nil {
		return nil, ErrCircuitOpen
	}
	// A call may be counted twice: as nothing, which frees its place as the probe, and
	// as what it came to. gobreaker ignores the one that is late for its state.
	timer := time.AfterFunc(probeTime, func() { count(errSilent) })
	received, err := attempt()
	if inTime := timer.Stop(); inTime || !saysNothing(err) {
		count(err)
	}
	return received, err
}

// guarded makes one attempt, through the circuit breaker if there is one. The call's
// time limit ends at the deadline.
func (c *Client) guarded(ctx context.Context, deadline time.Time, r request) (*Error, error) {
	attempt := func() (*Error, error) {
		begin := time.Now()
		received, err := c.attempt(ctx, deadline, r)
		if failed, ok := errors.AsType[*Error](err); ok && failed.StatusCode == 0 {
			late := errors.Is(ctx.Err(), context.DeadlineExceeded) && time.Since(begin) >= silence
			failed.saysNothing = failed.stale || ctx.Err() != nil && !late
		}
		return received, err
	}
	if c.breaker == nil {
		return attempt()
	}
	received, err := c.breaker.do(attempt)
	if errors.Is(err, ErrCircuitOpen) {
		return nil, &Error{Call: r.call, Err: err}
	}
	return received, err
}

// isOutage reports whether Pelcro, or the way to it, failed: no reply, or a 5xx. A
// refusal is none.
func isOutage(err error) bool {
	failed, ok := errors.AsType[*Error](err)
	return ok && (failed.StatusCode == 0 || failed.StatusCode >= http.StatusInternalServerError)
}

// saysNothing reports whether the failure says nothing of Pelcro: the caller ended
// the call, or an idle connection had been closed.
func saysNothing(err error) bool {
	failed, ok := errors.AsType[*Error](err)
	return ok && failed.saysNothing
}
