package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/quota"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// The values of --rate-limit besides a limit like 120/1m.
const (
	rateLimitAuto = "auto"
	rateLimitOff  = "off"
)

const (
	maxRateLimit = 1_000_000
	minWindow    = time.Second
	maxWindow    = 24 * time.Hour
	// maxIdleConnections bounds the idle connections to Pelcro.
	maxIdleConnections = 100
)

// rateLimit is how the requests to Pelcro are limited.
type rateLimit struct {
	off      bool
	requests int // in a window; 0 for what Pelcro says
	window   time.Duration
	share    float64
	redis    redis.UniversalClient // nil: this replica alone
}

var fixedLimit = regexp.MustCompile(`^([0-9]{1,9})/([0-9a-zµ.]+)$`)

// rateLimit reads the flags of the quota, and adds their problems.
func (c serveCommand) rateLimit(shared redis.UniversalClient, found *problems) (limit rateLimit) {
	limit.share, limit.redis = c.RateLimitShare, shared
	if !(c.RateLimitShare > 0 && c.RateLimitShare <= 1) {
		found.addf("--rate-limit-share must be greater than 0 and at most 1, for example 0.8")
	}
	parts := fixedLimit.FindStringSubmatch(c.RateLimit)
	switch value := c.effectiveRateLimit(); {
	case value == rateLimitOff:
		limit.off = true
		return limit
	case value == rateLimitAuto:
	case parts == nil:
		found.addf("--rate-limit %q is not a limit; use auto, off, or requests and a time, for example 120/1m", c.RateLimit)
	default:
		requests, err := strconv.Atoi(parts[1])
		window, windowErr := time.ParseDuration(parts[2])
		if err != nil || windowErr != nil || requests < 1 || requests > maxRateLimit || window < minWindow || window > maxWindow {
			found.addf("--rate-limit %q must be 1 to %d requests in 1s to 24h, for example 120/1m", c.RateLimit, maxRateLimit)
		}
		limit.requests, limit.window = requests, window
	}
	return limit
}

// effectiveRateLimit is --rate-limit, or its default.
func (c serveCommand) effectiveRateLimit() string {
	switch {
	case c.RateLimit != "":
		return c.RateLimit
	case c.Sandbox:
		return rateLimitOff
	}
	return rateLimitAuto
}

// concurrentCalls is --max-concurrent-calls; its default follows a larger limit, because that many
// calls may have been waiting for a window.
func (c serveCommand) concurrentCalls(limit rateLimit) int {
	if c.MaxConcurrent == server.DefaultMaxConcurrentCalls {
		return max(c.MaxConcurrent, limit.requests)
	}
	return c.MaxConcurrent
}

// idleConnections is how many idle connections to Pelcro are of use: no more requests than the limit
// are sent together.
func (c serveCommand) idleConnections(limit rateLimit) int {
	most := min(maxIdleConnections, c.MaxConcurrent)
	if limit.requests > 0 {
		most = min(most, limit.requests)
	}
	return most
}

// apply makes the client use quotas.
func (l rateLimit) apply(config *pelcro.Config, metrics prometheus.Registerer, logger *slog.Logger) {
	if l.off {
		return
	}
	shared := quota.NewMetrics(metrics)
	timeout := config.Timeout
	config.OpenQuota = func(credential [sha256.Size]byte) *quota.Quota {
		return quota.New(quota.Config{
			Limit: l.requests, Window: l.window, Share: l.share, RequestTimeout: timeout,
			Redis: l.redis, Key: hex.EncodeToString(credential[:]), Metrics: shared, Logger: logger,
		})
	}
}

// follow keeps the limit up to date, and ends the calls that wait when ctx ends. stop waits until
// that has ended.
func (l rateLimit) follow(ctx context.Context, client *pelcro.Client, ownKey bool, logger *slog.Logger) (stop func()) {
	context.AfterFunc(ctx, client.StopWaiting)
	ctx, cancel := context.WithCancel(ctx)
	var account sync.WaitGroup
	if !l.off && l.requests == 0 && ownKey {
		account.Go(func() { client.FollowAccount(ctx, logger) })
	}
	return func() {
		cancel()
		account.Wait()
		client.Close()
	}
}
