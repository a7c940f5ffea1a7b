package server

import (
	"context"
	"errors"
	"sync/atomic"

	"google.golang.org/grpc"
)

// errOverloaded is a call beyond the limit of concurrent calls.
var errOverloaded = errors.New("too many calls in flight")

// admission lets so many calls run at once and refuses the others at once: waiting
// would fill the memory and end in timeouts. Health checks are not counted; a busy
// server is not a dead one.
type admission struct {
	limit   int64
	running atomic.Int64
}

func (a *admission) admit(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if callOf(ctx).method.isHealth() {
		return handler(ctx, req)
	}
	defer a.running.Add(-1)
	if a.running.Add(1) > a.limit {
		return nil, errOverloaded
	}
	return handler(ctx, req)
}
