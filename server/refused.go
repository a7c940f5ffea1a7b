package server

import (
	"context"
	"log/slog"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// arrivals sees the calls that gRPC itself ends before they reach the interceptors:
// too large, undecodable, compressed in a way that nobody knows, or gone half-way.
// They have no record, and would otherwise be in no log and no metric.
type arrivals struct{ server *Server }

// arrival is the context of a call; it knows whether the call reached the
// interceptors. Being the context itself makes it the one thing that is allocated.
type arrival struct {
	context.Context //nolint:containedctx // it is one
	arrived         bool
}

type arrivalKey struct{}

func (a *arrival) Value(key any) any {
	if key == (arrivalKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// arrived notes that the call reached the interceptors, whose affair it is from now
// on.
func arrived(ctx context.Context) {
	if a, ok := ctx.Value(arrivalKey{}).(*arrival); ok {
		a.arrived = true
	}
}

// TagRPC implements [stats.Handler], as do the others.
func (arrivals) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return &arrival{Context: ctx}
}

func (h arrivals) HandleRPC(ctx context.Context, event stats.RPCStats) {
	end, ok := event.(*stats.End)
	if !ok || end.Error == nil {
		return
	}
	if a, ok := ctx.Value(arrivalKey{}).(*arrival); !ok || a.arrived {
		return
	}
	h.server.refused(ctx, end)
}

func (arrivals) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (arrivals) HandleConn(context.Context, stats.ConnStats) {}

// refused counts and logs a call that gRPC ended. That is the caller's affair, so it
// is no error here.
func (s *Server) refused(ctx context.Context, end *stats.End) {
	fullMethod, _ := grpc.Method(ctx)
	code := status.Code(end.Error)
	if s.metrics != nil {
		s.metrics.countRefused(s.methods[fullMethod], code)
	}
	logger := s.config.Logger
	if !logger.Enabled(ctx, slog.LevelInfo) {
		return
	}
	var room [16]slog.Attr
	attrs := s.describeCall(ctx, room[:0], fullMethod, code, end.EndTime.Sub(end.BeginTime))
	// The caller was told none, but may have sent its own.
	if ids := metadata.ValueFromIncomingContext(ctx, mapping.TrailerRequestID); len(ids) == 1 && acceptableID.MatchString(ids[0]) {
		attrs = append(attrs, slog.String("request_id", ids[0]))
	}
	logger.LogAttrs(ctx, slog.LevelInfo, "refused call", append(attrs, slog.String("cause", causeText(end.Error)))...)
}

// refusals are the codes with which gRPC itself refuses calls.
var refusals = []codes.Code{codes.ResourceExhausted, codes.Internal, codes.Unimplemented}
