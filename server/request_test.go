package server_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/emptypb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// undecodable is a request that is not a message of any method.
func undecodable() *emptypb.Empty {
	request := &emptypb.Empty{}
	request.ProtoReflect().SetUnknown([]byte("\x0a\x05x"))
	return request
}

// A request that cannot be decoded is an invalid one, with the details of any other error.
func TestUndecodableRequest(t *testing.T) {
	g := start(t, rejectAll(t))
	for _, name := range []string{"GetCustomer", "ListCustomers", "CreateCustomer", "UpdateCustomer", "DeleteCustomer"} {
		f := mustFail(t, g.method("/pelcro.v1.CustomerService/"+name), undecodable())
		f.mustBe(t, codes.InvalidArgument, pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST)
		f.mustAdvise(t, "notSent", "", 0)
		if f.metadata["operation"] != name {
			t.Errorf("%s: %v", name, f.metadata)
		}
		mustSay(t, g.log.call(t), map[string]any{"level": "INFO", "grpc.method": name, "reason": f.reason})
	}
	f := mustFail(t, g.method(healthpb.Health_Check_FullMethodName), undecodable())
	f.mustBe(t, codes.InvalidArgument, pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST)

	stream, err := g.conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, healthpb.Health_Watch_FullMethodName)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.SendMsg(undecodable()); err != nil {
		t.Fatal(err)
	}
	err = stream.RecvMsg(&emptypb.Empty{})
	f = callResult{err: err, trailer: stream.Trailer()}.failure(t)
	f.mustBe(t, codes.InvalidArgument, pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST)
}

// countingGzip is gzip that counts how often something is decompressed. The service reads a
// request and decompresses it in one step.
type countingGzip struct{}

const countingGzipName = "counting-gzip"

var decompressed atomic.Int64

func (countingGzip) Name() string { return countingGzipName }

func (countingGzip) Compress(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }

func (countingGzip) Decompress(r io.Reader) (io.Reader, error) {
	decompressed.Add(1)
	return gzip.NewReader(r)
}

func init() { encoding.RegisterCompressor(countingGzip{}) } //nolint:gochecknoinits // gRPC allows it only here

// Requests without a token are rejected unread: 64 concurrent ones of 1 KiB that decompress to
// 1 MiB, which would decode to 52 MiB, cost nothing.
func TestUnauthenticatedRequestsAreNotRead(t *testing.T) {
	g := start(t, respondingWith(succeed), func(s *setup) {
		s.server.Authorize = func(token []string, _ []*x509.Certificate, _ string) (server.Caller, error) {
			if len(token) == 0 {
				return server.Caller{}, server.ErrUnauthenticated
			}
			return server.Caller{Name: "known"}, nil
		}
	})
	const list = "/pelcro.v1.CustomerService/ListCustomers"
	const filters = 4<<3 | 2 // the tag of ListCustomersRequest.filters
	emptyFilters := &emptypb.Empty{}
	emptyFilters.ProtoReflect().SetUnknown(bytes.Repeat([]byte{filters, 0}, 524_256))
	compressor := grpc.UseCompressor(countingGzipName)
	before := decompressed.Load()
	var calls sync.WaitGroup
	for range 64 {
		calls.Go(func() {
			var trailer metadata.MD
			err := g.conn.Invoke(t.Context(), list, emptyFilters, &emptypb.Empty{}, compressor, grpc.Trailer(&trailer))
			f := callResult{err: err, trailer: trailer}.failure(t)
			f.mustBe(t, codes.Unauthenticated, pelcrov1.ErrorReason_GATEWAY_UNAUTHENTICATED)
		})
	}
	calls.Wait()
	if n := decompressed.Load() - before; n != 0 {
		t.Errorf("%d requests were read", n)
	}
	// The counter counts: a known caller's request is read.
	ctx := metadata.AppendToOutgoingContext(context.WithoutCancel(t.Context()), "authorization", "Bearer x")
	if _, err := g.customers.GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: 42}, compressor); err != nil {
		t.Error(err)
	}
	if n := decompressed.Load() - before; n == 0 {
		t.Error("the request of a known caller was not counted")
	}
}
