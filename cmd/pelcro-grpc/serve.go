package main

import (
	"context"
	"errors"
	"fmt"
	"net"

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
		for _, text := range config.protected.warnings() {
			fmt.Fprintln(std.err, "pelcro-grpc: "+text)
		}
		_, err := fmt.Fprintln(std.out, "pelcro-grpc: "+c.checked(config))
		return err
	}
	calls := c.concurrentCalls(config.rateLimit)
	limitMemory(calls)
	listener, adminListener, err := c.listen(ctx)
	if err != nil {
		return err
	}
	defer listener.Close()
	c.Listen = listener.Addr().String()
	adminServer := admin.New(adminListener, version())
	defer adminServer.Close()
	c.AdminListen = adminServer.Address()
	if config.redis != nil {
		defer func() { _ = config.redis.Close() }() // nothing is lost
	}
	if c.Sandbox {
		stopSandbox, err := startSandbox(ctx, &config.upstream, sandbox.Config{RequestsPerMinute: c.SandboxRateLimit, Seed: config.seed}, logger)
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
	config.rateLimit.apply(&config.upstream, metrics, logger)
	client := pelcro.New(config.upstream)
	if isRegular(c.PelcroAPIKeyFile) { // a pipe was read, and holds no other key
		key, err := followKey(c.PelcroAPIKeyFile, client)
		if err != nil {
			return err
		}
		protected.files = append(protected.files, key)
	}
	defer follow(ctx, protected.files, logger, metrics)()
	resource := customers.Service
	if c.Sandbox {
		resource = customers.SandboxService
	}
	service := server.New(server.Config{
		Upstream:           customers.Upstream(client),
		Services:           []server.Service{resource(client, c.customersConfig(ctx, config, metrics, logger))},
		MaxConcurrentCalls: calls,
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
	// Only now: the server wants to know what the first response says of the API key.
	defer config.rateLimit.follow(ctx, client, !c.ForwardCredentials, logger)()
	page, err := c.page()
	if err != nil {
		return err
	}
	adminServer.Serve(admin.Config{Ready: service.Ready, Settings: c.effectiveSettings(config), Page: page, Logger: logger})
	if c.Sandbox {
		c.printBanner(std.out, config.seed)
	}
	c.announce(logger, config)
	if err := service.Serve(ctx, listener); err != nil {
		logger.Error("the service failed", "cause", err.Error())
		return printedError{exitFailure}
	}
	return nil
}

// listen listens on both addresses; admin is nil without one. Its error names every address that is
// not free.
func (c serveCommand) listen(ctx context.Context) (calls, admin net.Listener, err error) {
	calls, callsErr := listenOn(ctx, "--listen", c.Listen)
	admin, adminErr := listenOn(ctx, "--admin-listen", c.AdminListen)
	if err := errors.Join(callsErr, adminErr); err != nil {
		return nil, nil, usageError{err} // the end of the program closes the other one
	}
	return calls, admin, nil
}

// listenOn listens on the address of the flag; the listener is nil for an empty one.
func listenOn(ctx context.Context, flag, address string) (net.Listener, error) {
	if address == "" {
		return nil, nil //nolint:nilnil // not to listen is meant
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s (%w); choose another address with %s", address, cause(err), flag)
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
