package pelcro_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // as the program does
	goleak.VerifyTestMain(m)
}

const (
	// canaryKey and canaryEmail must be in no error text.
	canaryKey   = "canary-key-sk_live_4711"
	canaryEmail = "canary@example.com"
	siteID      = 7
	basePath    = "/api/v1/core"
)

// at returns a client of the API at that address, until the test ends.
func at(t *testing.T, address string, options ...func(*pelcro.Config)) *pelcro.Client {
	t.Helper()
	base, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	config := pelcro.Config{BaseURL: base, APIKey: pelcro.NewSecret(canaryKey), SiteID: siteID, UserAgent: "pelcro-grpc/test"}
	for _, option := range options {
		option(&config)
	}
	client := pelcro.New(config)
	t.Cleanup(client.Close)
	return client
}

// with makes a client use the transport.
func with(transport *http.Transport) func(*pelcro.Config) {
	return func(config *pelcro.Config) { config.Transport = transport }
}

// serve returns a client of a server with the handler.
func serve(t *testing.T, handler http.HandlerFunc) *pelcro.Client {
	t.Helper()
	return at(t, testkit.Upstream(t, handler)+basePath)
}

// serveTLS is serve over TLS.
func serveTLS(t *testing.T, handler http.HandlerFunc) *pelcro.Client {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = true // which the client does not use
	server.StartTLS()
	t.Cleanup(server.Close)
	return at(t, server.URL+basePath, with(trusting(server)))
}

// protocols are both ways to reach a server.
var protocols = []struct {
	name  string
	start func(*testing.T, http.HandlerFunc) *pelcro.Client
}{
	{"HTTP", serve},
	{"HTTPS", serveTLS},
}

// trusting returns the transport of production, which also trusts the server's
// certificate.
func trusting(server *httptest.Server) *http.Transport {
	transport := pelcro.NewTransport()
	transport.TLSClientConfig = &tls.Config{RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	return transport
}

// responses make all calls.
var responses = []func(context.Context, *pelcro.Client) (*pelcro.Response, error){
	func(ctx context.Context, c *pelcro.Client) (*pelcro.Response, error) {
		return c.GetCustomer(ctx, 0, 1001, nil)
	},
	func(ctx context.Context, c *pelcro.Client) (*pelcro.Response, error) {
		return c.ListCustomers(ctx, 0, pelcro.ListOptions{
			Page: 1, Limit: 10, Sort: "id",
			Filters: []pelcro.Filter{{Attribute: "email", Operator: "eq", Values: []string{canaryEmail}}},
		})
	},
	func(ctx context.Context, c *pelcro.Client) (*pelcro.Response, error) {
		return c.CreateCustomer(ctx, 0, map[string]any{"email": canaryEmail})
	},
	func(ctx context.Context, c *pelcro.Client) (*pelcro.Response, error) {
		return c.UpdateCustomer(ctx, 0, 1001, map[string]any{"email": canaryEmail})
	},
	func(ctx context.Context, c *pelcro.Client) (*pelcro.Response, error) {
		return c.DeleteCustomer(ctx, 0, 1001)
	},
}

// call is one of them, when only its failure counts.
type call struct {
	name string // as errors have it
	do   func(context.Context, *pelcro.Client) error
}

var calls = func() (all []call) {
	for i, name := range []string{"GET customers/{id}", "GET customers", "POST customers", "PUT customers/{id}", "DELETE customers/{id}"} {
		all = append(all, call{name, func(ctx context.Context, c *pelcro.Client) error {
			_, err := responses[i](ctx, c)
			return err
		}})
	}
	return all
}()

var lastID atomic.Int64

// get reads a customer whom no other test reads: equal reads would share a request.
func get(ctx context.Context, c *pelcro.Client) error {
	_, err := c.GetCustomer(ctx, 0, 10_000+lastID.Add(1), nil)
	return err
}

func create(ctx context.Context, c *pelcro.Client) error { return calls[2].do(ctx, c) }

// failure returns the error as an *Error, and checks what holds for all of them.
func failure(t *testing.T, err error) *pelcro.Error {
	t.Helper()
	var failed *pelcro.Error
	if !errors.As(err, &failed) {
		t.Fatalf("got %v, want an *Error", err)
	}
	for _, secret := range []string{canaryKey, canaryEmail, "site_id", "Bearer"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error says %q: %v", secret, err)
		}
	}
	if failed.Outcome == pelcro.Success {
		t.Errorf("the outcome is success: %v", err)
	}
	return failed
}

// response returns the response of a failed call, and checks that it was sent.
func response(t *testing.T, err error, status int) *pelcro.Response {
	t.Helper()
	failed := failure(t, err)
	if failed.Response == nil || failed.Response.StatusCode != status || !failed.Sent {
		t.Fatalf("got %+v, want HTTP %d", failed, status)
	}
	return failed.Response
}

// noResponse checks that the call got no whole response.
func noResponse(t *testing.T, err error, outcome pelcro.Outcome, sent bool) *pelcro.Error {
	t.Helper()
	failed := failure(t, err)
	if failed.Response != nil || failed.Err == nil {
		t.Errorf("got a response: %+v", failed)
	}
	if failed.Sent != sent || failed.Outcome != outcome {
		t.Errorf("%v, Sent is %v, want %v, %v: %v", failed.Outcome, failed.Sent, outcome, sent, err)
	}
	return failed
}

// counting is a server that counts connections and closes them.
type counting struct {
	address     string
	connections atomic.Int32
}

func startCounting(t *testing.T) *counting {
	t.Helper()
	listener := testkit.Listen(t)
	c := &counting{address: listener.Addr().String()}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			c.connections.Add(1)
			conn.Close()
		}
	}()
	return c
}
