package quota

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"
)

const (
	// redisTimeout is how long a call waits for Redis.
	redisTimeout = 50 * time.Millisecond
	// beatInterval is how often a replica shows that it is alive, finds out whether Redis is, and
	// whether Redis has lost the log.
	beatInterval = time.Second
	// maxAsks bounds the concurrent requests to Redis for slots; one asks for all calls that wait.
	maxAsks = 16
	// returned instead of a time says that the request was not sent.
	returned = -1
)

// sharedLog is a sliding log that all replicas share. Redis has it, and tests have one in memory.
type sharedLog interface {
	// exchange reports what happened to this replica's requests, and asks for slots.
	exchange(ctx context.Context, m message) (view, error)
}

// message is what a replica tells the shared log. Times are relative: the log has its own clock.
type message struct {
	replica string
	// epoch is the log that the replica knows; another one grants no slot.
	epoch string
	// rejoins reports whether changes are all of this replica's requests.
	rejoins         bool
	limit           int // 0 if unknown
	window, timeout time.Duration
	changes         []change
	gate            time.Duration // until the gate opens, 0 without a 429
	// remaining is the X-RateLimit-Remaining of a request that was sent so long ago; -1 for none.
	remaining int
	sent      time.Duration
	// want is the number of slots wanted, numbered from first. No other message has the same first.
	want  int
	first uint64
}

// change is a request whose slot will be free after that time, or is [returned].
type change struct {
	number uint64
	free   time.Duration
}

// view is what a replica learns of the shared log.
type view struct {
	epoch    string
	granted  int
	replicas int
	gate     time.Duration
	occupied int
	// releases are when the slots will be free that are first; not necessarily all.
	releases []time.Duration
	// again is when to ask for the slots that were wanted and not granted.
	again time.Duration
}

var errEpoch = errors.New("the log in Redis is a new one")

// fleet is a replica's use of the shared log. Quota's mutex guards it.
type fleet struct {
	log     sharedLog
	replica string
	running sync.WaitGroup
	beat    *time.Timer

	up, failed bool // failed: a failure was logged, and no success since
	epoch      string
	replicas   int
	view       []entry // the first slots to be free
	unlisted   int     // occupied, and free later than those
	asks, want int     // what Redis was asked for and has not answered
	askAt      time.Time
	// partUntil is until when this replica keeps to its part: others may not have returned yet.
	partUntil time.Time
}

// join connects the quota to the shared log.
func (q *Quota) join(log sharedLog) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fleet = &fleet{log: log, replica: rand.Text()}
	q.fleet.beat = time.AfterFunc(0, q.heartbeat)
}

func (f *fleet) leave() {
	f.beat.Stop()
	f.running.Wait()
}

// isUp reports whether slots come from the shared log.
func (f *fleet) isUp() bool { return f != nil && f.up }

func (f *fleet) ups() int {
	if f.isUp() {
		return 1
	}
	return 0
}

// size returns how many replicas were seen last.
func (f *fleet) size() int {
	if f == nil {
		return 1
	}
	return max(f.replicas, 1)
}

// occupied returns the slots of the shared log that are occupied, the first to be free, and how many
// others there are.
func (f *fleet) occupied(now time.Time) ([]entry, int) {
	log := slidingLog{entries: f.view}
	return log.occupied(now), f.unlisted
}

// nextAsk returns when slots may be asked for that were not granted.
func (f *fleet) nextAsk(now time.Time) time.Time {
	if f.askAt.After(now) {
		return f.askAt
	}
	return f.partUntil
}

// heartbeat exchanges a message each second. One after a failure carries this replica's whole log.
func (q *Quota) heartbeat() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	m := message{remaining: -1}
	if m.rejoins = !q.fleet.up; m.rejoins {
		now := time.Now()
		m.gate = max(q.gate.Sub(now), 0)
		for _, e := range q.log.occupied(now) {
			if e.number != 0 {
				m.changes = append(m.changes, change{number: e.number, free: e.free.Sub(now)})
			}
		}
	}
	q.send(m)
	q.fleet.beat.Reset(beatInterval)
}

// ask asks for slots for the calls that wait.
func (q *Quota) ask(now time.Time) {
	f := q.fleet
	want := min(q.wanted(now), q.startRoom())
	if now.Before(f.partUntil) {
		want = min(want, q.local()-len(q.log.occupied(now)))
	}
	want -= f.want
	if want <= 0 || f.asks == maxAsks || now.Before(f.askAt) {
		return
	}
	f.asks++
	f.want += want
	q.send(message{remaining: -1, want: want})
}

// send exchanges a message with the shared log, in the background.
func (q *Quota) send(m message) {
	f := q.fleet
	m.replica, m.epoch = f.replica, f.epoch
	m.limit, m.window, m.timeout = q.shared(), q.config.Window, q.config.RequestTimeout
	m.first = q.number + 1
	q.number += uint64(max(m.want, 1))
	if q.closed {
		go q.exchange(m) // Close does not wait for what is sent later
		return
	}
	f.running.Go(func() { q.exchange(m) })
}

func (q *Quota) exchange(m message) {
	ctx, cancel := context.WithTimeout(context.Background(), redisTimeout)
	defer cancel()
	f := q.fleet
	v, err := f.log.exchange(ctx, m)
	q.mu.Lock()
	defer q.mu.Unlock()
	if m.want > 0 {
		f.asks--
		f.want -= m.want
	}
	switch {
	case err != nil:
		q.fallBack(err)
	case m.rejoins:
		q.recover(v)
	case v.epoch != f.epoch:
		q.fallBack(errEpoch)
	}
	if err == nil {
		q.apply(m, v)
	}
	q.dispatch()
}

// recover begins to use the shared log, which has this replica's requests now.
func (q *Quota) recover(v view) {
	f := q.fleet
	f.up, f.epoch, f.askAt = true, v.epoch, time.Time{}
	f.partUntil = time.Now().Add(2 * beatInterval)
	if f.failed {
		f.failed = false
		q.config.Logger.Info("Redis is available again; the replicas share one quota", "replicas", v.replicas)
	}
}

// fallBack continues without the shared log. A new log only has to learn this replica's requests.
func (q *Quota) fallBack(err error) {
	f := q.fleet
	f.up = false
	if q.closed {
		return
	}
	if errors.Is(err, errEpoch) {
		f.beat.Reset(0)
		return
	}
	q.config.Metrics.redisErrors.Inc()
	if !f.failed {
		f.failed = true
		q.config.Logger.Warn("Redis is unavailable or slow; each replica continues with its part of the quota",
			"error", err, "replicas", f.size())
	}
}

// apply takes the slots that were granted and keeps what is known of the others.
func (q *Quota) apply(m message, v view) {
	f, now := q.fleet, time.Now()
	q.rejectLate(now)
	f.replicas = v.replicas
	q.closeGate(now.Add(v.gate))
	f.view, f.unlisted = f.view[:0], v.occupied-len(v.releases)
	for _, release := range v.releases {
		f.view = append(f.view, entry{free: now.Add(min(release, q.config.Window))})
	}
	switch {
	case m.want > v.granted:
		f.askAt = now.Add(v.again)
	case m.want > 0 || v.occupied < m.limit:
		f.askAt = time.Time{}
	}
	for i := range v.granted {
		number := m.first + uint64(i)
		if q.queue.len() > 0 && !now.Before(q.gate) {
			q.grant(now, q.queue.pop(), number)
		} else {
			q.send(message{remaining: -1, changes: []change{{number: number, free: returned}}})
		}
	}
}
