package server

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
)

// Health is open to everyone, and reflection may be. So their calls and streams, those of Watch
// included, have limits of their own, in all and for each connection: they take nothing from the
// calls of resources.
const (
	// Each client connection that checks health occupies one (package client).
	maxBuiltinCalls           = 1000
	maxConnectionBuiltinCalls = 10
)

// ErrOverloaded is a call beyond a limit of concurrent calls, or of the memory for them.
var ErrOverloaded = errors.New("too many concurrent calls")

// admitUnary and admitStream limit the concurrent calls and reject others immediately: waiting would
// fill the memory and end in timeouts.
func (s *Server) admitUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	release, err := s.admit(ctx)
	defer release()
	if err != nil {
		return nil, err
	}
	return handler(ctx, req)
}

func (s *Server) admitStream(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	release, err := s.admit(stream.Context())
	defer release()
	if err != nil {
		return err
	}
	return handler(service, stream)
}

// admit counts a call until release. Calls of unknown methods end immediately and are not counted.
func (s *Server) admit(ctx context.Context) (release func(), err error) {
	switch r := rpcOf(ctx); {
	case r.method == s.unknown:
		return func() {}, nil
	case r.method.operation.Name != "":
		return occupy(slots{&s.callsInFlight, int64(s.config.MaxConcurrentCalls)})
	}
	return occupy(slots{&s.builtinCalls, maxBuiltinCalls}, slots{&connectionOf(ctx).builtinCalls, maxConnectionBuiltinCalls})
}

// slots are those that calls occupy, and how many there are.
type slots struct {
	occupied *atomic.Int64
	limit    int64
}

// occupy occupies a slot of each kind until release, or returns ErrOverloaded. release is never nil.
func occupy(kinds ...slots) (release func(), err error) {
	for _, kind := range kinds {
		if kind.occupied.Add(1) > kind.limit {
			err = ErrOverloaded
		}
	}
	return func() {
		for _, kind := range kinds {
			kind.occupied.Add(-1)
		}
	}, err
}

// connection is the state of a connection.
type connection struct {
	began        time.Time
	builtinCalls atomic.Int64 // calls and streams of health and reflection
	turns        *turns
}

type connectionKey struct{}

func newConnection() *connection {
	return &connection{began: time.Now(), turns: newTurns(maxConnectionReading)}
}

func withConnection(ctx context.Context) context.Context {
	return context.WithValue(ctx, connectionKey{}, newConnection())
}

func connectionOf(ctx context.Context) *connection {
	c, ok := ctx.Value(connectionKey{}).(*connection)
	if !ok { // outside of a connection
		return newConnection()
	}
	return c
}
