package server

import (
	"time"

	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // compressed requests are accepted, their responses compressed
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/keepalive"
)

// The limits of the gRPC transport. grpc-go has none for most of them, because it assumes trusted
// networks.
const (
	// maxRequestBytes also holds after decompression. A customer with much metadata is less than
	// half of it. What decoding costs is bounded by maxRequestFields, too.
	maxRequestBytes = 256 << 10
	// MaxResponseBytes is the default limit of clients. A larger list is rejected here with a
	// reason, instead of there without one.
	MaxResponseBytes = 4 << 20
	// streamWindow is how much of a request is received before its call reads it: the least that
	// HTTP/2 clients expect. By default it would grow to 16 MiB.
	streamWindow = 64 << 10
	// connectionWindow is how much clients may send on a connection ahead of the acknowledgement.
	connectionWindow = 1 << 20
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
		grpc.StaticStreamWindowSize(streamWindow),
		grpc.StaticConnWindowSize(connectionWindow),
		experimental.BufferPool(requestBuffers),
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
