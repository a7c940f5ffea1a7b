package server

import (
	"time"

	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // clients that compress are understood, and answered in kind
	"google.golang.org/grpc/keepalive"
)

// The limits of the gRPC transport. grpc-go has none for most of them, which is
// for trusted networks.
const (
	// maxRequestBytes is checked after decompression, so a compressed bomb meets it,
	// too. A customer with much metadata is a tenth of it.
	maxRequestBytes = 1 << 20
	// MaxResponseBytes is what clients accept unless told otherwise. A larger list
	// is refused here with a reason, instead of there without one.
	MaxResponseBytes = 4 << 20
	// maxRequestHeaderBytes is enough for tokens and baggage, and bounds what a
	// header bomb costs.
	maxRequestHeaderBytes = 16 << 10
	// maxConnectionStreams bounds what one connection can have running; cancelled
	// calls count until their handlers are back, so a flood of resets does not get
	// past it.
	maxConnectionStreams = 250
	// handshakeTimeout is how long a new connection may take to become one of
	// HTTP/2. A stop waits for those that are under way, and a port scanner, or a
	// balancer that connects in advance, never says a word.
	handshakeTimeout = 5 * time.Second
	// maxIdle frees the connections of clients that have gone.
	maxIdle = 15 * time.Minute
	// maxAge makes clients come back, so that new replicas get their share; grpc-go
	// spreads it by a tenth.
	maxAge = 30 * time.Minute
	// ageGrace is how long calls may go on after that; longer than any call.
	ageGrace = 2 * time.Minute
	// pingAfter and pingTimeout find peers that went without a word.
	pingAfter   = time.Minute
	pingTimeout = 10 * time.Second
	// streamWorkers are goroutines that serve one call after the other. A new one for
	// each call begins with a small stack, whose growth was an eighth of the time of a
	// call; those beyond this many still get one.
	streamWorkers = 256
	// minPingInterval is what clients may ping at; many ping every 30 seconds.
	minPingInterval = 20 * time.Second
)

// transportOptions are these limits.
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
			PermitWithoutStream: true, // so that idle clients notice a broken path
		}),
		// Stop returns when the last handler has, so that nothing outlives it.
		grpc.WaitForHandlers(true),
	}
}
