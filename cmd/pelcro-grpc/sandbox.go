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

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
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
