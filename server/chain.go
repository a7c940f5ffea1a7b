package server

import (
	"log/slog"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"google.golang.org/grpc"
)

// unaryChain and streamChain are the interceptors, outermost first; doc.go says
// why in this order.
func (s *Server) unaryChain(logger *slog.Logger) grpc.ServerOption {
	return grpc.ChainUnaryInterceptor(
		recordUnary,
		logUnary(logger, healthChecks),
		logUnary(logger, everythingElse),
		s.translateUnary,
		admit(s.config.MaxConcurrentCalls),
		recovery.UnaryServerInterceptor(recovery.WithRecoveryHandler(recovered)),
	)
}

func (s *Server) streamChain(logger *slog.Logger) grpc.ServerOption {
	return grpc.ChainStreamInterceptor(
		recordStream,
		logStream(logger, healthChecks),
		logStream(logger, everythingElse),
		s.translateStream,
		recovery.StreamServerInterceptor(recovery.WithRecoveryHandler(recovered)),
	)
}
