package server

import (
	"context"
	"errors"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
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
//   - admit limits the concurrent calls and streams;
//   - requests reads and decodes the request for the handler.
func (s *Server) interceptors() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(s.containUnary, s.metrics.unary, s.observeUnary, s.translateUnary, recoverUnary, s.accessUnary(), s.admitUnary),
		grpc.ChainStreamInterceptor(s.containStream, s.metrics.stream, s.observeStream, s.translateStream, recoverStream, s.accessStream(), s.admitStream),
	}
}

// registrar registers services whose unary methods run the interceptors before they read the
// request. A stream reads its requests in its handler, within the interceptors.
type registrar struct {
	*grpc.Server
	server *Server
}

// RegisterService implements [grpc.ServiceRegistrar].
func (r registrar) RegisterService(desc *grpc.ServiceDesc, handler any) {
	around := *desc
	around.Methods = slices.Clone(desc.Methods)
	for i, m := range desc.Methods {
		around.Methods[i].Handler = r.aroundDecoding("/"+desc.ServiceName+"/"+m.MethodName, m.Handler)
	}
	r.Server.RegisterService(&around, handler)
}

// aroundDecoding returns the generated handler with the interceptors around it instead of between
// its decoding and the service. They get no request: it is not read yet.
func (r registrar) aroundDecoding(fullMethod string, generated grpc.MethodHandler) grpc.MethodHandler {
	return func(service any, ctx context.Context, read func(any) error, interceptors grpc.UnaryServerInterceptor) (any, error) {
		info := &grpc.UnaryServerInfo{Server: service, FullMethod: fullMethod}
		return interceptors(ctx, nil, info, func(ctx context.Context, _ any) (any, error) {
			response, err := generated(service, ctx, func(request any) error {
				return r.server.requestsOf(ctx).read(ctx, read, request)
			}, nil)
			if err != nil {
				return nil, err
			}
			return r.server.responses.encode(ctx, response, 0)
		})
	}
}

// rawRequest is a request as bytes, for [requests].
type rawRequest struct{ data mem.BufferSlice }

// codec is the codec of the server. It leaves requests as bytes.
type codec struct {
	encoding.CodecV2
	server *Server
}

var protobuf = encoding.GetCodecV2(protocodec.Name)

// Unmarshal implements [encoding.CodecV2].
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	raw, ok := v.(*rawRequest)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	data.Ref()
	raw.data = data
	return nil
}

// Marshal implements [encoding.CodecV2]. It runs after the interceptors.
func (c codec) Marshal(v any) (data mem.BufferSlice, err error) {
	if encoded, ok := v.(encodedResponse); ok {
		return mem.BufferSlice{encoded.data}, nil
	}
	err = errUnencodable
	c.server.guarded(context.Background(), func() { data, err = c.CodecV2.Marshal(v) })
	return data, err
}

var errUnencodable = errors.New("the response cannot be encoded")

// readError is a request that gRPC could not read.
type readError struct{ error }

func (e readError) Unwrap() error { return e.error }

// isRejectedByTransport reports whether gRPC has already sent its own status, because it could not
// read the request. A caller that is gone is not rejected.
func isRejectedByTransport(err error) bool {
	return is[readError](err) && !isCancellation(err)
}

// undecodableError is a request that is not a message of the method.
type undecodableError struct{ error }
