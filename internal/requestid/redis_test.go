package requestid

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// fleet is a Redis, and a client of it as the service has one.
type fleet struct {
	server *testkit.Redis
	client *redis.Client
	log    bytes.Buffer
}

func newFleet(t *testing.T, arguments ...string) *fleet {
	t.Helper()
	f := &fleet{server: testkit.StartRedis(t, arguments...)}
	options, err := redis.ParseURL(f.server.URL())
	if err != nil {
		t.Fatal(err)
	}
	options.ContextTimeoutEnabled, options.MaxRetries = true, -1
	f.client = redis.NewClient(options)
	t.Cleanup(func() { f.client.Close() })
	return f
}

// replica returns the store of another replica.
func (f *fleet) replica() *Store {
	return New(Config{Redis: f.client, Logger: slog.New(slog.NewTextHandler(&f.log, nil))})
}

// age lets the time of every key pass.
func (f *fleet) age(t *testing.T, by time.Duration) {
	t.Helper()
	const script = `
		for _, key in ipairs(redis.call('KEYS', '*')) do
			if redis.call('TYPE', key).ok == 'hash' then
				for _, field in ipairs({'since', 'lease'}) do
					local time = redis.call('HGET', key, field)
					if time then redis.call('HSET', key, field, time - ARGV[1]) end
				end
			else
				redis.call('SET', key, redis.call('GET', key) - ARGV[1])
			end
		end`
	if err := f.client.Eval(t.Context(), script, nil, by.Milliseconds()).Err(); err != nil && err != redis.Nil {
		t.Fatal(err)
	}
}

