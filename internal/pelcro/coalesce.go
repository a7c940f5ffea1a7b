package pelcro

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/quota"
)

// Equal reads share requests, because Pelcro's quota is scarce. For each read, at most one request is
// running and one is waiting to be sent. A read joins only the one that waits, so it sees every write
// that ended before it began, whichever call made it.
//
// While a request waits for the quota, each caller with a call that joined it competes for the quota
// as if it were alone, and the first slot that one of them gets serves all. So no call waits longer
// because another caller asked first.
type reads struct {
	mu    sync.Mutex
	lanes map[readKey]*lane
}

// readKey says what a read asks for, and on whose authority.
type readKey struct{ address, authorization string }

// lane is the requests for one key; either may be nil, not both.
type lane struct{ running, waiting *sharedRead }

// sharedRead is one request for all the calls that joined it before it was sent.
type sharedRead struct {
	key readKey
	// turn is closed when no other request of the key is running; nil if none was at the beginning.
	turn chan struct{}
	// sending ends when the request is about to be sent; no call joins from then on. Without a quota
	// there is nothing to wait for in between, and both are nil.
	sending context.Context //nolint:containedctx // it is the request's, not a call's
	send    context.CancelFunc
	// seats let one call of each caller and class compete for the quota at a time.
	seats map[seat]chan struct{}
	// calls is how many wait for the result.
	calls int
	// deadline is the latest of theirs, zero if one has none.
	deadline   time.Time
	noDeadline bool
	// end ends the request; it is set when several calls share it.
	end context.CancelCauseFunc

	done  chan struct{} // closed when the rest is set; nil if only one call waits
	stats callStats
	// response is nil exactly if err is not.
	response *Response
	err      error
}

// seat is who competes for the quota.
type seat struct {
	caller string
	class  quota.Class
}

// errSending ends the wait of a call for the quota when another call of its request has a slot.
var errSending = errors.New("the request is being sent")

// join adds a call to the request for its key that is waiting; it makes one if there is none.
func (s *reads) join(ctx context.Context, call *call) (r *sharedRead, joined bool) {
	key := readKey{call.address, call.credential.authorization}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[key]
	if l == nil {
		l = &lane{}
		s.lanes[key] = l
	}
	if r, joined = l.waiting, l.waiting != nil; !joined {
		r = &sharedRead{key: key}
		if call.quota != nil {
			r.seats = map[seat]chan struct{}{}
			r.sending, r.send = context.WithCancel(context.Background())
		}
		if l.running != nil {
			r.turn = make(chan struct{})
		}
		l.waiting = r
	}
	r.calls++
	switch deadline, ok := ctx.Deadline(); {
	case !ok:
		r.noDeadline = true
	case deadline.After(r.deadline):
		r.deadline = deadline
	}
	return r, joined
}

// seatOf returns the seat of a call's caller and class.
func (s *reads) seatOf(r *sharedRead, whose seat) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.seats[whose] == nil {
		r.seats[whose] = make(chan struct{}, 1)
	}
	return r.seats[whose]
}

// start makes the request the running one. It reports whether it was not before, and how many calls
// share it. Later calls do not join it.
func (s *reads) start(r *sharedRead) (isFirst bool, calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[r.key]
	if l == nil || l.waiting != r {
		return false, r.calls
	}
	l.running, l.waiting = r, nil
	if r.send != nil {
		r.send()
	}
	if r.calls > 1 {
		r.done = make(chan struct{})
	}
	return true, r.calls
}

// finish lets the next request of the key run, and hands out the result.
func (s *reads) finish(r *sharedRead) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[r.key]
	l.running = nil
	if l.waiting != nil {
		close(l.waiting.turn)
	} else {
		delete(s.lanes, r.key)
	}
	if r.done != nil {
		close(r.done)
	}
}

// leave takes out a call that does not wait any longer. A request without calls is ended, or not sent
// at all; wasLast reports that it is being ended.
func (s *reads) leave(r *sharedRead, why error) (wasLast bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.calls--
	if r.calls > 0 {
		return false
	}
	l := s.lanes[r.key]
	switch {
	case l == nil:
	case l.waiting == r:
		l.waiting = nil
		if r.send != nil {
			r.send()
		}
		if l.running == nil {
			delete(s.lanes, r.key)
		}
	case l.running == r:
		r.end(why)
		return true
	}
	return false
}

