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

	"go.opentelemetry.io/otel/propagation"

	"github.com/pelcro-grpc/pelcro-grpc/internal/admin"
	"github.com/pelcro-grpc/pelcro-grpc/internal/customers"
	"github.com/pelcro-grpc/pelcro-grpc/internal/logging"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// Run serves until ctx ends, or the program receives a signal. Only serve catches signals: they end
// the other commands immediately.
func (c serveCommand) Run(ctx context.Context, std stdio) error {
	c.LogFormat = c.logFormat(std.err)
	log := logging.New(std.err, c.logHandler) //nolint:contextcheck // it writes until it is closed, also when ctx has ended
	defer log.Close()
	log.ReceiveLibraries()
	logger := log.Logger
	ctx, stop := untilSignal(ctx, log)
	defer stop()

	config, err := c.validate()
	switch {
	case err != nil:
		return err
	case c.Check:
		_, err := fmt.Fprintln(std.out, "pelcro-grpc: "+c.checked(config))
		return err
	}
	listener, err := listen(ctx, "--listen", c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	c.Listen = listener.Addr().String()
	adminListener, err := listen(ctx, "--admin-listen", c.AdminListen)
	if err != nil {
		return err
	}
	adminServer := admin.New(adminListener, version())
	defer adminServer.Close()
	c.AdminListen = adminServer.Address()
	if c.Sandbox {
		stopSandbox, err := startSandbox(ctx, &config.upstream, c.SandboxRateLimit, logger)
		if err != nil {
			return err
		}
		defer stopSandbox()
	}
	traces, stopTraces, err := config.traces.Start(ctx, logger, version())
	if err != nil {
		return usageError{err}
	}
	defer stopTraces()

	protected, metrics := config.protected, adminServer.Registry
	countLostLines(log, metrics)
	protected.register(metrics)
	config.upstream.Metrics, config.upstream.Traces = metrics, traces
	if c.ForwardTrace {
		config.upstream.Propagator = propagation.TraceContext{}
	}
	client := pelcro.New(config.upstream)
	defer client.Close()
	if isRegular(c.PelcroAPIKeyFile) { // a pipe was read, and holds no other key
		key, err := followKey(c.PelcroAPIKeyFile, client)
		if err != nil {
			return err
		}
		protected.files = append(protected.files, key)
	}
	defer newFollower(logger, metrics).start(ctx, protected.files)()
	service := server.New(server.Config{
		Upstream:           customers.Upstream(client),
		Services:           []server.Service{customers.Service(client, customers.Config{})},
		MaxConcurrentCalls: c.MaxConcurrent,
		DrainTimeout:       max(server.DrainTimeout, c.RequestTimeout+server.DrainMargin),
		Reflection:         c.reflects(),
		TLS:                protected.tlsConfig(),
		Authorize:          protected.authorize(),
		SiteID:             config.upstream.SiteID,
		ForwardCredentials: c.ForwardCredentials,
		Logger:             logger,
		Metrics:            metrics,
		Traces:             traces,
	})
	page, err := c.page()
	if err != nil {
		return err
	}
	adminServer.Serve(admin.Config{Ready: service.Ready, Settings: c.effectiveSettings(config), Page: page, Logger: logger})
	if c.Sandbox {
		printBanner(std.out, c.Listen, c.pageURL(), c.extraFlags())
	}
	for _, risk := range protected.risks {
		logger.Warn("insecure, as --insecure allows: " + risk)
	}
	logger.Info("serving", "address", c.Listen, "admin", c.AdminListen, "pelcro", config.upstream.BaseURL.Host, "sandbox", c.Sandbox, "version", version())
	if err := service.Serve(ctx, listener); err != nil {
		logger.Error("the service failed", "cause", err.Error())
		return errLogged
	}
	return nil
}

// listen listens on the address of the flag; the listener is nil for an empty one.
func listen(ctx context.Context, flag, address string) (net.Listener, error) {
	if address == "" {
		return nil, nil //nolint:nilnil // not to listen is meant
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, usageErrorf("cannot listen on %s (%w); choose another address with %s", address, cause(err), flag)
	}
	return listener, nil
}

// cause returns the system's own error, without the addresses and names that net and os add.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

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

Any id from 300 to 599 returns that HTTP status; 601 resets, 602 hangs, 603 cuts the response, 604 returns HTML.%[2]s
Stop with Ctrl-C.

`, address, page)
}
