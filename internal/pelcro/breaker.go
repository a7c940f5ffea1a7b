package pelcro

import (
	"context"
	"errors"
	"net/http"
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

type breaker = gobreaker.CircuitBreaker[*Error]

// newBreaker returns a breaker that tells when it opens and closes.
func newBreaker(changed func(closed bool)) *breaker {
	return gobreaker.NewCircuitBreaker[*Error](gobreaker.Settings{
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
		OnStateChange: func(_ string, _, to gobreaker.State) {
			changed(to == gobreaker.StateClosed)
		},
	})
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
	received, err := c.breaker.Execute(attempt)
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return nil, &Error{Call: r.call(), Err: ErrCircuitOpen}
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
