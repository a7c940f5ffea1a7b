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
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"github.com/pelcro-grpc/pelcro-grpc/internal/admin"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// run serves until ctx ends, or the program is told to stop. Only serve catches
// signals: the other commands end at once.
func (c serveCommand) run(ctx context.Context, std stdio) error {
	ctx, cancel := untilSignal(ctx)
	defer cancel()

	config, problems := c.upstream()
	spans, more := exportOf(os.Getenv)
	if c.ForwardTrace && spans.protocol == "" && len(more) == 0 {
		more = []string{"--forward-trace-context has no traces to tell of; set OTEL_EXPORTER_OTLP_ENDPOINT (docs/operations.md), or leave it out"}
	}
	problems = append(problems, more...)
	protected, more := c.protection()
	if problems = append(problems, more...); len(problems) > 0 {
		return usageError{problems}
	}
	listener, err := listen(ctx, "--listen", c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	c.Listen = listener.Addr().String()
	c.LogFormat = c.logFormat(std.err)
	logger, flush := c.logger(std.err)
	defer flush()
	operators, err := listenForOperators(ctx, c.AdminListen)
	if err != nil {
		return err
	}
	defer operators.close()
	c.AdminListen = operators.address()
	if c.Sandbox {
		stopSandbox, err := startSandbox(ctx, &config, c.SandboxRateLimit, logger)
		if err != nil {
			return err
		}
		defer stopSandbox()
	}
	traces, stopTraces, err := spans.start(ctx, logger)
	if err != nil {
		return err
	}
	defer stopTraces()

	if config.Metrics = operators.registerer(); config.Metrics != nil {
		protected.register(config.Metrics)
	}
	config.Traces = traces
	if c.ForwardTrace {
		config.Propagator = propagation.TraceContext{}
	}
	client := pelcro.New(config)
	defer client.Close()
	follows := newFollower(logger, config.Metrics)
	if isRegular(c.PelcroAPIKeyFile) { // a pipe was read, and holds no other key
		key, err := followKey(c.PelcroAPIKeyFile, client)
		if err != nil {
			return err
		}
		protected.files = append(protected.files, key)
	}
	defer follows.start(ctx, protected.files)()
	service := server.New(server.Config{
		Pelcro:             client,
		MaxConcurrentCalls: c.MaxConcurrent,
		Reflection:         c.reflects(),
		TLS:                protected.tlsConfig(),
		Authorize:          protected.authorize(),
		ForwardCredentials: c.ForwardCredentials,
		Logger:             logger,
		Metrics:            config.Metrics,
		Traces:             traces,
	})
	page, err := c.page()
	if err != nil {
		return err
	}
	operators.serve(admin.Config{Ready: service.Ready, Settings: c.inEffect(config, spans), Page: page, Logger: logger})
	if c.Sandbox {
		welcome(std.out, c.Listen, c.pageURL(), c.callersNeed())
	}
	for _, risk := range protected.risks {
		logger.Warn("insecure, as --insecure allows: " + risk)
	}
	logger.Info("serving", "address", c.Listen, "admin", c.AdminListen, "pelcro", config.BaseURL.Host, "sandbox", c.Sandbox, "version", version())
	return service.Serve(ctx, listener)
}

func listen(ctx context.Context, flag, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, usageErrorf("cannot listen on %s (%v); choose another address with %s", address, cause(err), flag)
	}
	return listener, nil
}

// untilSignal returns a context that ends with the first SIGINT or SIGTERM. From
// then on the next one ends the program at once, and that holds before anything
// is seen of the first.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer cancel()
		defer signal.Stop(signals)
		select {
		case <-signals:
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// cause returns what the system said, without the addresses and names that net
// and os add.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// startSandbox serves a sandbox on a free loopback port and points the
// configuration at it. rateLimit is in requests a minute. stop ends it.
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
		// Its callers are this process.
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := httpServer.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("the sandbox ended", "cause", err.Error())
		}
	}()
	return func() {
		_ = httpServer.Close() // at once: a caller of id 602 would wait for ever
		<-served
	}, nil
}

// callersNeed says what the flags ask of a caller besides what welcome shows.
func (c serveCommand) callersNeed() string {
	var needs []string
	if c.TLSCert != "" {
		needs = append(needs, "-cacert FILE instead of -plaintext, and a name that the certificate has")
	}
	if c.AuthTokensFile != "" {
		needs = append(needs, "a token (docs/access.md)")
	}
	if c.ForwardCredentials {
		needs = append(needs, "-H 'authorization: Bearer "+sandbox.DefaultAPIKey+"'")
	}
	return strings.Join(needs, "; ")
}

// welcome says what to do with a sandbox; page is the URL of the explorer, needs what
// callers must bring, both empty for none.
func welcome(w io.Writer, address, page, needs string) {
	if page != "" {
		page = "\nWhat any HTTP reply becomes, in a browser: " + page
	}
	if needs != "" {
		page = "\nAs the flags have it, these calls also need " + needs + "." + page
	}
	fmt.Fprintf(w, `pelcro-grpc serves a SANDBOX on %[1]s: an embedded Pelcro, in memory, customers 1001 to 1008.
Try:

  grpcurl -plaintext -d '{"id": 1001}' %[1]s pelcro.v1.CustomerService/GetCustomer
  grpcurl -plaintext -d '{"customer": {"email": "nope"}}' %[1]s pelcro.v1.CustomerService/CreateCustomer
  grpcurl -plaintext -d '{"id": 404}' %[1]s pelcro.v1.CustomerService/GetCustomer
  grpcurl -plaintext -d '{"id": 429}' %[1]s pelcro.v1.CustomerService/GetCustomer

Any id from 300 to 599 answers that HTTP status; 601 resets, 602 never answers, 603 cuts the reply, 604 answers HTML.%[2]s
Stop with Ctrl-C.

`, address, page)
}
