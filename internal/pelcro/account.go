package pelcro

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/quota"
)

// readAccount reads the account of the credential
// (https://docs.pelcro.com/reference/api-core-account).
var readAccount = &endpoint{http.MethodGet, "account", retrySafe, quota.Interactive}

const (
	// accountInterval is how often the account is read, and accountRetry when after a failure.
	accountInterval = 24 * time.Hour
	accountRetry    = time.Hour
	// accountTimeout bounds one reading, with its wait for the quota.
	accountTimeout = 5 * time.Minute
	// accountPause is the shortest time between two readings: each costs a request.
	accountPause = 10 * time.Minute
)

var errNoLimit = errors.New("the account has no api_core_rate_limit")

// accountLimit reads how many requests a minute Pelcro allows the account of the client's key. Whether
// Pelcro needs the site for that is not documented, so it is sent.
func (c *Client) accountLimit(ctx context.Context) (int, error) {
	ctx, stop := context.WithTimeout(ctx, accountTimeout)
	defer stop()
	response, err := c.do(ctx, request{endpoint: readAccount})
	if err != nil {
		return 0, err
	}
	defer response.Release()
	limit, ok := response.JSON.Member("data").Member("api_core_rate_limit").Integer()
	if !ok || limit <= 0 || limit > math.MaxInt32 {
		return 0, errNoLimit
	}
	return int(limit), nil
}

// FollowAccount keeps the quota of the client's key at the limit of Pelcro's account until ctx ends. It
// reads the account now, once a day, after a change of the key, and after a 429 that contradicts the
// limit it knows. A reading that fails is one line of the log; the limit before it stays.
func (c *Client) FollowAccount(ctx context.Context, logger *slog.Logger) {
	release := func() {}
	defer func() { release() }()
	for {
		select {
		case <-c.keyChanged: // the key is read just below
		default:
		}
		followed, next := c.credential.Load(), accountInterval
		used, releaseThis := c.quotas.use(followed) // so that it is not forgotten
		release()
		release = releaseThis
		limit, err := c.accountLimit(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			next = accountRetry
			logger.Warn("the limit of Pelcro's account is unknown", "cause", err.Error(), "next_attempt_in", next.String())
		default:
			used.SetLimit(limit) //nolint:contextcheck // the quota has contexts of its own
			c.metrics.accountLimit.WithLabelValues().Set(float64(limit))
			if int64(limit) != c.knownLimit.Swap(int64(limit)) {
				logger.Info("the limit of Pelcro's account", "requests_per_minute", limit)
			}
		}
		if !c.waitForAccount(ctx, next) {
			return
		}
	}
}

// waitForAccount waits until the account is to be read again, and reports whether ctx has not ended.
func (c *Client) waitForAccount(ctx context.Context, next time.Duration) bool {
	daily, pause := time.NewTimer(next), time.NewTimer(accountPause)
	defer daily.Stop()
	defer pause.Stop()
	select {
	case <-c.keyChanged:
		return true
	case <-pause.C:
	case <-ctx.Done():
		return false
	}
	select {
	case <-c.keyChanged:
	case <-c.limitContradicted:
	case <-daily.C:
	case <-ctx.Done():
		return false
	}
	return true
}

// checkLimit compares a 429 with the limit of the account: another limit in its headers, or none,
// contradicts it. With the same limit, other integrations have used the quota.
func (c *Client) checkLimit(of *credential, r quota.Response) {
	if known := c.knownLimit.Load(); !r.RateLimited || known == 0 || int64(r.Limit) == known || of != c.credential.Load() {
		return
	}
	notify(c.limitContradicted)
}

// notify wakes the receiver of a channel with room for one; it does not wait.
func notify(changed chan struct{}) {
	select {
	case changed <- struct{}{}:
	default:
	}
}
