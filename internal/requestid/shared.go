package requestid

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

const (
	// sharedTime is how long Redis keeps an id after it was last used.
	sharedTime = 24 * time.Hour
	// epochTime is how long the epoch is kept after the last create with an id.
	epochTime = 7 * sharedTime
	// leaseTime is how long an id belongs to a replica that no longer responds, and renewTime how
	// often the others renew their leases.
	leaseTime = 10 * time.Second
	renewTime = 3 * time.Second
	// redisTimeout bounds a command. It is generous: without Redis, more can be lost than time.
	redisTimeout = time.Second
	// The waits between two looks at an id that another replica has; they double.
	firstWait = 20 * time.Millisecond
	maxWait   = 500 * time.Millisecond
)

// prefix begins each key. The braces put all of them on the same node of a cluster.
const prefix = "pelcro-grpc:{creates}:"

//go:embed claim.lua
var claimText string

//go:embed record.lua
var recordText string

var (
	claimScript  = redis.NewScript(claimText)
	recordScript = redis.NewScript(recordText)
)

var errReply = errors.New("unexpected reply of the script")

// shared holds the ids in Redis.
//
// The epoch is the time from which on Redis holds every id: an id that is absent was not sent since,
// and the ids of a day are kept. So absence says something once the epoch is a day old. The epoch is
// missing, and begins anew, when Redis has lost its data; a replica that could not reach Redis
// begins it anew itself, because the ids of that time are missing.
type shared struct {
	client Redis
	logger *slog.Logger
	// isDown says that the last command failed; isIncomplete, that ids may be missing in Redis.
	isDown, isIncomplete atomic.Bool
	failures             prometheus.Counter
}

// newShared returns nil without Redis. The metric exists all the same.
func newShared(config Config) *shared {
	failures := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "pelcro_grpc_request_id_redis_failures_total",
		Help: "Commands for request ids that Redis failed: creates were then remembered in memory only.",
	})
	if config.Metrics != nil {
		config.Metrics.MustRegister(failures)
	}
	if config.Redis == nil {
		return nil
	}
	return &shared{client: config.Redis, logger: config.Logger, failures: failures}
}

// claim adds to the claim what Redis knows, and takes a lease on the id. While another replica has
// it, it waits. Its error is that of the context. When Redis fails, the claim is as without Redis.
func (s *shared) claim(ctx context.Context, c *Claim) error {
	name := rand.Text()
	for wait := firstWait; ; wait = min(2*wait, maxWait) {
		reply, err := s.take(ctx, c.id, name)
		switch {
		case err != nil && ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return nil //nolint:nilerr // it was counted and logged, and the memory alone decides
		case reply != nil:
			s.merge(c, name, *reply) //nolint:contextcheck // the lease is released when the context has ended, too
			return nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// taken is what the script returns.
type taken struct {
	entry    entry
	known    bool
	since    string // in Redis' words
	complete bool   // an id that is not known was not sent
}

// take runs the script once. It returns nil if another replica has the id.
func (s *shared) take(ctx context.Context, id ID, name string) (*taken, error) {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	keys := []string{prefix + id.Key, prefix + "epoch", prefix + "epoch:" + id.Scope}
	if id.Earlier != "" {
		keys = append(keys, prefix+id.Earlier)
	}
	reset, wasIncomplete := "", s.isIncomplete.Load()
	if wasIncomplete {
		reset = "reset"
	}
	reply, err := claimScript.Run(ctx, s.client, keys, name, leaseTime.Milliseconds(), sharedTime.Milliseconds(),
		epochTime.Milliseconds(), id.Fingerprint, reset).Result()
	if err != nil {
		s.failed(err)
		return nil, err
	}
	if reply == "busy" {
		s.worked()
		return nil, nil //nolint:nilnil // documented above
	}
	t, err := parseTaken(reply)
	if err != nil {
		s.failed(err)
		return nil, err
	}
	s.worked()
	if wasIncomplete {
		s.isIncomplete.Store(false)
	}
	return t, nil
}

// parseTaken reads the reply of the script.
func parseTaken(reply any) (*taken, error) {
	values, _ := reply.([]any)
	if len(values) != 5 { //nolint:mnd // as claim.lua returns them
		return nil, errReply
	}
	customer, _ := values[0].(string)
	fingerprint, _ := values[1].(string)
	since, _ := values[2].(string)
	now, _ := values[3].(int64)
	age, isNumber := values[4].(int64)
	if !isNumber {
		return nil, errReply
	}
	t := &taken{known: since != "", since: since, complete: time.Duration(age)*time.Millisecond >= sharedTime}
	if t.known {
		t.entry.fingerprint = fingerprint
		t.entry.customer, _ = strconv.ParseInt(customer, 10, 64)
		began, err := strconv.ParseInt(since, 10, 64)
		if err != nil {
			return nil, errReply
		}
		t.entry.since = time.Now().Add(-time.Duration(now-began) * time.Millisecond)
	}
	return t, nil
}

// merge adds what Redis knows to what the memory knows. The later time counts.
func (s *shared) merge(c *Claim, name string, t taken) {
	if t.entry.customer == 0 {
		c.lease = s.lease(c.id.Key, name, t.since)
	}
	switch {
	case !t.known:
		c.First = t.complete && !c.Known
		return
	case c.Known && c.entry.since.After(t.entry.since):
		t.entry.since = c.entry.since
	}
	c.Known, c.entry = true, t.entry
}

// failed records that a command has failed: from then on ids may be missing.
func (s *shared) failed(err error) {
	s.failures.Inc()
	s.isIncomplete.Store(true)
	if !s.isDown.Swap(true) {
		s.logger.Warn("Redis fails, request ids are remembered in memory only", "cause", err.Error())
	}
}

func (s *shared) worked() {
	if s.isDown.Swap(false) {
		s.logger.Info("Redis works again, request ids are shared")
	}
}

// CheckRedis logs a warning if Redis may evict ids, or if that cannot be found out.
func (s *Store) CheckRedis(ctx context.Context) {
	if s.shared == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	const remedy = "an evicted request id is forgotten, and its retry may create a second customer; set maxmemory-policy noeviction"
	info, err := s.shared.client.Info(ctx, "memory").Result()
	_, policy, found := strings.Cut(info, "maxmemory_policy:")
	policy, _, _ = strings.Cut(policy, "\r\n")
	switch {
	case err != nil:
		s.shared.logger.Warn("Redis' policy of eviction is not known; "+remedy, "cause", err.Error())
	case !found:
		s.shared.logger.Warn("Redis' policy of eviction is not known; " + remedy)
	case policy != "noeviction":
		s.shared.logger.Warn("Redis may evict request ids; "+remedy, "maxmemory_policy", policy)
	}
}
