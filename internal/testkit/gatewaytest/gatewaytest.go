// Package gatewaytest runs the service within the process of a test, with a client.
package gatewaytest

import (
	"context"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/customers"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// Config is what a test may change before the service starts.
type Config struct {
	Pelcro    pelcro.Config
	Server    server.Config
	Customers customers.Config
	// Listener replaces a loopback port unless it is nil: with one in memory, a test can run on
	// testing/synctest's clock. Dial then has to connect to it.
	Listener net.Listener
	// Dial are the options of the client's connection.
	Dial []grpc.DialOption
	// Services changes the services of Server unless it is nil.
	Services func([]server.Service)
}

// Gateway is a running service with a client.
type Gateway struct {
	Customers pelcrov1.CustomerServiceClient
	Conn      *grpc.ClientConn
	Address   string
	// Log is what the service logs, at debug and in JSON.
	Log *testkit.Log
	// Stop ends the service and returns what Serve returned.
	Stop func() error
}

// UserAgent is what the service calls itself.
const UserAgent = "pelcro-grpc/test"

// collectRarely sets the garbage collector as the program does.
var collectRarely = sync.OnceFunc(func() { debug.SetGCPercent(400) })

// PlainText are the options of a connection to a service without TLS. It receives headers of the
// size that Java's default allows, and the next default of grpc-go.
func PlainText() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithMaxHeaderListSize(8192)}
}

// Start runs the service in front of an upstream until the test ends. The URL has no path. Without
// options the service has the settings of production and the key and the site of the sandbox.
func Start(tb testing.TB, url string, options ...func(*Config)) *Gateway {
	tb.Helper()
	collectRarely()
	base, err := pelcro.ParseBaseURL(url + sandbox.BasePath)
	if err != nil {
		tb.Fatal(err)
	}
	g := &Gateway{Log: &testkit.Log{}}
	config := Config{
		Pelcro: pelcro.Config{
			BaseURL:        base,
			APIKey:         pelcro.NewSecret(sandbox.DefaultAPIKey),
			SiteID:         sandbox.DefaultSiteID,
			UserAgent:      UserAgent,
			Retries:        2,
			CircuitBreaker: true,
		},
		Server: server.Config{Logger: slog.New(slog.NewJSONHandler(g.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))},
		Dial:   PlainText(),
	}
	for _, option := range options {
		option(&config)
	}
	client := pelcro.New(config.Pelcro)
	config.Server.Upstream = customers.Upstream(client)
	config.Server.Services = []server.Service{customers.Service(client, config.Customers)}
	if config.Services != nil {
		config.Services(config.Server.Services)
	}
	listener := config.Listener
	if listener == nil {
		listener = testkit.Listen(tb)
	}
	g.Address = listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	service := server.New(config.Server) // not in the goroutine: a test may count the goroutines that New starts
	go func() { served <- service.Serve(ctx, listener) }()
	wait := sync.OnceValue(func() error { return <-served })
	g.Stop = func() error {
		cancel()
		return wait()
	}
	tb.Cleanup(func() {
		if err := g.Stop(); err != nil {
			tb.Errorf("Serve returned %v", err)
		}
		client.Close()
	})
	g.Conn = Dial(tb, g.Address, config.Dial...)
	g.Customers = pelcrov1.NewCustomerServiceClient(g.Conn)
	return g
}

// Dial opens a connection to an address until the test ends, in plain text unless there are options.
func Dial(tb testing.TB, address string, options ...grpc.DialOption) *grpc.ClientConn {
	tb.Helper()
	if len(options) == 0 {
		options = PlainText()
	}
	conn, err := grpc.NewClient("passthrough:///"+address, options...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return conn
}
