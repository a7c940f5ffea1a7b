package server

import (
	"context"
	"slices"

	"google.golang.org/grpc"
)

// The interceptors run around reading and decoding a request, so that the request of a caller
// without permission is never read, and a request that cannot be decoded gets a status like any
// other failure. From the outside in:
//
//   - contain turns a panic of the others into a status, and logs it;
//   - the metrics and the log see the status that the caller gets;
//   - translate turns errors into statuses, and ends calls that must end;
//   - recovery turns a panic of the rest into an error;
//   - access lets through callers with permission;
//   - admission limits the concurrent calls;
//   - decode (request.go) reads and decodes the request for the handler.
func (s *Server) interceptors() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(s.containUnary, s.metrics.unary, s.observeUnary, s.translateUnary, recoverUnary, s.accessUnary(), s.admission.admit),
		grpc.ChainStreamInterceptor(s.containStream, s.metrics.stream, s.observeStream, s.translateStream, recoverStream, s.accessStream()),
	}
}

// registrar registers services whose unary methods run the interceptors before they read the
// request. A stream reads its requests in its handler, within the interceptors.
type registrar struct{ *grpc.Server }

// RegisterService implements [grpc.ServiceRegistrar].
func (r registrar) RegisterService(desc *grpc.ServiceDesc, handler any) {
	around := *desc
	around.Methods = slices.Clone(desc.Methods)
	for i, m := range desc.Methods {
		around.Methods[i].Handler = aroundDecoding("/"+desc.ServiceName+"/"+m.MethodName, m.Handler)
	}
	r.Server.RegisterService(&around, handler)
}

// aroundDecoding returns the generated handler with the interceptors around it instead of between
// its decoding and the service. They get no request: it is not read yet.
func aroundDecoding(fullMethod string, generated grpc.MethodHandler) grpc.MethodHandler {
	return func(service any, ctx context.Context, read func(any) error, interceptors grpc.UnaryServerInterceptor) (any, error) {
		info := &grpc.UnaryServerInfo{Server: service, FullMethod: fullMethod}
		return interceptors(ctx, nil, info, func(ctx context.Context, _ any) (any, error) {
			return generated(service, ctx, func(request any) error { return decode(ctx, read, request) }, nil)
		})
	}
}
