package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// startSandbox serves a sandbox on a free loopback port and puts its address, key and site into the
// configuration. rateLimit is in requests a minute. stop ends it.
func startSandbox(ctx context.Context, config *pelcro.Config, rateLimit int, logger *slog.Logger) (stop func(), err error) {
	if config.SiteID == 0 {
		config.SiteID = sandbox.DefaultSiteID
	}
	config.APIKey = pelcro.NewSecret(sandbox.DefaultAPIKey)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("no port for the sandbox: %w", err)
	}
	config.BaseURL = &url.URL{Scheme: "http", Host: listener.Addr().String(), Path: sandbox.BasePath}
	httpServer := &http.Server{
		Handler: sandbox.New(sandbox.Config{SiteID: int(config.SiteID), RequestsPerMinute: rateLimit}),
		// Its only client is this process.
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := httpServer.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("the sandbox failed", "cause", err.Error())
		}
	}()
	return func() {
		_ = httpServer.Close() // immediately: a request for id 602 never ends
		<-served
	}, nil
}

// extraFlags returns what calls need, by the flags, in addition to what printBanner shows.
func (c serveCommand) extraFlags() string {
	var needs []string
	if c.TLSCert != "" {
		needs = append(needs, "-cacert FILE instead of -plaintext, and a name in the certificate")
	}
	if c.AuthTokensFile != "" {
		needs = append(needs, "a token (docs/access.md)")
	}
	if c.ForwardCredentials {
		needs = append(needs, "-H 'authorization: Bearer "+sandbox.DefaultAPIKey+"'")
	}
	return strings.Join(needs, "; ")
}

// printBanner shows what to try with a sandbox; page is the URL of the explorer, needs what calls
// need in addition, both empty for none.
func printBanner(w io.Writer, address, page, needs string) {
	if page != "" {
		page = "\nError explorer, in a browser: " + page
	}
	if needs != "" {
		page = "\nWith the flags in use, these calls also need " + needs + "." + page
	}
	fmt.Fprintf(w, `pelcro-grpc serves a SANDBOX on %[1]s: an embedded Pelcro, in memory, customers 1001 to 1008.
Try:

  grpcurl -plaintext -d '{"id": 1001}' %[1]s pelcro.v1.CustomerService/GetCustomer
  grpcurl -plaintext -d '{"customer": {"email": "nope"}}' %[1]s pelcro.v1.CustomerService/CreateCustomer
  grpcurl -plaintext -d '{"id": 404}' %[1]s pelcro.v1.CustomerService/GetCustomer
  grpcurl -plaintext -d '{"id": 429}' %[1]s pelcro.v1.CustomerService/GetCustomer

Any id from 300 to 599 returns that HTTP status; 601 resets, 602 hangs, 603 cuts the response, 604 returns HTML.
605 shows what a call gets that Pelcro's quota has no place for (--rate-limit).%[2]s
Stop with Ctrl-C.

`, address, page)
}

// quotaSpentID is the customer for whom a sandbox shows the error of a call that the quota has no place
// for. It is this service's own, not Pelcro's: so the sandbox itself knows nothing of it.
const quotaSpentID = 605

// errQuotaSpent is what the quota would say.
var errQuotaSpent = &pelcro.Error{Call: "(sandbox)", Outcome: pelcro.RateLimited, RetryAfter: 20 * time.Second, Limit: 120}

// showQuotaSpent makes the service show that error.
func showQuotaSpent(customers server.Service) server.Service {
	if handler, ok := customers.Handler.(pelcrov1.CustomerServiceServer); ok {
		customers.Handler = quotaSpent{handler}
	}
	return customers
}

type quotaSpent struct{ pelcrov1.CustomerServiceServer }

func (s quotaSpent) GetCustomer(ctx context.Context, req *pelcrov1.GetCustomerRequest) (*pelcrov1.GetCustomerResponse, error) {
	if req.GetId() == quotaSpentID {
		return nil, errQuotaSpent
	}
	return s.CustomerServiceServer.GetCustomer(ctx, req)
}

func (s quotaSpent) CreateCustomer(ctx context.Context, req *pelcrov1.CreateCustomerRequest) (*pelcrov1.CreateCustomerResponse, error) {
	if strings.HasPrefix(req.GetCustomer().GetEmail(), fmt.Sprintf("http-%d@", quotaSpentID)) {
		return nil, errQuotaSpent
	}
	return s.CustomerServiceServer.CreateCustomer(ctx, req)
}

func (s quotaSpent) UpdateCustomer(ctx context.Context, req *pelcrov1.UpdateCustomerRequest) (*pelcrov1.UpdateCustomerResponse, error) {
	if req.GetCustomer().GetId() == quotaSpentID {
		return nil, errQuotaSpent
	}
	return s.CustomerServiceServer.UpdateCustomer(ctx, req)
}

func (s quotaSpent) DeleteCustomer(ctx context.Context, req *pelcrov1.DeleteCustomerRequest) (*pelcrov1.DeleteCustomerResponse, error) {
	if req.GetId() == quotaSpentID {
		return nil, errQuotaSpent
	}
	return s.CustomerServiceServer.DeleteCustomer(ctx, req)
}
