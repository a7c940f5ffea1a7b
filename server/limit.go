package server

import (
	"context"
	"errors"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2"
)

// A call ends for one of these causes when it is not the caller that ends it.
var (
	// errCallerDeadline is the caller's deadline, a little early.
	errCallerDeadline = errors.New("the caller's deadline is near")
	errShuttingDown   = errors.New("the service is shutting down")
)

// limit returns the context of the upstream call. It ends with the caller's, but
// a little before the caller's deadline, so that the answer with its reason
// arrives instead of the client library's own. The time limit for Pelcro is the
// client's (internal/pelcro).
func (s *Server) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, release := untilStop(ctx, s.callsEnd)
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, release
	}
	margin := min(50*time.Millisecond, time.Until(deadline)/10)
	ctx, cancel := context.WithDeadlineCause(ctx, deadline.Add(-margin), errCallerDeadline)
	return ctx, func() {
		cancel()
		release()
	}
}

// untilStop returns a context that also ends, with errShuttingDown, when stop
// does.
func untilStop(ctx, stop context.Context) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	unhook := context.AfterFunc(stop, func() { end(errShuttingDown) })
	return ctx, func() {
		unhook()
		end(nil)
	}
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
