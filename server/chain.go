package server

import (
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"google.golang.org/grpc"
)

// unaryChain and streamChain are the interceptors, outermost first; doc.go says
// why in this order.
func (s *Server) unaryChain() grpc.ServerOption {
	chain := []grpc.UnaryServerInterceptor{recordUnary}
	if s.metrics != nil {
		chain = append(chain, s.metrics.countUnary)
	}
	return grpc.ChainUnaryInterceptor(append(chain,
		s.logUnary,
		s.translateUnary,
		recovery.UnaryServerInterceptor(recovery.WithRecoveryHandler(recovered)),
		s.accessUnary(),
		s.admission.admit(),
	)...)
}

func (s *Server) streamChain() grpc.ServerOption {
	chain := []grpc.StreamServerInterceptor{recordStream}
	if s.metrics != nil {
		chain = append(chain, s.metrics.countStream)
	}
	return grpc.ChainStreamInterceptor(append(chain,
		s.logStream,
		s.translateStream,
		recovery.StreamServerInterceptor(recovery.WithRecoveryHandler(recovered)),
		s.accessStream(),
	)...)
}
