package server

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // compressed requests are accepted, their responses compressed
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// The limits of the gRPC transport. grpc-go has none for most of them, because it assumes trusted
// networks.
const (
	// maxRequestBytes also holds after decompression. A customer with much metadata is a tenth of
	// it.
	maxRequestBytes = 1 << 20
	// MaxResponseBytes is the default limit of clients. A larger list is rejected here with a
	// reason, instead of there without one.
	MaxResponseBytes = 4 << 20
	// maxRequestHeaderBytes is enough for tokens and baggage.
	maxRequestHeaderBytes = 16 << 10
	// maxConnectionStreams bounds the running calls of one connection; cancelled calls count until
	// their handlers have returned, so a flood of resets stays within it.
	maxConnectionStreams = 250
	// handshakeTimeout bounds the HTTP/2 handshake of a new connection. A stop waits for unfinished
	// ones, and port scanners, or balancers that connect in advance, never begin it.
	handshakeTimeout = 5 * time.Second
	// maxIdle frees the connections of clients that have gone.
	maxIdle = 15 * time.Minute
	// maxAge makes clients reconnect, so that new replicas get their share; grpc-go spreads it by a
	// tenth.
	maxAge = 30 * time.Minute
	// ageGrace is how long calls may continue after that; longer than any call.
	ageGrace = 2 * time.Minute
	// pingAfter and pingTimeout find dead peers.
	pingAfter   = time.Minute
	pingTimeout = 10 * time.Second
	// streamWorkers are goroutines that serve one call after the other. A new goroutine for each
	// call begins with a small stack, whose growth was an eighth of the time of a call; calls
	// beyond this number get one.
	streamWorkers = 256
	// minPingInterval is the shortest interval of the pings of clients; many ping every 30 seconds.
	minPingInterval = 20 * time.Second
)

// transportOptions sets these limits.
func transportOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxRequestBytes),
		grpc.MaxSendMsgSize(MaxResponseBytes),
		grpc.MaxHeaderListSize(maxRequestHeaderBytes),
		grpc.MaxConcurrentStreams(maxConnectionStreams),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle:     maxIdle,
			MaxConnectionAge:      maxAge,
			MaxConnectionAgeGrace: ageGrace,
			Time:                  pingAfter,
			Timeout:               pingTimeout,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime:             minPingInterval,
			PermitWithoutStream: true, // so that idle clients notice a broken connection
		}),
		// Stop returns after the last handler, so that nothing outlives it.
		grpc.WaitForHandlers(true),
	}
}

// rejections is the stats.Handler that makes the state of each call, and reports the calls that
// gRPC itself rejected: too large, compressed in an unknown way, or with a malformed path.
type rejections struct{ server *Server }

// errNoMethod is a call whose path is malformed: gRPC rejects it before it tags the call.
var errNoMethod = status.Error(codes.Unimplemented, "the path is not /package.Service/Method")

// TagRPC implements [stats.Handler].
func (h rejections) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, rpcKey{}, h.server.newRPC(ctx, info.FullMethodName))
}

// HandleRPC implements [stats.Handler].
func (h rejections) HandleRPC(ctx context.Context, event stats.RPCStats) {
	r := rpcOf(ctx)
	switch event := event.(type) {
	case *stats.End:
		if !r.observed {
			h.report(ctx, r, event.EndTime.Sub(event.BeginTime), event.Error)
		}
	case *stats.OutTrailer:
		if r == nil {
			h.report(ctx, h.server.newRPC(ctx, ""), 0, errNoMethod)
		}
	}
}

// report counts a call that gRPC rejected, and logs it within the limit of such lines. The caller is
// at fault, so its level is info.
func (h rejections) report(ctx context.Context, r *rpc, took time.Duration, err error) {
	code := status.Code(err)
	h.server.metrics.reject(r, code)
	if omitted, ok := h.server.rejectedLines.allow(time.Now()); ok {
		attrs := withOmitted(r.attrs(ctx, code, took), omitted)
		r.method.logger.LogAttrs(ctx, slog.LevelInfo, "rejected call", append(attrs, slog.String("cause", causeText(err)))...)
	}
}

// TagConn implements [stats.Handler].
func (rejections) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements [stats.Handler].
func (rejections) HandleConn(context.Context, stats.ConnStats) {}

// containedStats is a stats.Handler whose panics do not end the process.
type containedStats struct {
	stats.Handler
	server *Server
}

// TagRPC implements [stats.Handler].
func (h containedStats) TagRPC(ctx context.Context, info *stats.RPCTagInfo) (tagged context.Context) {
	defer func() {
		if tagged == nil { // it panicked
			tagged = ctx
		}
	}()
	defer h.recover(ctx)
	return h.Handler.TagRPC(ctx, info)
}

// HandleRPC implements [stats.Handler].
func (h containedStats) HandleRPC(ctx context.Context, event stats.RPCStats) {
	defer h.recover(ctx)
	h.Handler.HandleRPC(ctx, event)
}

func (h containedStats) recover(ctx context.Context) {
	if value := recover(); value != nil {
		h.server.logPanic(ctx, value)
	}
}
