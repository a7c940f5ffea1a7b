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
	// messageRoom is what a stream takes from it for a message whose size is not known yet.
	messageRoom = 256 << 10
	// ageMargin is how long before gRPC closes an old connection its streams end, so that their clients
	// get a reason.
	ageMargin = 10 * time.Second
)

// errConnectionAge ends a stream whose connection is about to be closed.
var errConnectionAge = fmt.Errorf("the connection is too old: %w", errStopping)

// stream is a stream as its handler sees it. Its requests are read like those of unary methods, and
// its large messages count while they are in memory.
type stream struct {
	*middleware.WrappedServerStream
	server   *Server
	requests *requests
	// room is what was taken from the budget for the next message.
	room int64
	// freed is closed when the last large message is no longer in memory; nil before the first.
	freed <-chan struct{}
}

// serveStream runs the handler of a stream with the context of the handler.
func (s *Server) serveStream(ctx context.Context, service any, plain grpc.ServerStream, handler grpc.StreamHandler) error {
	wrapped := middleware.WrapServerStream(plain)
	wrapped.WrappedContext = ctx
	own := &stream{WrappedServerStream: wrapped, server: s, requests: s.requestsOf(ctx)}
	rpcOf(ctx).stream = own
	defer own.releaseRoom()
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
	reserved := s.room
	s.room = 0
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

// AwaitRoom waits until the last message of the stream of ctx has left this process and there is memory
// for another one. A handler calls it before it asks Pelcro for what it sends next, so that it neither
// asks for what nobody reads nor waits with a response in memory.
func AwaitRoom(ctx context.Context) error {
	s := rpcOf(ctx).stream
	if s.freed != nil {
		select {
		case <-s.freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if s.room > 0 {
		return nil
	}
	if err := s.server.streamed.unsent.Acquire(ctx, messageRoom); err != nil {
		return ctx.Err()
	}
	s.room = messageRoom
	return nil
}

func (s *stream) releaseRoom() {
	s.server.streamed.unsent.Release(s.room)
	s.room = 0
}

// endWithConnection calls end shortly before gRPC closes the connection of a stream because of its age,
// until stop.
func endWithConnection(ctx context.Context, end context.CancelCauseFunc) (stop func()) {
	timer := time.AfterFunc(connectionOf(ctx).timeFor(time.Now()), func() { end(errConnectionAge) })
	return func() { timer.Stop() }
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
