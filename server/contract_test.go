package server_test

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/emptypb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

func TestRequestID(t *testing.T) {
	ours := regexp.MustCompile(`^[0-9a-f]{32}$`)
	g := startSandbox(t)
	for _, test := range []struct {
		name string
		sent []string
		kept bool
	}{
		{"none", nil, false},
		{"all that is allowed", []string{"azAZ09._-"}, true},
		{"one character", []string{"x"}, true},
		{"64 characters", []string{strings.Repeat("x", 64)}, true},
		{"65 characters", []string{strings.Repeat("x", 65)}, false},
		{"empty", []string{""}, false},
		{"whitespace", []string{"a b"}, false},
		{"slash", []string{"a/b"}, false},
		{"two", []string{"a", "b"}, false},
		{"the same twice", []string{"a", "a"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := t.Context()
			for _, id := range test.sent {
				ctx = metadata.AppendToOutgoingContext(ctx, "x-request-id", id)
			}
			for i, id := range []int64{1001, 404} {
				_, a := call(ctx, g.Customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: id})
				ids := a.trailer.Get("x-request-id")
				if len(ids) != 1 || test.kept && ids[0] != test.sent[0] || !test.kept && !ours.MatchString(ids[0]) {
					t.Errorf("customer %d: %q", id, ids)
				}
				if got := g.Log.Next(t, finished); got.Text("request_id") != ids[0] {
					t.Errorf("customer %d: sent %q, logged %v", id, ids, got)
				}
				if i == 0 && (a.err != nil || len(a.trailer.Get("x-error-reason")) > 0) {
					t.Errorf("a success with %v %v", a.err, a.trailer)
				}
				if i == 1 {
					a.failure(t)
				}
			}
		})
	}
}

func TestRequestIDsDiffer(t *testing.T) {
	g := startSandbox(t)
	seen := map[string]bool{}
	for range 100 {
		_, a := call(t.Context(), g.Customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 1001})
		seen[strings.Join(a.trailer.Get("x-request-id"), ",")] = true
	}
	if len(seen) != 100 {
		t.Errorf("%d ids", len(seen))
	}
}

func TestUnknownMethod(t *testing.T) {
	upstream := rejectAll(t)
	g := start(t, upstream)
	for _, method := range []string{
		"/pelcro.v1.CustomerService/MergeCustomers",
		"/pelcro.v1.CustomerService/getCustomer",
		"/pelcro.v1.CustomerService/",
		"/pelcro.v2.CustomerService/GetCustomer",
		"/grpc.health.v1.Health/Nothing",
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", // it is off
		"/x/y",
	} {
		t.Run(method, func(t *testing.T) {
			_, a := call(t.Context(), g.method(method), &emptypb.Empty{})
			f := a.failure(t)
			f.mustBe(t, codes.Unimplemented, pelcrov1.ErrorReason_GATEWAY_UNKNOWN_METHOD)
			f.mustAdvise(t, "notSent", "", 0)
		})
	}
	t.Run("as a stream", func(t *testing.T) {
		stream, err := g.Conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/x/y")
		if err != nil {
			t.Fatal(err)
		}
		err = stream.RecvMsg(&emptypb.Empty{})
		header, _ := stream.Header()
		f := callResult{err: err, header: header, trailer: stream.Trailer()}.failure(t)
		f.mustBe(t, codes.Unimplemented, pelcrov1.ErrorReason_GATEWAY_UNKNOWN_METHOD)
	})
}

// method returns a call of any method, like those that are generated.
func (g *gateway) method(name string) func(context.Context, *emptypb.Empty, ...grpc.CallOption) (*emptypb.Empty, error) {
	return func(ctx context.Context, req *emptypb.Empty, options ...grpc.CallOption) (*emptypb.Empty, error) {
		resp := &emptypb.Empty{}
		return resp, g.Conn.Invoke(ctx, name, req, resp, options...)
	}
}

func TestHealthOfUnknownService(t *testing.T) {
	g := startSandbox(t)
	f := mustFail(t, healthpb.NewHealthClient(g.Conn).Check, &healthpb.HealthCheckRequest{Service: "pelcro.v1.Nothing"})
	f.mustBe(t, codes.NotFound, pelcrov1.ErrorReason_GATEWAY_UNKNOWN_SERVICE)
	if f.resource != nil {
		t.Errorf("ResourceInfo %v", f.resource)
	}
}

// tripper is an upstream without a network.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func over(transport http.RoundTripper) func(*gatewaytest.Config) {
	return func(s *gatewaytest.Config) { s.Pelcro.Transport = transport }
}
