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
// through until one is answered.
const (
	breakerWindow   = 10 * time.Second
	breakerBucket   = time.Second
	breakerMinCalls = 20
	breakerOpenTime = time.Second
	breakerProbes   = 1
)

// ErrCircuitOpen is the cause of a call that was not made because Pelcro kept
// failing.
var ErrCircuitOpen = errors.New("the circuit breaker is open")

// breaker is a circuit breaker for attempts.
type breaker struct {
	states *gobreaker.CircuitBreaker[*Error]
	// changes counts the changes of the state.
	changes atomic.Int64
}

// newBreaker returns a breaker that tells when it opens and closes. That it lets a
// probe through is neither.
func newBreaker(changed func(closed bool)) *breaker {
	b := &breaker{}
	b.states = gobreaker.NewCircuitBreaker[*Error](gobreaker.Settings{
		MaxRequests:  breakerProbes,
		Interval:     breakerWindow,
		BucketPeriod: breakerBucket,
		Timeout:      breakerOpenTime,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			finished := c.TotalSuccesses + c.TotalFailures
			return finished >= breakerMinCalls && 2*c.TotalFailures >= finished
		},
		IsSuccessful: func(err error) bool { return !isOutage(err) },
		IsExcluded:   wasEnded,
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
			_, _ = b.states.Execute(func() (*Error, error) { return received, err })
		}
		return received, err
	}
	received, err := b.states.Execute(attempt)
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return nil, ErrCircuitOpen
	}
	return received, err
}

// guarded makes one attempt, through the circuit breaker if there is one. ctx is
// the caller's context, limited the one with the time limit.
func (c *Client) guarded(ctx, limited context.Context, r request) (*Error, error) {
	attempt := func() (*Error, error) {
		received, err := c.send(limited, r)
		if failed, ok := errors.AsType[*Error](err); ok && failed.StatusCode == 0 {
			failed.Ended = ctx.Err() != nil
		}
		return received, err
	}
	if c.breaker == nil {
		return attempt()
	}
	received, err := c.breaker.do(attempt)
	if errors.Is(err, ErrCircuitOpen) {
		return nil, &Error{Call: r.call(), Err: err}
	}
	return received, err
}

// isOutage reports whether Pelcro, or the way to it, failed: no reply, or a 5xx. A
// refusal is none.
func isOutage(err error) bool {
	failed, ok := errors.AsType[*Error](err)
	return ok && (failed.StatusCode == 0 || failed.StatusCode >= http.StatusInternalServerError)
}

// wasEnded reports whether the call says nothing of Pelcro, because its caller
// ended it.
func wasEnded(err error) bool {
	failed, ok := errors.AsType[*Error](err)
	return ok && failed.Ended
}
