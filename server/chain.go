package server

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
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
//   - decode reads and decodes the request for the handler.
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
	readTimeout time.Duration
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
			return generated(service, ctx, func(request any) error {
				return decode(ctx, func(raw *rawRequest) error { return readWithin(ctx, r.readTimeout, read, raw) }, request)
			}, nil)
		})
	}
}

// rawRequest is a request as bytes.
type rawRequest struct{ data mem.BufferSlice }

// codec is the codec of the server. It leaves requests as bytes, for decode.
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

// decode reads a request and decodes it, unless it has too many fields.
func decode(ctx context.Context, read func(*rawRequest) error, request any) error {
	var raw rawRequest
	switch err := read(&raw); {
	case errors.Is(err, io.EOF), errors.Is(err, errRequestIncomplete): // a stream has no more requests, or this one is late
		return err
	case err != nil:
		return readError{err}
	}
	encoded := raw.data.MaterializeToBuffer(mem.DefaultBufferPool())
	raw.data.Free()
	defer encoded.Free()
	if message, ok := request.(proto.Message); ok {
		if err := checkFields(message.ProtoReflect().Descriptor(), encoded.ReadOnlyData()); err != nil {
			return err
		}
	}
	if err := protobuf.Unmarshal(mem.BufferSlice{encoded}, request); err != nil {
		return undecodableError{err}
	}
	r := rpcOf(ctx)
	r.request = request
	return r.checkSite(request)
}

// readTimeout is how long after its headers a request, of a stream the first one, may take to arrive.
// Until then it takes memory, whoever sends it.
const readTimeout = 10 * time.Second

var errRequestIncomplete = errors.New("the request did not arrive in time")

// readWithin reads a request with read, but ends with ctx and, unless the timeout is 0, with the time
// since the headers. gRPC ends the reading when the call has ended.
func readWithin(ctx context.Context, timeout time.Duration, read func(any) error, request *rawRequest) error {
	var late <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(time.Until(rpcOf(ctx).began.Add(timeout)))
		defer timer.Stop()
		late = timer.C
	}
	var raw rawRequest
	received := make(chan error, 1)
	go func() { received <- read(&raw) }()
	select {
	case err := <-received:
		*request = raw
		return err
	case <-late:
		return errRequestIncomplete
	case <-ctx.Done():
	}
	if cause := context.Cause(ctx); errors.Is(cause, errStopping) || errors.Is(cause, errCallerDeadline) {
		return ctx.Err()
	}
	// The stream has ended: by the caller, or by gRPC itself, which then has an error of its own.
	err := <-received
	*request = raw
	return err
}

// requestStream is a stream whose requests are decoded like those of unary methods.
type requestStream struct {
	*middleware.WrappedServerStream
	readTimeout time.Duration
}

// RecvMsg implements [grpc.ServerStream].
func (s *requestStream) RecvMsg(request any) error {
	return decode(s.Context(), s.read, request)
}

// read limits the time of the first request: between others a client may do nothing.
func (s *requestStream) read(request *rawRequest) error {
	timeout := s.readTimeout
	s.readTimeout = 0
	return readWithin(s.Context(), timeout, s.WrappedServerStream.RecvMsg, request)
}

// maxRequestFields limits the fields of a request, nested ones and elements of lists included. An
// empty message takes two bytes in a request and a hundred in memory, so the size alone does not
// bound what decoding costs.
const maxRequestFields = 20_000

var errTooManyFields = errors.New("the request has more than 20,000 fields")

// checkFields returns errTooManyFields if the encoded message has more than maxRequestFields. Bytes
// that are not a message of the type are left to the decoder.
func checkFields(message protoreflect.MessageDescriptor, encoded []byte) error {
	if countFields(message, encoded, maxRequestFields) > maxRequestFields {
		return errTooManyFields
	}
	return nil
}

// countFields counts the fields of an encoded message, at most to one more than the limit.
func countFields(message protoreflect.MessageDescriptor, encoded []byte, limit int) (count int) {
	for len(encoded) > 0 && count <= limit {
		number, kind, n := protowire.ConsumeTag(encoded)
		if n < 0 {
			return count
		}
		value := protowire.ConsumeFieldValue(number, kind, encoded[n:])
		if value < 0 {
			return count
		}
		count++
		field := message.Fields().ByNumber(number)
		if kind == protowire.BytesType && field != nil {
			content, _ := protowire.ConsumeBytes(encoded[n:])
			switch {
			case field.Message() != nil:
				count += countFields(field.Message(), content, limit-count)
			case field.IsList() && field.Kind() != protoreflect.StringKind && field.Kind() != protoreflect.BytesKind:
				count += len(content) // packed: at most one element for each byte
			}
		}
		encoded = encoded[n+value:]
	}
	return count
}
