package pelcro

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/retryafter"
)

// The backoff before a retry: full jitter, that is, anything from zero to the bound, which doubles
// each time.
const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 2 * time.Second
	// minAttempt is the least time that must be left for another attempt: with less, the known
	// failure would be lost to the time limit.
	minAttempt = 100 * time.Millisecond
	// maxStaleRetries bounds the retries that cost nothing, should many kept connections be dead.
	maxStaleRetries = 3
)

// retryPolicy says which failures of a call are retried here.
type retryPolicy uint8

const (
	retryNever     retryPolicy = iota // a create: one attempt, ever
	retryIfNotSent                    // a change: only when nothing reached the network
	retrySafe                         // a read
)

// allows reports whether a retry can help and cannot harm.
func (p retryPolicy) allows(failed *Error) bool {
	switch failed.Outcome {
	case Unreachable:
		return p != retryNever
	case StaleConnection, ConnectionLost:
		return p == retrySafe
	case ServerError:
		return p == retrySafe && isTransient(failed.Response.StatusCode)
	}
	return false
}

// isTransient reports whether the status is one by which a proxy says that it could not reach
// Pelcro. Those from 520 to 524 are Cloudflare's.
func isTransient(status int) bool {
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return status >= 520 && status <= 524
}

// do makes a call: within the quota, and equal reads together.
func (c *Client) do(ctx context.Context, r request) (*Response, error) {
	call, err := c.newCall(ctx, r)
	if err != nil {
		return nil, err
	}
	var release func()
	call.quota, release = c.quotas.use(call.credential)
	defer release()
	if call.retry == retrySafe {
		return c.read(ctx, call)
	}
	taken, err := c.takeSlot(ctx, call)
	if err != nil {
		return nil, err
	}
	return c.perform(ctx, call, taken)
}

// perform makes the attempts of a call within the time limit, the first one with the slot that it
// took: through the circuit breaker, and with retries where they may help, cannot harm, and are
// within the retry budget.
func (c *Client) perform(ctx context.Context, call *call, taken slot) (*Response, error) {
	call.deadline, call.began, call.responsesBefore = time.Now().Add(c.config.Timeout), time.Now(), c.responses.Load()
	var before *Error // the failure of the attempt before
	for retries, stale := 0, 0; ; {
		if before != nil {
			var err error
			if taken, err = c.takeSlot(ctx, call); err != nil {
				return nil, before // it says more
			}
		}
		attempted, rest, open := c.breaker.allow()
		if open {
			taken.giveBack() //nolint:contextcheck // also when the call has ended
			if before != nil {
				return nil, before // it says more
			}
			return nil, call.circuitOpen(rest)
		}
		response, failed := c.attempt(ctx, call, taken)
		attempted(countedAs(failed, c.isSilentSince(call)))
		switch {
		case failed == nil:
			c.budget.earn()
			return response, nil
		case outcomes[failed.Outcome].health == healthy:
			c.budget.earn()
			return nil, failed
		case failed.Outcome == StaleConnection && call.retry.allows(failed) && stale < maxStaleRetries:
			stale++
		case retries < c.config.Retries && c.waitForRetry(ctx, call, failed, backoff(retries)):
			retries++
		default:
			return nil, failed
		}
		before = failed
	}
}

// waitForRetry reports whether the call is to be retried, after having waited for it.
func (c *Client) waitForRetry(ctx context.Context, call *call, failed *Error, wait time.Duration) bool {
	if ctx.Err() != nil || !call.retry.allows(failed) {
		return false
	}
	if r := failed.Response; r != nil {
		wait = max(wait, retryafter.Delay(r.StatusCode, r.Header))
	}
	deadline := call.deadline
	if callers, ok := ctx.Deadline(); ok && callers.Before(deadline) {
		deadline = callers
	}
	if time.Until(deadline)-wait < minAttempt {
		return false
	}
	if !c.budget.take() {
		c.metrics.retriesRejected.Inc()
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// backoff returns the wait before the retry after that many.
func backoff(retries int) time.Duration {
	return rand.N(min(firstBackoff<<min(retries, 10), maxBackoff))
}

// The retry budget, in credits. A call to which Pelcro responds earns one and a retry costs five, so
// at most a fifth of those calls are retried, and an outage, in which Pelcro does not respond, is
// not multiplied. What a burst may use is bounded. A few retries need not be earned, for a quiet
// service; they come back slowly.
const (
	retryCost = 5
	maxSaved  = 10 * retryCost
	reserve   = 3 * retryCost
	// refill is the time in which a credit of the reserve comes back.
	refill = time.Second / retryCost
)

// budget counts the retries that are allowed at the moment.
type budget struct {
	mu      sync.Mutex
	credits int
	filled  time.Time // up to when the reserve was refilled
}

func newBudget() *budget { return &budget{credits: reserve, filled: time.Now()} }

// earn counts a call to which Pelcro responded.
func (b *budget) earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.credits = min(b.credits+1, maxSaved)
}

// take takes a retry out of the budget, if there is one.
func (b *budget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if back := int64(time.Since(b.filled) / refill); back > 0 {
		b.filled = b.filled.Add(time.Duration(back) * refill)
		if b.credits < reserve {
			b.credits = int(min(int64(b.credits)+back, reserve))
		}
	}
	if b.credits < retryCost {
		return false
	}
	b.credits -= retryCost
	return true
}
