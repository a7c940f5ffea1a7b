package server

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// gRPC itself ends some calls before they reach the interceptors: too large,
// undecodable, gone half-way, compressed in a way that nobody knows, or of a method
// whose name is none. They would be in no log and no metric. The first three are seen
// by the handler of their method (arriving), the others by the end of a call of which
// no handler was told. A stats.Handler would see most of them at once, but has grpc-go
// make events and copies of headers for every call.

const (
	// arrivalTime is how long after its end a call may still arrive: its goroutine may
	// not have run yet. One that arrives even later is told of twice.
	arrivalTime = time.Second
	// maxAwaited is how many calls are awaited at once. In a flood of resets the others
	// are not: they would fill the memory.
	maxAwaited = 1000
)

// What is left when a call ended without having arrived.
var (
	errCompressed = status.Error(codes.Unimplemented, "compressed in a way that is not supported (grpc-encoding)")
	errNoMethod   = status.Error(codes.Unimplemented, "the path is no /package.Service/Method")
)

// tap makes the record of a call as soon as gRPC has its headers. It runs in the
// goroutine that reads the connection, so it does nothing else.
func (s *Server) tap(ctx context.Context, info *tap.Info) (context.Context, error) {
	c := newCall(ctx, info)
	c.unhook = context.AfterFunc(ctx, func() {
		// A deadline that has passed on arrival is the caller's affair.
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			s.await(ctx, c)
		}
	})
	return c, nil
}

// await tells of a call that has ended, unless it still arrives.
func (s *Server) await(ctx context.Context, c *call) {
	if s.awaited.Add(1) > maxAwaited {
		s.awaited.Add(-1)
		return
	}
	took := time.Since(c.opened)
	time.AfterFunc(arrivalTime, func() {
		s.awaited.Add(-1)
		if c.arrived.Load() || s.phase.Load() == stopping {
			return
		}
		err := errCompressed
		if path, isPath := strings.CutPrefix(c.fullMethod, "/"); !isPath || !strings.Contains(path, "/") {
			err = errNoMethod
		}
		s.refused(ctx, c, took, err)
	})
}

// refused counts and logs a call that gRPC ended. That is the caller's affair, so it
// is no error here.
func (s *Server) refused(ctx context.Context, c *call, took time.Duration, err error) {
	m := s.methodOf(c)
	code := status.Code(err)
	m.series.refuse(code)
	if !m.lines.Enabled(ctx, slog.LevelInfo) {
		return
	}
	attrs := c.describeTo(ctx, nil, code, took)
	if id := traceID(ctx, c); id != "" {
		attrs = append(attrs, slog.String("trace_id", id))
	}
	// The caller was told none, but may have sent its own.
	if id := c.ownRequestID(); id != "" {
		attrs = append(attrs, slog.String("request_id", id))
	}
	m.log(ctx, slog.LevelInfo, "refused call", append(attrs, slog.String("cause", causeText(err))))
}

// refusals are the codes with which gRPC itself refuses calls.
var refusals = []codes.Code{codes.ResourceExhausted, codes.Internal, codes.Unimplemented}

// ownRequestID returns the request id that the caller sent, empty if there is none
// that is acceptable: it goes into logs and trailers as it is.
func (c *call) ownRequestID() string {
	if ids := c.header[mapping.TrailerRequestID]; len(ids) == 1 && acceptableID.MatchString(ids[0]) {
		return ids[0]
	}
	return ""
}
