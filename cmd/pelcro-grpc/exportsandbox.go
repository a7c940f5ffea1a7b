package main

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/customers"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// serveSandbox serves a sandbox, and the service in front of it, in this process. It logs nothing.
func serveSandbox(ctx context.Context, siteID int32) (address string, stop func(), err error) {
	logger := slog.New(slog.DiscardHandler)
	config := pelcro.Config{SiteID: siteID, UserAgent: "pelcro-grpc/" + version(), Timeout: 30 * time.Second}
	stopSandbox, err := startSandbox(ctx, &config, sandbox.Config{}, logger)
	if err != nil {
		return "", nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		stopSandbox()
		return "", nil, err
	}
	upstream := pelcro.New(config)
	service := server.New(server.Config{
		Upstream: customers.Upstream(upstream),
		Services: []server.Service{customers.SandboxService(upstream, customers.Config{})},
		SiteID:   config.SiteID,
		Logger:   logger,
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // until its client has ended
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = service.Serve(ctx, listener) // its client reports that nothing listens
	}()
	return listener.Addr().String(), func() {
		cancel()
		<-served
		upstream.Close()
		stopSandbox()
	}, nil
}
