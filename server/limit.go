package server

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2"
)

// errCallerDeadline ends a call a little before the caller's deadline.
var errCallerDeadline = fmt.Errorf("the caller's deadline is near: %w", context.DeadlineExceeded)

// running are the calls that a stop must end.
type running struct {
	mu    sync.Mutex
	calls map[*call]struct{}
	ended bool
}

func newRunning() *running { return &running{calls: map[*call]struct{}{}} }

// add notes a call; one that comes too late is ended at once.
func (r *running) add(c *call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls[c] = struct{}{}
	if r.ended {
		c.cut()
	}
}

// remove forgets a call, which has ended.
func (r *running) remove(c *call) {
	r.mu.Lock()
	delete(r.calls, c)
	r.mu.Unlock()
	c.end()
}

// len returns how many calls are running.
func (r *running) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.calls)
}

// end ends the calls that are running, and those that are added later.
func (r *running) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	for c := range r.calls {
		c.cut()
	}
}

// cut ends the call because the service stops, unless its caller did before.
func (c *call) cut() {
	if c.Err() == nil {
		c.cutOff.Store(true)
	}
	c.end()
}

// limit returns the context of the upstream call. It ends with the caller's, but a
// little before the caller's deadline, so that the answer with its reason arrives
// instead of the client library's own, and it ends when the service stops. The time
// limit for Pelcro is the client's (internal/pelcro). The call has to be removed.
func (r *running) limit(ctx context.Context, c *call) context.Context {
	if deadline, ok := ctx.Deadline(); ok {
		margin := min(50*time.Millisecond, time.Until(deadline)/10)
		ctx, c.end = context.WithDeadlineCause(ctx, deadline.Add(-margin), errCallerDeadline)
	} else {
		ctx, c.end = context.WithCancel(ctx)
	}
	r.add(c)
	return ctx
}

// untilStop returns the context of a stream, which has no deadline but the caller's.
// The call has to be removed.
func (r *running) untilStop(ctx context.Context, c *call) context.Context {
	ctx, c.end = context.WithCancel(ctx)
	r.add(c)
	return ctx
}

// endingStream is a stream that stops reading when its context ends. A gRPC
// stream itself reads until the client ends it.
type endingStream struct {
	*middleware.WrappedServerStream
}

func (s endingStream) RecvMsg(m any) error {
	received := make(chan error, 1)
	go func() { received <- s.WrappedServerStream.RecvMsg(m) }() // gRPC ends it when the handler has returned
	select {
	case err := <-received:
		return err
	case <-s.Context().Done():
		return s.Context().Err()
	}
}

// remaining returns what is left of the caller's deadline, none if it has none.
func remaining(ctx context.Context, none time.Duration) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return max(0, time.Until(deadline))
	}
	return none
}
