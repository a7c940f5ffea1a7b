package requestid

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/jellydator/ttlcache/v3"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

const (
	// memoryTime is how long an id is kept in memory after it was last used.
	memoryTime = time.Hour
	// maxInMemory bounds the ids in memory: an hour has fewer, unless Pelcro allows more than 2,000
	// requests a minute. Beyond it the least recently used is forgotten.
	maxInMemory = 1 << 16
)

// ErrLost is the error of a claim that took so long that another replica has the id now.
var ErrLost = errors.New("another replica has the request id")

// Redis is the part of a client that a [Store] uses. With the type of the whole client, each program
// that imports this package, such as the tests of server, would link all commands of Redis.
type Redis interface {
	redis.Scripter
	Info(ctx context.Context, sections ...string) *redis.StringCmd
}

// Config is what a [Store] needs.
type Config struct {
	// Redis shares the ids with other replicas; nil for none.
	Redis Redis
	// Logger gets a line when Redis fails and when it works again.
	Logger *slog.Logger
	// Metrics is where the store registers its metrics; nil for none.
	Metrics prometheus.Registerer
}

// Store remembers ids. It is safe for concurrent use.
type Store struct {
	mu      sync.Mutex
	running map[string]chan struct{} // closed when the call that has the id ends
	entries *ttlcache.Cache[string, entry]
	shared  *shared // nil without Redis
}

// entry is what is known of an id.
type entry struct {
	customer    int64 // 0 until the create is known to have happened
	fingerprint string
	// since is when the id was first seen or, later, when its create was last sent.
	since time.Time
}

// ID is the request_id of a call.
type ID struct {
	// Key names the id in the store: a MAC, because others may read Redis. Earlier is its name under
	// the API key before the present one, empty for none: an id may be retried after a rotation.
	Key, Earlier string
	// Scope names the API key. Of ids under another key, their absence says nothing.
	Scope string
	// Fingerprint is a MAC of the request.
	Fingerprint string
	// Retried says that the caller has sent the call before, perhaps to another replica.
	Retried bool
}

// New returns an empty store.
func New(config Config) *Store {
	config.Logger = cmp.Or(config.Logger, slog.New(slog.DiscardHandler))
	return &Store{
		running: map[string]chan struct{}{},
		entries: ttlcache.New(
			ttlcache.WithTTL[string, entry](memoryTime),
			ttlcache.WithCapacity[string, entry](maxInMemory),
		),
		shared: newShared(config),
	}
}

// Claim takes the id for a call, and says what is known of it. While another call has it, Claim
// waits. The error is that of the context, which ended before. The claim must be released.
func (s *Store) Claim(ctx context.Context, id ID) (*Claim, error) {
	if err := s.lock(ctx, id.Key); err != nil {
		return nil, err
	}
	c := &Claim{store: s, id: id}
	if e, known := s.entryOf(id); known {
		c.Known, c.entry = true, e
	}
	if s.shared != nil && c.entry.customer == 0 {
		if err := s.shared.claim(ctx, c); err != nil {
			s.unlock(id.Key)
			return nil, err
		}
	}
	if id.Retried && !c.Known && !c.First { // another process may have sent it, at the latest now
		c.Known, c.entry = true, entry{fingerprint: id.Fingerprint, since: time.Now()}
	}
	c.CustomerID, c.Fingerprint = c.entry.customer, c.entry.fingerprint
	if c.Known && c.CustomerID == 0 {
		c.Age = time.Since(c.entry.since)
	}
	return c, nil
}

// lock has one call of this process at a time have an id.
func (s *Store) lock(ctx context.Context, key string) error {
	for {
		s.mu.Lock()
		running, isRunning := s.running[key]
		if !isRunning {
			s.running[key] = make(chan struct{})
			s.mu.Unlock()
			return nil
		}
		s.mu.Unlock()
		select {
		case <-running:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Store) unlock(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.running[key])
	delete(s.running, key)
}

// entryOf returns what the memory knows of an id. A fingerprint under an earlier API key cannot be
// compared.
func (s *Store) entryOf(id ID) (e entry, known bool) {
	if item := s.entries.Get(id.Key); item != nil {
		return item.Value(), true
	}
	if item := s.entries.Get(id.Earlier); id.Earlier != "" && item != nil {
		e = item.Value()
		e.fingerprint = ""
		return e, true
	}
	return entry{}, false
}
