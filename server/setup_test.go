package server_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/customers"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What the service under test is configured with.
const (
	apiKey    = "canary-api-key"
	siteID    = 7
	userAgent = "pelcro-grpc/test"
)

// testTimeout bounds a wait for an event that must happen.
const testTimeout = 10 * time.Second

// setup is what can be changed before a start.
type setup struct {
	server server.Config
	pelcro pelcro.Config
	dial   []grpc.DialOption
	// services changes the services unless it is nil.
	services func([]server.Service)
}

// gateway is a running service with a client.
type gateway struct {
	customers pelcrov1.CustomerServiceClient
	conn      *grpc.ClientConn
	log       *logBuffer
	address   string
	// stop ends the service and returns what Serve returned.
	stop func() error
}

// start runs the service in front of an upstream, until the test ends.
func start(t *testing.T, upstream http.Handler, options ...func(*setup)) *gateway {
	t.Helper()
	web := httptest.NewServer(upstream)
	t.Cleanup(web.Close)
	return startAt(t, web.URL, options...)
}

// startSandbox runs the service in front of a sandbox.
func startSandbox(t *testing.T, options ...func(*setup)) *gateway {
	t.Helper()
	return start(t, newSandbox(), options...)
}

func newSandbox() http.Handler {
	return sandbox.New(sandbox.Config{APIKey: apiKey, SiteID: siteID, RequestsPerMinute: 1e6})
}

// startAt runs the service in front of the upstream at the address.
func startAt(t *testing.T, upstream string, options ...func(*setup)) *gateway {
	t.Helper()
	base, err := url.Parse(upstream + sandbox.BasePath)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{log: &logBuffer{lines: make(chan string, 10000)}}
	s := setup{
		server: server.Config{
			Logger: slog.New(slog.NewJSONHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		},
		pelcro: pelcro.Config{BaseURL: base, APIKey: pelcro.NewSecret(apiKey), SiteID: siteID, UserAgent: userAgent, Timeout: testTimeout},
		dial: []grpc.DialOption{
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithMaxHeaderListSize(8192), // as Java has it, and grpc-go will
		},
	}
	for _, option := range options {
		option(&s)
	}
	client := pelcro.New(s.pelcro)
	s.server.Upstream = customers.Upstream(client)
	s.server.Services = []server.Service{customers.Service(client, customers.Config{})}
	if s.services != nil {
		s.services(s.server.Services)
	}
	listener := listen(t)
	g.address = listener.Addr().String()

	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	service := server.New(s.server)
	go func() { served <- service.Serve(ctx, listener) }()
	wait := sync.OnceValue(func() error { return <-served })
	g.stop = func() error {
		cancel()
		return wait()
	}
	g.conn = dial(t, g.address, s.dial...)
	g.customers = pelcrov1.NewCustomerServiceClient(g.conn)
	t.Cleanup(func() {
		g.conn.Close()
		if err := g.stop(); err != nil {
			t.Errorf("Serve returned %v", err)
		}
		client.Close()
	})
	return g
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

func dial(t *testing.T, address string, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+address, options...)
	if err != nil {
		t.Fatal(err)
	}
	return conn
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

// mustSucceed makes a call that must succeed.
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
			_, a := call(ctx, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: id})
			return a
		}},
		{"ListCustomers", func(ctx context.Context) callResult {
			_, a := call(ctx, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{})
			return a
		}},
		{"CreateCustomer", func(ctx context.Context) callResult {
			_, a := call(ctx, g.customers.CreateCustomer, newCustomer("new@example.com"))
			return a
		}},
		{"UpdateCustomer", func(ctx context.Context) callResult {
			_, a := call(ctx, g.customers.UpdateCustomer, &pelcrov1.UpdateCustomerRequest{
				Customer: &pelcrov1.Customer{Id: id, FirstName: new("Ada")},
			})
			return a
		}},
		{"DeleteCustomer", func(ctx context.Context) callResult {
			_, a := call(ctx, g.customers.DeleteCustomer, &pelcrov1.DeleteCustomerRequest{Id: id})
			return a
		}},
	}
}

func newCustomer(email string) *pelcrov1.CreateCustomerRequest {
	return &pelcrov1.CreateCustomerRequest{Customer: &pelcrov1.Customer{Email: &email}}
}

func show(m proto.Message) string { return prototext.MarshalOptions{Multiline: true}.Format(m) }
