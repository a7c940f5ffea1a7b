package customers_test

import (
	"context"
	"net/http"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/customers"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	apiKey = "canary-api-key"
	siteID = 7
)

// gateway is a running service with a client.
type gateway struct {
	customers pelcrov1.CustomerServiceClient
	log       *testkit.Log
}

// start runs the service in front of an upstream, until the test ends, without retries and circuit
// breaker.
func start(t *testing.T, upstream http.Handler) *gateway {
	t.Helper()
	return startAt(t, siteID, upstream)
}

// startAt is start with another configured site.
func startAt(t *testing.T, siteID int32, upstream http.Handler) *gateway {
	t.Helper()
	return startWith(t, siteID, upstream, customers.Config{})
}

// startWith is startAt with a configuration of its own.
func startWith(t *testing.T, siteID int32, upstream http.Handler, config customers.Config) *gateway {
	t.Helper()
	g := gatewaytest.Start(t, testkit.Upstream(t, upstream), func(c *gatewaytest.Config) {
		c.Pelcro.APIKey, c.Pelcro.SiteID = pelcro.NewSecret(apiKey), siteID
		c.Pelcro.Retries, c.Pelcro.CircuitBreaker = 0, false
		c.Customers = config
	})
	return &gateway{g.Customers, g.Log}
}

// startSandbox runs the service in front of a sandbox.
func startSandbox(t *testing.T) *gateway {
	t.Helper()
	return start(t, sandbox.New(sandbox.Config{APIKey: apiKey, SiteID: siteID, RequestsPerMinute: 1e6}))
}

// result is the end of a call, besides the response.
type result struct {
	err     error
	trailer metadata.MD
}

// call makes a call with any of the generated methods.
func call[Req, Resp any](
	ctx context.Context, method func(context.Context, *Req, ...grpc.CallOption) (*Resp, error), req *Req,
) (*Resp, result) {
	var r result
	resp, err := method(ctx, req, grpc.Trailer(&r.trailer))
	r.err = err
	return resp, r
}

// mustSucceed makes a call that must succeed.
func mustSucceed[Req, Resp any](
	t *testing.T, method func(context.Context, *Req, ...grpc.CallOption) (*Resp, error), req *Req,
) *Resp {
	t.Helper()
	resp, r := call(t.Context(), method, req)
	if r.err != nil {
		t.Fatalf("failed: %v", r.err)
	}
	return resp
}

// mustFail makes a call that must fail.
func mustFail[Req, Resp any](
	t *testing.T, method func(context.Context, *Req, ...grpc.CallOption) (*Resp, error), req *Req,
) failure {
	t.Helper()
	_, r := call(t.Context(), method, req)
	return r.failure(t)
}

// rpc is a call of one of the RPCs with a valid request.
type rpc struct {
	name string
	do   func(context.Context) result
}

// rpcs returns a call of every RPC. Those that name a customer name this one.
func (g *gateway) rpcs(id int64) []rpc {
	return []rpc{
		{"GetCustomer", func(ctx context.Context) result {
			_, r := call(ctx, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: id})
			return r
		}},
		{"ListCustomers", func(ctx context.Context) result {
			_, r := call(ctx, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{})
			return r
		}},
		{"CreateCustomer", func(ctx context.Context) result {
			_, r := call(ctx, g.customers.CreateCustomer, newCustomer("new@example.com"))
			return r
		}},
		{"UpdateCustomer", func(ctx context.Context) result {
			_, r := call(ctx, g.customers.UpdateCustomer, &pelcrov1.UpdateCustomerRequest{
				Customer: &pelcrov1.Customer{Id: id, FirstName: new("Ada")},
			})
			return r
		}},
		{"DeleteCustomer", func(ctx context.Context) result {
			_, r := call(ctx, g.customers.DeleteCustomer, &pelcrov1.DeleteCustomerRequest{Id: id})
			return r
		}},
	}
}

func newCustomer(email string) *pelcrov1.CreateCustomerRequest {
	return &pelcrov1.CreateCustomerRequest{Customer: &pelcrov1.Customer{Email: &email}}
}

// mustEqual compares messages.
func mustEqual(t *testing.T, got, want proto.Message) {
	t.Helper()
	if !proto.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", show(got), show(want))
	}
}

func show(m proto.Message) string { return prototext.MarshalOptions{Multiline: true}.Format(m) }

func mustStruct(t *testing.T, fields map[string]any) *structpb.Struct {
	t.Helper()
	s, err := structpb.NewStruct(fields)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
