package pelcro_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// canaryKey and canaryEmail must be in no error text.
	canaryKey   = "canary-key-sk_live_4711"
	canaryEmail = "canary@example.com"
	siteID      = 7
	basePath    = "/api/v1/core"
	// patience is how long a test waits for what must happen.
	patience = 10 * time.Second
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

// overHTTP1 and overHTTP2 return a client of a server with the handler.
func overHTTP1(t *testing.T, handler http.HandlerFunc) *pelcro.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return at(t, server.URL+basePath)
}

func overHTTP2(t *testing.T, handler http.HandlerFunc) *pelcro.Client {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of each GOAWAY
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return at(t, server.URL+basePath, with(trusting(server)))
}

// protocols are both ways to reach a server.
var protocols = []struct {
	name  string
	major int
	start func(*testing.T, http.HandlerFunc) *pelcro.Client
}{
	{"HTTP/1.1", 1, overHTTP1},
	{"HTTP/2", 2, overHTTP2},
}

// trusting returns the transport of production, which also trusts the server's
// certificate.
func trusting(server *httptest.Server) *http.Transport {
	transport := pelcro.NewTransport()
	transport.TLSClientConfig = &tls.Config{RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	return transport
}

// calls are all calls, by their name in errors.
var calls = []struct {
	name string
	do   func(context.Context, *pelcro.Client) error
}{
	{"GET customers/{id}", get},
	{"GET customers", func(ctx context.Context, c *pelcro.Client) error {
		_, err := c.ListCustomers(ctx, 0, pelcro.ListOptions{
			Page: 1, Limit: 10, Sort: "id",
			Filters: []pelcro.Filter{{Attribute: "email", Operator: "eq", Values: []string{canaryEmail}}},
		})
		return err
	}},
	{"POST customers", create},
	{"PUT customers/{id}", func(ctx context.Context, c *pelcro.Client) error {
		_, err := c.UpdateCustomer(ctx, 0, 1001, pelcro.Attributes{{"email", canaryEmail}})
		return err
	}},
	{"DELETE customers/{id}", func(ctx context.Context, c *pelcro.Client) error {
		return c.DeleteCustomer(ctx, 0, 1001)
	}},
}

func get(ctx context.Context, c *pelcro.Client) error {
	_, err := c.GetCustomer(ctx, 0, 1001, nil)
	return err
}

func create(ctx context.Context, c *pelcro.Client) error {
	_, err := c.CreateCustomer(ctx, 0, pelcro.Attributes{{"email", canaryEmail}})
	return err
}

// failure returns the error as what every error must be.
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
	return failed
}

// noReply checks that the call got no whole reply.
func noReply(t *testing.T, err error, sent bool) *pelcro.Error {
	t.Helper()
	failed := failure(t, err)
	if failed.StatusCode != 0 || failed.Header != nil || failed.Body != nil || failed.Err == nil {
		t.Errorf("got a reply: %+v", failed)
	}
	if failed.Sent != sent {
		t.Errorf("Sent is %v, want %v: %v", failed.Sent, sent, err)
	}
	return failed
}

// verbatim answers with exactly these bytes and closes the connection.
func verbatim(reply string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = conn.Write([]byte(reply))
		conn.Close()
	}
}

// counting is a server that counts connections and answers nothing.
type counting struct {
	address     string
	connections atomic.Int32
}

func startCounting(t *testing.T) *counting {
	t.Helper()
	listener := listen(t)
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

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// limited returns a context that ends when a busy machine has had its time to
// connect.
func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}
