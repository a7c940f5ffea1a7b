package server

import (
	"context"
	"errors"
	"io"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2"
	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

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

// Marshal implements [encoding.CodecV2]. It runs after the interceptors, and so contains its own
// panics.
func (c codec) Marshal(v any) (data mem.BufferSlice, err error) {
	defer func() {
		if value := recover(); value != nil {
			c.server.logPanic(context.Background(), value)
			data, err = nil, errUnencodable
		}
	}()
	return c.CodecV2.Marshal(v)
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

// decode reads a request and decodes it.
func decode(ctx context.Context, read func(any) error, request any) error {
	var raw rawRequest
	switch err := read(&raw); {
	case errors.Is(err, io.EOF): // a stream has no more requests
		return err
	case err != nil:
		return readError{err}
	}
	defer raw.data.Free()
	if err := protobuf.Unmarshal(raw.data, request); err != nil {
		return undecodableError{err}
	}
	rpcOf(ctx).request = request
	return nil
}

// requestStream is a stream whose requests are decoded like those of unary methods.
type requestStream struct {
	*middleware.WrappedServerStream
}

// RecvMsg implements [grpc.ServerStream].
func (s requestStream) RecvMsg(request any) error { return decode(s.Context(), s.read, request) }

// read also ends with the context; gRPC itself reads until the client ends the stream.
func (s requestStream) read(request any) error {
	var raw rawRequest
	received := make(chan error, 1)
	go func() { received <- s.WrappedServerStream.RecvMsg(&raw) }() // gRPC ends it when the handler has returned
	select {
	case err := <-received:
		*request.(*rawRequest) = raw //nolint:forcetypeassert // decode's
		return err
	case <-s.Context().Done():
		return s.Context().Err()
	}
}
