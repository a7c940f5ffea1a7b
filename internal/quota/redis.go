package quota

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// connectTimeout is how long a connection to Redis may take, with TLS and the password. No call
// waits for it.
const connectTimeout = time.Second

// idleConnections are ready for a burst, so that its calls do not wait for TLS.
const idleConnections = 4

var (
	errRedisURL   = errors.New("is not the URL of a Redis; use redis://HOST:6379 or, with TLS and a password, rediss://USER:PASSWORD@HOST:6379")
	errRedisReply = errors.New("unexpected reply of the script")
)

// OpenRedis returns a client for the URL, which connects in the background. The error holds nothing of
// the URL, which may have a password.
func OpenRedis(url string) (*redis.Client, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, errRedisURL
	}
	logging.Disable() // it would write to standard error; the failures are counted and logged here
	options.ContextTimeoutEnabled = true
	options.MaxRetries = -1
	options.DialTimeout = connectTimeout
	options.DialerRetries = 1
	options.MinIdleConns = idleConnections
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(options), nil
}

//go:embed log.lua
var script string

var logScript = redis.NewScript(script)

// redisLog is the shared log in Redis.
type redisLog struct {
	client redis.Scripter
	key    string
}

func (l *redisLog) exchange(ctx context.Context, m message) (view, error) {
	// The braces put both keys on the same node of a cluster.
	keys := []string{"pelcro-grpc:{" + l.key + "}:quota", "pelcro-grpc:{" + l.key + "}:fleet"}
	reply, err := logScript.Run(ctx, l.client, keys, arguments(m)...).Slice()
	if err != nil {
		return view{}, err
	}
	return parseView(reply)
}

func arguments(m message) []any {
	arguments := []any{
		m.replica, m.epoch, m.limit, milliseconds(m.window), milliseconds(m.timeout),
		milliseconds(m.gate), m.remaining, milliseconds(m.sent), m.want, m.first,
	}
	for _, c := range m.changes {
		free := int64(returned)
		if c.free != returned {
			free = milliseconds(c.free)
		}
		arguments = append(arguments, c.number, free)
	}
	return arguments
}

// milliseconds rounds up: a slot is never free too early.
func milliseconds(d time.Duration) int64 { return int64((d + time.Millisecond - 1) / time.Millisecond) }

// parseView reads the reply of the script: the epoch, five numbers, and the releases.
func parseView(reply []any) (view, error) {
	const fixed = 6
	if len(reply) < fixed {
		return view{}, errRedisReply
	}
	epoch, isText := reply[0].(string)
	if !isText {
		return view{}, errRedisReply
	}
	numbers := make([]int64, 0, len(reply))
	for _, value := range reply[1:] {
		n, isNumber := value.(int64)
		if !isNumber {
			return view{}, errRedisReply
		}
		numbers = append(numbers, n)
	}
	v := view{
		epoch: epoch, granted: int(numbers[0]), replicas: int(numbers[1]),
		gate: time.Duration(numbers[2]) * time.Millisecond, occupied: int(numbers[3]),
		again: time.Duration(numbers[4]) * time.Millisecond,
	}
	for _, release := range numbers[fixed-1:] {
		v.releases = append(v.releases, time.Duration(release)*time.Millisecond)
	}
	return v, nil
}
