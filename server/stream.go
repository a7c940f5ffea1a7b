package server

import (
	"context"
	"fmt"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

const (
	// streamBudget is for the messages of all streams that are not sent yet. It is apart from that of
	// unary calls, because a client may read a stream as slowly as it likes.
	streamBudget = 16 << 20
	// messageReservation is what a stream takes from it for a message whose size is not known yet.
	messageReservation = 256 << 10
	// ageMargin is how long before gRPC closes an old connection its streams end, so that their clients
	// get a reason, and endTime how much earlier they begin nothing new.
	ageMargin = 10 * time.Second
	endTime   = 30 * time.Second
)

// errConnectionAge ends a stream whose connection is about to be closed.
var errConnectionAge = fmt.Errorf("the connection is too old: %w", errStopping)

// stream is a stream as its handler sees it. Its requests are read like those of unary methods, and
// its large messages count while they are in memory.
type stream struct {
	*middleware.WrappedServerStream
	server   *Server
	requests *requests
	// ending ends when the handler shall begin nothing new, for the cause of its end.
	ending context.Context //nolint:containedctx // it lives as long as the stream
	// reserved is what was taken from the budget for the next message.
	reserved int64
	// freed is closed when the last large message is no longer in memory; nil before the first.
	freed <-chan struct{}
}

// serveStream runs the handler of a stream with the context of the handler, which cancel ends. A stop and
// an old connection do so only when the handler has had time to end by itself, because each request to
// Pelcro that is thrown away costs the quota.
func (s *Server) serveStream(ctx context.Context, cancel context.CancelCauseFunc, service any, plain grpc.ServerStream, handler grpc.StreamHandler) error {
	wrapped := middleware.WrapServerStream(plain)
	wrapped.WrappedContext = ctx
	ending, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer context.AfterFunc(s.streamsEnd, func() { end(errStopping) })() //nolint:contextcheck // it ends ending, which is ctx's
	if rpcOf(ctx).method.operation.Name != "" {
		left := connectionOf(ctx).timeFor(time.Now())
		defer time.AfterFunc(left-endTime, func() { end(errConnectionAge) }).Stop()
		defer time.AfterFunc(left, func() { cancel(errConnectionAge) }).Stop()
	}
	own := &stream{WrappedServerStream: wrapped, server: s, requests: s.requestsOf(ctx), ending: ending}
	rpcOf(ctx).stream = own
	defer own.releaseReserved()
	return handler(service, own)
}

// RecvMsg implements [grpc.ServerStream].
func (s *stream) RecvMsg(request any) error {
	return s.requests.read(s.Context(), s.WrappedServerStream.RecvMsg, request)
}

// SendMsg implements [grpc.ServerStream]. It waits for a client that is slow to read.
func (s *stream) SendMsg(message any) error {
	ctx := s.Context()
	s.server.reportUnrecognised(ctx, message)
	reserved := s.reserved
	s.reserved = 0
	encoded, err := s.server.streamed.encode(ctx, message, reserved)
	if err != nil {
		return err
	}
	if large, ok := encoded.(encodedResponse); ok {
		s.freed = large.freed
	}
	err = s.WrappedServerStream.SendMsg(encoded)
	if isCancellation(err) || codeOf(err) == codes.Unavailable {
		<-ctx.Done() // the connection or the stream has ended, and the context is about to
		return ctx.Err()
	}
	return err
}

// AwaitMemory waits until the last message of the stream of ctx has left this process and there is memory
// for another one. A handler calls it before it asks Pelcro for what it sends next: so it asks for
// nothing while its client does not read, and does not wait with a response in memory. The error is that
// of a stream that shall end.
func AwaitMemory(ctx context.Context) error {
	s := rpcOf(ctx).stream
	if s.freed != nil {
		select {
		case <-s.freed:
		case <-s.ending.Done():
		}
	}
	if s.reserved == 0 && s.server.streamed.unsent.Acquire(s.ending, messageReservation) == nil { //nolint:contextcheck // ending is ctx's
		s.reserved = messageReservation
	}
	return s.end()
}

// Pause waits for that time. The error is that of a stream that shall end.
func Pause(ctx context.Context, d time.Duration) error {
	s := rpcOf(ctx).stream
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ending.Done():
	}
	return s.end()
}

// end returns the error of a stream that shall end, nil for any other.
func (s *stream) end() error {
	if err := s.Context().Err(); err != nil {
		return err
	}
	return context.Cause(s.ending)
}

func (s *stream) releaseReserved() {
	s.server.streamed.unsent.Release(s.reserved)
	s.reserved = 0
}

// timeFor returns how long a stream that begins now may take. gRPC closes the connection when its
// maximum age, less a tenth at most, and the time of grace have passed, and for a stream that began
// after that age not before another time of grace.
func (c *connection) timeFor(now time.Time) time.Duration {
	aged := c.began.Add(maxAge - maxAge/10)
	if aged.Before(now) {
		aged = now
	}
	return aged.Add(ageGrace - ageMargin).Sub(now)
}