// read makes a call that reads.
func (c *Client) read(ctx context.Context, call *call) (*Response, error) {
	r, joined := c.reads.join(ctx, call)
	if joined {
		c.metrics.coalesced.WithLabelValues(call.method, call.template).Inc()
	}
	if r.turn != nil {
		select {
		case <-r.turn:
		case <-ctx.Done():
			c.reads.leave(r, context.Cause(ctx))
			return nil, call.callerGone(ctx)
		}
	}
	slot, err := c.competeForSlot(ctx, call, r)
	if err != nil {
		c.reads.leave(r, context.Cause(ctx))
		return nil, err
	}
	switch isFirst, calls := c.reads.start(r); {
	case !isFirst:
		slot.giveBack() //nolint:contextcheck // also when the call has ended
	case calls == 1:
		defer c.reads.finish(r)
		return c.perform(ctx, call, slot)
	default:
		c.sendForAll(ctx, call, r, slot)
	}
	return c.resultOf(ctx, call, r)
}

// competeForSlot waits for a slot in the quota, but not longer than until the request is being sent;
// the slot is nil then.
func (c *Client) competeForSlot(ctx context.Context, call *call, r *sharedRead) (slot, error) {
	if call.quota == nil {
		return slot{}, nil
	}
	place := c.reads.seatOf(r, seat{call.caller.Name, call.class()})
	select {
	case place <- struct{}{}:
		defer func() { <-place }()
	case <-r.sending.Done():
		return slot{}, nil // another call of the request has a slot
	case <-ctx.Done():
		return slot{}, call.callerGone(ctx)
	}
	waiting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(r.sending, func() { stop(errSending) })() //nolint:contextcheck // it ends waiting, which is ctx's
	taken, err := c.takeSlot(waiting, call)
	if err != nil && errors.Is(context.Cause(waiting), errSending) {
		return slot{}, nil // another call of the request has a slot
	}
	return taken, err
}

// sendForAll sends a request on behalf of several calls. It goes on until the last of them is gone,
// and a panic in it fails the calls but does not end the process.
func (c *Client) sendForAll(ctx context.Context, first *call, r *sharedRead, taken slot) {
	own := *first
	r.stats = callStats{new(int), new(int)}
	own.stats = &r.stats
	running := context.WithoutCancel(ctx) // the trace is that of the first call
	stop := func() {}
	if !r.noDeadline {
		running, stop = context.WithDeadline(running, r.deadline)
	}
	running, end := context.WithCancelCause(running)
	c.reads.mu.Lock()
	r.end = end
	c.reads.mu.Unlock()
	_, release := c.quotas.use(own.credential)
	go func() {
		defer release()
		defer c.reads.finish(r)
		defer stop()
		defer end(nil)
		defer func() {
			if value := recover(); value != nil {
				r.err = panicked(value)
			}
		}()
		r.response, r.err = c.perform(running, &own, taken)
		if r.response != nil {
			r.response.Release() // each call takes its own share for decoding
		}
	}()
}

// panicked describes a panic. Its value may hold parts of the request, so only the texts of Go's
// runtime are kept.
func panicked(value any) error {
	text := fmt.Sprintf("panic of type %T", value)
	if err, ok := value.(runtime.Error); ok {
		text = "panic: " + err.Error()
	}
	return fmt.Errorf("pelcro: %s\n%s", text, debug.Stack())
}

// resultOf waits for the result of a shared request.
func (c *Client) resultOf(ctx context.Context, call *call, r *sharedRead) (*Response, error) {
	select {
	case <-r.done:
	case <-ctx.Done():
		if !c.reads.leave(r, context.Cause(ctx)) {
			call.sent = true // for all that this call knows
			*call.stats.attempts++
			return nil, call.callerGone(ctx)
		}
		<-r.done
	}
	*call.stats.attempts += *r.stats.attempts
	*call.stats.statusCode = *r.stats.statusCode
	if r.err != nil {
		return nil, r.err
	}
	r.response.keepHeader(ctx)
	own := *r.response
	own.share = &bodyShare{budgets: c.budgets}
	if err := own.takeShare(ctx); err != nil {
		call.sent = true
		return nil, call.callerGone(ctx)
	}
	return &own, nil
}
