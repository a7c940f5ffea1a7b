package server

import (
	"context"
	"time"

	"google.golang.org/grpc"
)

// unaryChain and streamChain are the interceptors, outermost first; doc.go says
// why in this order.
func (s *Server) unaryChain() grpc.ServerOption {
	return grpc.ChainUnaryInterceptor(s.observeUnary, s.translateUnary, s.accessUnary(), s.admission.admit)
}

func (s *Server) streamChain() grpc.ServerOption {
	return grpc.ChainStreamInterceptor(s.observeStream, s.translateStream, s.accessStream())
}

// observeUnary and observeStream count and log the call with the status that the
// caller gets.
func (s *Server) observeUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	begin := time.Now()
	c := callOf(ctx)
	c.begin()
	series := c.method.series
	series.start()
	series.receive()
	resp, err := handler(ctx, req)
	if err == nil {
		series.send()
	}
	took := time.Since(begin)
	series.finish(c, took)
	s.logCall(ctx, c, took)
	return resp, err
}

func (s *Server) observeStream(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	begin := time.Now()
	ctx := stream.Context()
	c := callOf(ctx)
	c.arrive(s.methodOf(c))
	c.begin()
	series := c.method.series
	series.start()
	err := handler(service, countedStream{stream, series})
	took := time.Since(begin)
	series.finish(c, took)
	s.logCall(ctx, c, took)
	return err
}
