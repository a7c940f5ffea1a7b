package main

import (
	"context"
	"log/slog"
	"regexp"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pelcro-grpc/pelcro-grpc/internal/customers"
	"github.com/pelcro-grpc/pelcro-grpc/internal/requestid"
)

// maxSettleTime is half of the time for which an id is kept in memory.
const maxSettleTime = 30 * time.Minute

// metadataKey is a key that Pelcro's filters and Laravel's field names can carry.
var metadataKey = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// checkRequestIDs adds the problems of the flags for creates with a request_id.
func (c serveCommand) checkRequestIDs(found *problems) {
	if !metadataKey.MatchString(c.RequestIDKey) {
		found.addf("--request-id-key %q must be 1 to 64 letters, digits, _ or -, for example %s", c.RequestIDKey, customers.DefaultRequestIDKey)
	}
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
