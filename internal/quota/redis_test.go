package quota

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// clientOf returns a client of the server until the end of the test.
func clientOf(t *testing.T, server *testkit.Redis) *redis.Client {
	t.Helper()
	client, err := OpenRedis(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// The script and the shared log of the simulations are the same: whatever three replicas do, in
// Redis and in memory, has the same effect.
func TestScriptAgainstItsTwin(t *testing.T) {
	client := clientOf(t, testkit.StartRedis(t))
	timed := redis.NewScript(strings.Replace(script, "redis.call('TIME')",
		"{redis.call('GET', 'seconds'), redis.call('GET', 'microseconds')}", 1))
	for seed := range uint64(10) {
		random := rand.New(rand.NewPCG(seed, 0))
		twin := &memoryLog{}
		now := time.Unix(1_700_000_000, 0)
		limit := 1 + random.IntN(30)
		numbers := map[string][]uint64{}
		epoch, next := "", uint64(1)
		for step := range 300 {
			now = now.Add(time.Duration(random.Int64N(int64(3 * time.Second))))
			m := message{
				replica: string(rune('a' + random.IntN(3))), epoch: epoch, limit: limit,
				window: time.Minute, timeout: 5 * time.Second, remaining: -1, first: next,
			}
			switch random.IntN(20) {
			case 0:
				m.gate = time.Duration(random.Int64N(int64(time.Minute)))
			case 1, 2:
				m.remaining, m.sent = random.IntN(limit), time.Duration(random.Int64N(int64(5*time.Second)))
			case 3:
				m.epoch = "another"
			case 4:
				now = now.Add(time.Duration(random.Int64N(int64(2 * time.Minute))))
			default:
				m.want = random.IntN(8)
			}
			if mine := numbers[m.replica]; len(mine) > 0 && random.IntN(2) == 0 {
				c := change{number: mine[random.IntN(len(mine))], free: time.Minute}
				if random.IntN(4) == 0 {
					c.free = returned
				}
				m.changes = append(m.changes, c)
			}
			ctx := context.Background()
			client.Set(ctx, "seconds", now.Unix(), 0)
			client.Set(ctx, "microseconds", now.Nanosecond()/1000, 0)
			keys := []string{"log" + strconv.Itoa(int(seed)), "fleet" + strconv.Itoa(int(seed))}
			reply, err := timed.Run(ctx, client, keys, arguments(m)...).Slice()
			if err != nil {
				t.Fatal(err)
			}
			got, err := parseView(reply)
			if err != nil {
				t.Fatal(err)
			}
			want, _ := twin.run(now, m)
			if releases := slices.Equal(got.releases, want.releases); !releases || got.epoch != want.epoch || got.granted != want.granted ||
				got.replicas != want.replicas || got.gate != want.gate || got.occupied != want.occupied || got.again != want.again {
				t.Fatalf("seed %d, step %d, %+v:\nredis  %+v\nmemory %+v", seed, step, m, got, want)
			}
			epoch = got.epoch
			for i := range got.granted {
				numbers[m.replica] = append(numbers[m.replica], next+uint64(i))
			}
			next += uint64(max(m.want, 1))
		}
	}
}

// events is a log handler that passes the messages on.
type events chan string

func (e events) Write(line []byte) (int, error) {
	e <- string(line)
	return len(line), nil
}

// Redis is killed, restarted without its data, frozen and continued, while two replicas make calls.
// No call fails because of it, and each event is one line of each replica.
func TestRedisFails(t *testing.T) {
	server := testkit.StartRedis(t)
	defer testkit.NoLeaks(t)
	defer server.Kill()
	const limit = 1_000_000 // in a day: what matters here is Redis, not the quota
	var calls, longest atomic.Int64
	stop, made := make(chan struct{}), make(chan struct{})
	var callers sync.WaitGroup
	var lines []events
	for range 2 {
		log := make(events, 10)
		lines = append(lines, log)
		client, err := OpenRedis(server.URL())
		if err != nil {
			t.Fatal(err)
		}
		q := New(Config{
			Limit: limit, Window: 24 * time.Hour, Redis: client, Key: "key", RequestTimeout: time.Second,
			Logger: slog.New(slog.NewTextHandler(log, nil)),
		})
		for range 4 {
			callers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					began := time.Now()
					slot, err := q.Acquire(context.Background(), Request{})
					if err != nil {
						t.Error(err)
						return
					}
					longest.Store(max(longest.Load(), int64(time.Since(began))))
					calls.Add(1)
					slot.Return()
					time.Sleep(time.Millisecond) // what matters here is Redis, not the load
					select {
					case made <- struct{}{}:
					default:
					}
				}
			})
		}
		defer func() {
			q.Close()
			client.Close()
		}()
	}
	defer func() {
		close(stop)
		callers.Wait()
	}()
	expect := func(event, text string) {
		t.Helper()
		for _, log := range lines {
			if line := <-log; !strings.Contains(line, text) {
				t.Errorf("%s: the log says %s", event, line)
			}
		}
		for range 100 {
			<-made // calls go on
		}
		t.Logf("%s: %d calls, the longest waited %v", event, calls.Load(), time.Duration(longest.Swap(0)))
	}
	server.Kill()
	expect("killed", "Redis is unavailable")
	server.Restart()
	expect("restarted", "Redis is available again")
	server.Signal(t, syscall.SIGSTOP)
	expect("frozen", "Redis is unavailable")
	server.Signal(t, syscall.SIGCONT)
	expect("continued", "Redis is available again")
}

func TestOpenRedis(t *testing.T) {
	for _, url := range []string{"", "localhost", "http://user:secret@localhost", "redis://user:secret@host:port"} {
		_, err := OpenRedis(url)
		if !errors.Is(err, errRedisURL) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", url, err)
		}
	}
	client, err := OpenRedis("rediss://user:secret@localhost:6380/1")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if o := client.Options(); !o.ContextTimeoutEnabled || o.MaxRetries != 0 || o.TLSConfig == nil || o.DB != 1 {
		t.Errorf("%+v", o)
	}
}
