package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pelcro-grpc/pelcro-grpc/internal/customers"
	"github.com/pelcro-grpc/pelcro-grpc/internal/requestid"
)

// maxSettleTime is half of the time for which an id is kept in memory.
const maxSettleTime = 30 * time.Minute

// checkSettleTime adds the problem of --create-settle-time, if there is one.
func (c serveCommand) checkSettleTime(found *problems) {
	if c.CreateSettleTime < c.RequestTimeout || c.CreateSettleTime > maxSettleTime {
		found.addf("--create-settle-time must be at least --request-timeout (%s) and at most %s, for example %s",
			c.RequestTimeout, maxSettleTime, customers.DefaultSettleTime)
	}
}

// customersConfig returns what creates with a request_id need.
func (c serveCommand) customersConfig(ctx context.Context, config validConfig, metrics prometheus.Registerer, logger *slog.Logger) customers.Config {
	ids := requestid.New(requestid.Config{Redis: config.redis, Metrics: metrics, Logger: logger})
	ids.CheckRedis(ctx)
	return customers.Config{
		RequestIDs: ids, RequestIDKey: c.RequestIDKey, SettleTime: c.CreateSettleTime, Metrics: metrics, Logger: logger,
	}
}
