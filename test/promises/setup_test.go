package promises_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/customers"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		removeProgram()
		os.Exit(code)
	}))
}

// soaking means that the tests run with their full numbers.
var soaking = os.Getenv("PELCRO_GRPC_SOAK") != ""

// scaled returns the full number when soaking, and the small one otherwise.
func scaled[N any](full, small N) N {
	if soaking {
		return full
	}
	return small
}

// parallelUnlessSoaking runs a test that mostly waits in parallel with others, except
// with the full numbers, which are for one test alone.
func parallelUnlessSoaking(t *testing.T) {
	t.Helper()
	if !soaking {
		t.Parallel()
	}
}

// testTimeout is how long a test waits for an event.
const testTimeout = 30 * time.Second

// gateway is a running service.
type gateway struct {
	address   string
	conn      *grpc.ClientConn
	customers pelcrov1.CustomerServiceClient
	// stop stops the service and returns what Serve returned.
	stop func() error
}

// config is what a test may change before the service starts.
type config struct {
	pelcro pelcro.Config
	server server.Config
	dial   []grpc.DialOption
}

// start runs the service with the settings of production in front of the upstream,
// whose address has no path, until the test ends.
func start(tb testing.TB, upstream string, options ...func(*config)) *gateway {
	tb.Helper()
	base, err := pelcro.ParseBaseURL(upstream + sandbox.BasePath)
	if err != nil {
		tb.Fatal(err)
	}
	c := config{
		pelcro: pelcro.Config{
			BaseURL:        base,
			APIKey:         pelcro.NewSecret(sandbox.DefaultAPIKey),
			SiteID:         sandbox.DefaultSiteID,
			UserAgent:      "pelcro-grpc/test",
			Retries:        2,
			CircuitBreaker: true,
		},
		server: server.Config{Logger: slog.New(slog.DiscardHandler)},
		dial: []grpc.DialOption{
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithMaxHeaderListSize(8192), // the default of Java, and the coming one of grpc-go
		},
	}
	for _, option := range options {
		option(&c)
	}
	client := pelcro.New(c.pelcro)
	c.server.Upstream = customers.Upstream(client)
	c.server.Services = []server.Service{customers.Service(client, customers.Config{})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	service := server.New(c.server) // not in the goroutine: a test may count the goroutines that New starts
	go func() { served <- service.Serve(ctx, listener) }()
	g := &gateway{address: listener.Addr().String()}
	stopped := false
	g.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-served
	}
	g.conn = g.dial(tb, c.dial...)
	g.customers = pelcrov1.NewCustomerServiceClient(g.conn)
	tb.Cleanup(func() {
		if err := g.stop(); err != nil {
			tb.Errorf("Serve returned %v", err)
		}
		client.Close()
	})
	return g
}

// dial opens another connection to the service, until the test ends.
func (g *gateway) dial(tb testing.TB, options ...grpc.DialOption) *grpc.ClientConn {
	tb.Helper()
	conn, err := grpc.NewClient("passthrough:///"+g.address, options...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return conn
}

// reasonOf returns the reason of an error, empty if there is none.
func reasonOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}
