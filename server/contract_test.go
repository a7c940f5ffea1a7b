package server_test

import (
	"context"
	"errors"
	"fmt"
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
		{"blank", []string{"a b"}, false},
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
				_, a := call(ctx, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: id})
				ids := a.trailer.Get("x-request-id")
				if len(ids) != 1 || test.kept && ids[0] != test.sent[0] || !test.kept && !ours.MatchString(ids[0]) {
					t.Errorf("customer %d: %q", id, ids)
				}
				if got := g.journal.call(t); got.text("request_id") != ids[0] {
					t.Errorf("customer %d: answered %q, logged %v", id, ids, got)
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
		_, a := call(t.Context(), g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 1001})
		seen[strings.Join(a.trailer.Get("x-request-id"), ",")] = true
	}
	if len(seen) != 100 {
		t.Errorf("%d ids", len(seen))
	}
}

func TestUnknownMethod(t *testing.T) {
	upstream := untouchable(t)
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
		stream, err := g.conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/x/y")
		if err != nil {
			t.Fatal(err)
		}
		err = stream.RecvMsg(&emptypb.Empty{})
		header, _ := stream.Header()
		f := answer{err: err, header: header, trailer: stream.Trailer()}.failure(t)
		f.mustBe(t, codes.Unimplemented, pelcrov1.ErrorReason_GATEWAY_UNKNOWN_METHOD)
	})
}

// method returns a call of any method, like those that are generated.
func (g *gateway) method(name string) func(context.Context, *emptypb.Empty, ...grpc.CallOption) (*emptypb.Empty, error) {
	return func(ctx context.Context, req *emptypb.Empty, options ...grpc.CallOption) (*emptypb.Empty, error) {
		resp := &emptypb.Empty{}
		return resp, g.conn.Invoke(ctx, name, req, resp, options...)
	}
}

func TestHealthOfUnknownService(t *testing.T) {
	g := startSandbox(t)
	f := mustFail(t, healthpb.NewHealthClient(g.conn).Check, &healthpb.HealthCheckRequest{Service: "pelcro.v1.Nothing"})
	f.mustBe(t, codes.NotFound, pelcrov1.ErrorReason_GATEWAY_UNKNOWN_SERVICE)
	if f.resource != nil {
		t.Errorf("ResourceInfo %v", f.resource)
	}
}

// tripper is an upstream that never gets to the network.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func over(transport http.RoundTripper) func(*setup) {
	return func(s *setup) { s.pelcro.Transport = transport }
}

func TestPanic(t *testing.T) {
	for name, value := range map[string]any{
		"text":  "canary panic",
		"error": errors.New("canary panic"),
		"type":  struct{ Email string }{"canary panic"},
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t, answering(fine), over(tripper(func(*http.Request) (*http.Response, error) { panic(value) })))
			for _, c := range g.calls(42) {
				f := c.do(t.Context()).failure(t)
				f.mustBe(t, codes.Internal, pelcrov1.ErrorReason_GATEWAY_INTERNAL_ERROR)
				f.mustHide(t, "canary", "panic", "goroutine", ".go:")
				if c.name == "CreateCustomer" {
					f.mustAdvise(t, "unknown", "-1", 0)
				} else {
					f.mustAdvise(t, "", "", 0)
				}
				logged := g.journal.call(t)
				if logged.text("level") != "ERROR" || !strings.Contains(logged.text("cause"), "panic of type ") ||
					!strings.Contains(logged.text("cause"), "contract_test.go:") {
					t.Errorf("logged %v", logged)
				}
				if strings.Contains(fmt.Sprint(logged), "canary panic") {
					t.Errorf("the value is in the log: %v", logged)
				}
			}
		})
	}
	// A mistake in the code itself names what was wrong.
	var nobody *http.Request
	g := start(t, answering(fine), over(tripper(func(*http.Request) (*http.Response, error) { panic(nobody.Method) })))
	mustFail(t, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 42})
	if cause := g.journal.call(t).text("cause"); !strings.HasPrefix(cause, "panic: runtime error: invalid memory address") {
		t.Errorf("cause %q", cause)
	}
}

// The service goes on after a panic.
func TestAfterPanic(t *testing.T) {
	first := true
	g := start(t, answering(fine), over(tripper(func(r *http.Request) (*http.Response, error) {
		if first {
			first = false
			panic("once")
		}
		return http.DefaultTransport.RoundTrip(r)
	})))
	mustFail(t, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 42})
	mustSucceed(t, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 42})
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}
