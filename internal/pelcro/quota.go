package pelcro

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/quota"
	"github.com/pelcro-grpc/pelcro-grpc/internal/retryafter"
)

var errStopped = errors.New("the service stopped while the call waited for the quota")

// freeNow is how long a call waits for the quota when the service stops: no longer than it takes to
// learn whether there is a place.
const freeNow = 100 * time.Millisecond

// StopWaiting ends the calls that wait for the quota, and all that would have to wait from now on.
// Others go on.
func (c *Client) StopWaiting() { c.stopWaiting() }

// slot is the place of one attempt in the quota. The zero slot is of no quota.
type slot struct{ taken *quota.Slot }

// takeSlot waits for a place in the quota, which the caller must use or give back. It does not count
// against the time limit. It must not be asked for while the call holds the breaker's probe.
func (c *Client) takeSlot(ctx context.Context, call *call) (slot, error) {
	if call.quota == nil {
		return slot{}, nil
	}
	if rest, open := c.breaker.isOpen(); open {
		return slot{}, call.circuitOpen(rest)
	}
	begin := time.Now()
	deadline, limited := ctx.Deadline() // the zero one is the quota's own
	isStopping := c.stopping.Err() != nil
	if free := begin.Add(freeNow); isStopping && (!limited || free.Before(deadline)) {
		deadline = free
	}
	waiting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if !isStopping {
		defer context.AfterFunc(c.stopping, func() { stop(errStopped) })() //nolint:contextcheck // it ends waiting, which is ctx's
	}
	taken, err := call.quota.Acquire(waiting, quota.Request{
		Caller: call.caller.Name, Share: call.caller.Share, Class: call.class(), Deadline: deadline,
	})
	waited := time.Since(begin)
	call.deadline, call.began = call.deadline.Add(waited), call.began.Add(waited)
	rejected, isRejected := errors.AsType[*quota.RejectedError](err)
	switch {
	case err == nil:
		return slot{taken}, nil
	case isStopping && isRejected, errors.Is(err, errStopped), errors.Is(err, quota.ErrClosed):
		return slot{}, &Error{Call: call.name(), Outcome: Stopped, Sent: call.sent, Err: errStopped}
	case isRejected:
		return slot{}, &Error{
			Call: call.name(), Outcome: RateLimited, Sent: call.sent,
			RetryAfter: max(rejected.RetryAfter, time.Millisecond), Limit: rejected.Limit, Err: err,
		}
	}
	return slot{}, call.callerGone(ctx)
}

// class returns the class in which the call waits for the quota.
func (c *call) class() quota.Class {
	if c.caller.Bulk {
		return quota.Bulk
	}
	return c.endpoint.class
}

// callerGone returns the error of a call that ended while it waited.
func (c *call) callerGone(ctx context.Context) *Error {
	return &Error{Call: c.name(), Outcome: CallerGone, Sent: c.sent, Err: context.Cause(ctx)}
}

// circuitOpen returns the error of a call that the circuit breaker rejects.
func (c *call) circuitOpen(rest time.Duration) *Error {
	return &Error{Call: c.name(), Outcome: CircuitOpen, RetryAfter: rest, Err: errCircuitOpen}
}

// giveBack gives back a slot with which nothing was sent.
func (s slot) giveBack() {
	if s.taken != nil {
		s.taken.Return()
	}
}

// end reports an attempt without a response, unless it was reported: also one that panicked.
func (s slot) end() {
	if s.taken != nil {
		s.taken.Done(quota.Response{Limit: -1, Remaining: -1})
	}
}

// reportAttempt tells the quota what became of an attempt; response is nil for none.
func (c *Client) reportAttempt(call *call, used slot, sent bool, response *Response) {
	switch {
	case used.taken == nil:
	case !sent:
		used.giveBack()
	case response == nil:
		used.end()
	default:
		said := quotaResponse(response)
		used.taken.Done(said)
		c.checkLimit(call.credential, said)
	}
}

// quotaResponse returns what a response says about the quota.
func quotaResponse(response *Response) quota.Response {
	r := quota.Response{Arrived: true, Limit: -1, Remaining: -1, RateLimited: response.StatusCode == http.StatusTooManyRequests}
	if limit := retryafter.Limit(response.Header); limit > 0 {
		r.Limit = int(limit)
	}
	if remaining, ok := retryafter.Remaining(response.Header); ok {
		r.Remaining = int(remaining)
	}
	if r.RateLimited {
		r.RetryAfter = retryafter.Delay(response.StatusCode, response.Header)
	}
	return r
}
