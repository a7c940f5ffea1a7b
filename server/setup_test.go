package server_test

import (
	"context"
	"net/http"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

func TestMain(m *testing.M) {
	testkit.WaitInParallel()
	goleak.VerifyTestMain(m)
}

// What the service under test is configured with.
const (
	apiKey = "canary-api-key"
	siteID = 7
)

// finished is the message of the line of a call.
const finished = "finished call"

// gateway is a running service with a client.
type gateway struct{ *gatewaytest.Gateway }

// start runs the service in front of an upstream, until the test ends.
func start(t *testing.T, upstream http.Handler, options ...func(*gatewaytest.Config)) *gateway {
	t.Helper()
	return startAt(t, testkit.Upstream(t, upstream), options...)
}

// startSandbox runs the service in front of a sandbox.
func startSandbox(t *testing.T, options ...func(*gatewaytest.Config)) *gateway {
	t.Helper()
	return start(t, newSandbox(), options...)
}

func newSandbox() http.Handler {
	return sandbox.New(sandbox.Config{APIKey: apiKey, SiteID: siteID, RequestsPerMinute: 1e6})
}

// startAt runs the service in front of the upstream at the address, without retries and circuit
// breaker: these tests are about single attempts.
func startAt(t *testing.T, upstream string, options ...func(*gatewaytest.Config)) *gateway {
	t.Helper()
	single := func(c *gatewaytest.Config) {
		c.Pelcro.APIKey, c.Pelcro.SiteID = pelcro.NewSecret(apiKey), siteID
		c.Pelcro.Retries, c.Pelcro.CircuitBreaker, c.Pelcro.Timeout = 0, false, testkit.Timeout
	}
	return &gateway{gatewaytest.Start(t, upstream, append([]func(*gatewaytest.Config){single}, options...)...)}
}

// callResult is what a client sees of a call besides the response.
type callResult struct {
	err             error
	header, trailer metadata.MD
}

// call makes a call with any of the generated methods.
func call[Req, Resp any](
	ctx context.Context, method func(context.Context, *Req, ...grpc.CallOption) (*Resp, error), req *Req,
) (*Resp, callResult) {
	var a callResult
	resp, err := method(ctx, req, grpc.Header(&a.header), grpc.Trailer(&a.trailer))
	a.err = err
	return resp, a
}

// mustSucceed makes a call that must testkit.Succeed.
func mustSucceed[Req, Resp any](
	t *testing.T, method func(context.Context, *Req, ...grpc.CallOption) (*Resp, error), req *Req,
) *Resp {
	t.Helper()
	resp, a := call(t.Context(), method, req)
	if a.err != nil {
		t.Fatalf("failed: %v", a.err)
	}
	return resp
}

// mustFail makes a call that must fail, in the way that every failure must.
func mustFail[Req, Resp any](
	t *testing.T, method func(context.Context, *Req, ...grpc.CallOption) (*Resp, error), req *Req,
) failure {
	t.Helper()
	_, a := call(t.Context(), method, req)
	return a.failure(t)
}

// named is a call of one of the RPCs with a request that is valid.
type named struct {
	name string
	do   func(context.Context) callResult
}

// calls returns a call of every RPC. Those that name a customer name this one.
func (g *gateway) calls(id int64) []named {
	return []named{
		{"GetCustomer", func(ctx context.Context) callResult {
			_, a := call(ctx, g.Customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: id})
			return a
		}},
		{"ListCustomers", func(ctx context.Context) callResult {
			_, a := call(ctx, g.Customers.ListCustomers, &pelcrov1.ListCustomersRequest{})
			return a
		}},
		{"CreateCustomer", func(ctx context.Context) callResult {
			_, a := call(ctx, g.Customers.CreateCustomer, newCustomer("new@example.com"))
			return a
		}},
		{"UpdateCustomer", func(ctx context.Context) callResult {
			_, a := call(ctx, g.Customers.UpdateCustomer, &pelcrov1.UpdateCustomerRequest{
				Customer: &pelcrov1.Customer{Id: id, FirstName: new("Ada")},
			})
			return a
		}},
		{"DeleteCustomer", func(ctx context.Context) callResult {
			_, a := call(ctx, g.Customers.DeleteCustomer, &pelcrov1.DeleteCustomerRequest{Id: id})
			return a
		}},
	}
}

func newCustomer(email string) *pelcrov1.CreateCustomerRequest {
	return &pelcrov1.CreateCustomerRequest{Customer: &pelcrov1.Customer{Email: &email}}
}

func show(m proto.Message) string { return prototext.MarshalOptions{Multiline: true}.Format(m) }
