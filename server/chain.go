package server

import (
	"log/slog"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"google.golang.org/grpc"
)

// unaryChain and streamChain are the interceptors, outermost first; doc.go says
// why in this order.
func (s *Server) unaryChain(logger *slog.Logger) grpc.ServerOption {
	chain := []grpc.UnaryServerInterceptor{recordUnary}
	if s.metrics != nil {
		chain = append(chain, s.metrics.countUnary)
	}
	return grpc.ChainUnaryInterceptor(append(chain,
		logUnary(logger, healthChecks),
		logUnary(logger, everythingElse),
		s.translateUnary,
		recovery.UnaryServerInterceptor(recovery.WithRecoveryHandler(recovered)),
		s.accessUnary(),
		s.admission.admit(),
	)...)
}

func (s *Server) streamChain(logger *slog.Logger) grpc.ServerOption {
	chain := []grpc.StreamServerInterceptor{recordStream}
	if s.metrics != nil {
		chain = append(chain, s.metrics.countStream)
	}
	return grpc.ChainStreamInterceptor(append(chain,
		logStream(logger, healthChecks),
		logStream(logger, everythingElse),
		s.translateStream,
		recovery.StreamServerInterceptor(recovery.WithRecoveryHandler(recovered)),
		s.accessStream(),
	)...)
}
