package pelcro

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// The backoff before a repetition: full jitter, that is, anything from nothing to
// the bound, which doubles each time.
const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 2 * time.Second
	// minAttempt is the least time for which another attempt is worth losing the
	// failure that is known already.
	minAttempt = 100 * time.Millisecond
)

// repetition says which failures of a call are repeated here.
type repetition uint8

const (
	never      repetition = iota // a create: once, ever
	ifNotSent                    // a change: only when nothing reached the network
	ifHarmless                   // a read
)

// call makes the call within the time limit: through the circuit breaker, and
// again where that may help, cannot harm, and the retry budget allows it.
func (c *Client) call(ctx context.Context, r request) (*Error, error) {
	ctx = withExchange(ctx)
	deadline := time.Now().Add(c.config.Timeout)
	var last *Error
	for retries := 0; ; retries++ {
		received, err := c.guarded(ctx, deadline, r)
		if !isOutage(err) {
			c.budget.earn()
			return received, err
		}
		failed, _ := errors.AsType[*Error](err)
		if last != nil {
			if errors.Is(failed, ErrCircuitOpen) {
				return nil, last // the attempt that was made says more
			}
			failed.Sent = failed.Sent || last.Sent
		}
		last = failed
		if retries == c.config.Retries || !c.retries(ctx, deadline, r, failed, backoff(retries)) {
			return nil, failed
		}
	}
}

// retries reports whether the failed attempt is to be repeated, after having
// waited for it.
func (c *Client) retries(ctx context.Context, deadline time.Time, r request, failed *Error, wait time.Duration) bool {
	if ctx.Err() != nil || !r.repeat.allows(failed) {
		return false
	}
	wait = max(wait, retryAfter(failed.Header))
	if callers, ok := ctx.Deadline(); ok && callers.Before(deadline) {
		deadline = callers
	}
	if time.Until(deadline)-wait < minAttempt {
		return false
	}
	// A connection that was closed while idle is no sign of an outage.
	if !failed.stale && !c.budget.take() {
		c.metrics.retryRefused()
		return false
	}
	return pause(ctx, wait)
}

// allows reports whether a repetition can help and cannot harm.
func (r repetition) allows(e *Error) bool {
	switch e.StatusCode {
	case 0:
		return (r == ifHarmless || r == ifNotSent && !e.Sent) && !isFinal(e.Err)
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return r == ifHarmless
	}
	return false
}

// isFinal reports whether the cause of a missing reply will be the same next time:
// the time is spent, the breaker is open, or the peer is not Pelcro.
func isFinal(err error) bool {
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	return untrusted || errors.Is(err, http.ErrSchemeMismatch) ||
		errors.Is(err, errTimeLimit) || errors.Is(err, ErrCircuitOpen)
}

// backoff returns the wait before the retry after that many.
func backoff(retries int) time.Duration {
	return rand.N(min(firstBackoff<<min(retries, 10), maxBackoff))
}

// retryAfter reads the Retry-After of a reply: seconds, or a date, which is
// measured from the reply's own Date (RFC 9110, section 10.2.3). Anything else, and
// the past, is 0: nothing is known.
func retryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	seconds, err := strconv.ParseUint(value, 10, 32)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(seconds) * time.Second
	}
	when, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return 0
	}
	return max(0, when.Sub(date))
}

// pause waits, and reports whether the context is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