// What a replica finds, by what another one did.
func TestRedis(t *testing.T) {
	const (
		unknown = `customer 0, known false since 0s, first false, fingerprint ""`
		first   = `customer 0, known false since 0s, first true, fingerprint ""`
	)
	id := ID{Key: "key", Scope: "scope", Fingerprint: "print"}
	retried := id
	retried.Retried = true
	anotherKey := ID{Key: "new", Scope: "new scope", Fingerprint: "other"}
	f := newFleet(t)
	rotated := anotherKey
	rotated.Earlier = "key"
	for _, test := range []struct {
		name string
		do   func(t *testing.T, f *fleet)
		next ID
		want string
	}{
		{"nothing, in a new Redis", func(*testing.T, *fleet) {}, id, unknown},
		{"nothing, for less than a day", func(t *testing.T, f *fleet) {
			use(t, f.replica(), ID{Key: "other", Scope: "scope"}, nothing)
			f.age(t, 24*time.Hour-time.Second)
		}, id, unknown},
		{"nothing, for a day", func(t *testing.T, f *fleet) {
			use(t, f.replica(), ID{Key: "other", Scope: "scope"}, nothing)
			f.age(t, 24*time.Hour)
		}, id, first},
		{"nothing, for a day, and it was retried", func(t *testing.T, f *fleet) {
			use(t, f.replica(), ID{Key: "other", Scope: "scope"}, nothing)
			f.age(t, 24*time.Hour)
		}, retried, first},
		{"nothing, for a day, but under another API key", func(t *testing.T, f *fleet) {
			use(t, f.replica(), id, nothing)
			f.age(t, 24*time.Hour)
		}, anotherKey, unknown},
		{"nothing, in a new Redis, and it was retried", func(*testing.T, *fleet) {}, retried,
			`customer 0, known true since 0s, first false, fingerprint "print"`},
		{"Pelcro rejected it", func(t *testing.T, f *fleet) { use(t, f.replica(), id, send(t, rejected)) }, id, unknown},
		{"the outcome is unknown", func(t *testing.T, f *fleet) { use(t, f.replica(), id, send(t, nothing)); f.age(t, time.Minute) },
			id, `customer 0, known true since 1m0s, first false, fingerprint "print"`},
		{"it was created", func(t *testing.T, f *fleet) { use(t, f.replica(), id, send(t, created)) },
			id, `customer 7, known true since 0s, first false, fingerprint "print"`},
		{"it was created under an earlier API key", func(t *testing.T, f *fleet) { use(t, f.replica(), id, send(t, created)) },
			rotated, `customer 7, known true since 0s, first false, fingerprint ""`},
		{"the outcome is unknown under an earlier API key", func(t *testing.T, f *fleet) { use(t, f.replica(), id, send(t, nothing)) },
			rotated, `customer 0, known true since 0s, first false, fingerprint ""`},
		{"sent again, rejected", func(t *testing.T, f *fleet) {
			use(t, f.replica(), id, send(t, nothing))
			f.age(t, 2*time.Minute)
			use(t, f.replica(), id, send(t, rejected))
		}, id, `customer 0, known true since 2m0s, first false, fingerprint "print"`},
		{"a replica was killed", func(t *testing.T, f *fleet) {
			claim, err := f.replica().Claim(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			claim.lease.stop() // nothing is renewed or released
			f.age(t, leaseTime)
		}, id, `customer 0, known true since 10s, first false, fingerprint "print"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := f.client.FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			test.do(t, f)
			if got := known(t, f.replica(), test.next); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

func TestOneReplicaAtATime(t *testing.T) {
	f := newFleet(t)
	oneAtATime(t, f.replica(), f.replica(), true)
}

// A replica that was away for longer than its lease must not send the create that another one sends.
func TestLostLease(t *testing.T) {
	f := newFleet(t)
	id := ID{Key: "key", Scope: "scope"}
	use(t, f.replica(), id, func(late *Claim) {
		f.age(t, leaseTime)
		use(t, f.replica(), id, func(*Claim) {
			if err := late.Sending(t.Context()); err != ErrLost {
				t.Error(err)
			}
		})
	})
}

// Without Redis the memory of the replica remains, and the absence of an id says nothing any more:
// also when Redis is there again, for a day.
func TestRedisFails(t *testing.T) {
	f := newFleet(t)
	id, other := ID{Key: "key", Scope: "scope", Fingerprint: "print"}, ID{Key: "other", Scope: "scope"}
	s := f.replica()
	use(t, s, ID{Key: "any", Scope: "scope"}, nothing)
	f.age(t, 25*time.Hour)
	dead := redis.NewClient(&redis.Options{MaxRetries: -1, DialerRetries: 1, Dialer: failingDial})
	defer dead.Close()
	live := s.shared.client

	s.shared.client = dead
	use(t, s, id, send(t, nothing))
	if got, want := known(t, s, id), `customer 0, known true since 0s, first false, fingerprint "print"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	s.shared.client = live
	for range 2 {
		if got, want := known(t, s, other), `customer 0, known false since 0s, first false, fingerprint ""`; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	use(t, s, id, created)
	if got, want := known(t, f.replica(), id), `customer 7, known true since 0s, first false, fingerprint "print"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for line, times := range map[string]int{"Redis fails": 1, "Redis works again": 1} {
		if n := strings.Count(f.log.String(), line); n != times {
			t.Errorf("%q is %d times in the log:\n%s", line, n, f.log.String())
		}
	}
}

func failingDial(context.Context, string, string) (conn net.Conn, err error) {
	return nil, context.DeadlineExceeded
}

// Nothing that a caller sends is in Redis.
func TestNoPersonalData(t *testing.T) {
	f := newFleet(t)
	use(t, f.replica(), ID{Key: "KEY", Scope: "SCOPE", Fingerprint: "PRINT"}, send(t, created))
	dump, err := f.client.Eval(t.Context(), `
		local all = {}
		for _, key in ipairs(redis.call('KEYS', '*')) do
			table.insert(all, key)
			if redis.call('TYPE', key).ok == 'hash' then
				table.insert(all, table.concat(redis.call('HKEYS', key), ' '))
			end
		end
		table.sort(all)
		return table.concat(all, '\n')`, nil).Text()
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(dump)
	for _, want := range []string{"pelcro-grpc:{creates}:KEY", "pelcro-grpc:{creates}:epoch", "pelcro-grpc:{creates}:epoch:SCOPE", "since", "fingerprint", "customer"} {
		if i := slices.Index(fields, want); i >= 0 {
			fields = append(fields[:i], fields[i+1:]...)
		} else {
			t.Errorf("%q is missing", want)
		}
	}
	if len(fields) > 0 {
		t.Errorf("Redis also holds %q", fields)
	}
}

// A Redis that may evict ids is reported.
func TestCheckRedis(t *testing.T) {
	for policy, want := range map[string]string{"noeviction": "", "allkeys-lru": "maxmemory_policy=allkeys-lru"} {
		f := newFleet(t, "--maxmemory-policy", policy)
		f.replica().CheckRedis(t.Context())
		if got := f.log.String(); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %s", policy, got)
		}
	}
}
