package quota

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// memoryLog is a shared log in memory: what log.lua does, in Go, with the clock of the bubble.
type memoryLog struct {
	mu       sync.Mutex
	latency  time.Duration // of a round trip
	broken   bool          // every exchange fails after the time limit
	epoch    string
	slots    map[string]time.Time
	gate     time.Time
	replicas map[string]*replicaState
	// asked counts the exchanges.
	asked int
}

type replicaState struct {
	seen, until time.Time
	want        int
}

var errBroken = errors.New("broken")

func (l *memoryLog) set(broken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = broken
}

// respondImmediately sets the latency to zero.
func (l *memoryLog) respondImmediately() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.latency = 0
}

func (l *memoryLog) exchanges() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

// restart loses everything.
func (l *memoryLog) restart() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch, l.slots, l.replicas, l.gate, l.broken = "", nil, nil, time.Time{}, false
}

func (l *memoryLog) exchange(ctx context.Context, m message) (view, error) {
	l.mu.Lock()
	latency := l.latency
	l.mu.Unlock()
	time.Sleep(latency / 2)
	v, err := l.run(time.Now(), m)
	if err != nil {
		<-ctx.Done()
		return v, err
	}
	time.Sleep(latency - latency/2)
	return v, nil
}

// run is log.lua.
func (l *memoryLog) run(clock time.Time, m message) (view, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	if l.broken {
		return view{}, errBroken
	}
	now := clock.Truncate(time.Millisecond)
	rounded := func(d time.Duration) time.Duration { return time.Duration(milliseconds(d)) * time.Millisecond }
	after := func(d time.Duration) time.Time { return now.Add(rounded(d) + time.Millisecond) }
	if l.epoch == "" {
		l.epoch = fmt.Sprint(now.UnixMilli())
		l.slots, l.replicas = map[string]time.Time{}, map[string]*replicaState{}
	}
	for _, c := range m.changes {
		name := fmt.Sprintf("%s:%d", m.replica, c.number)
		old, known := l.slots[name]
		switch free := after(c.free); {
		case c.free == returned:
			delete(l.slots, name)
		case !known || free.Before(old):
			l.slots[name] = free
		}
	}
	for name, free := range l.slots {
		if !free.After(now.Add(-m.timeout)) {
			delete(l.slots, name)
		}
	}
	if m.gate > 0 && after(m.gate).After(l.gate) {
		l.gate = after(m.gate)
	}
	if m.remaining >= 0 && m.limit > 0 {
		for i := range m.limit - len(l.occupied(now.Add(-rounded(m.sent)))) - m.remaining {
			l.slots[fmt.Sprintf("other:%s:%d:%d", m.replica, m.first, i+1)] = after(m.window)
		}
	}
	v := view{epoch: l.epoch, gate: max(l.gate.Sub(now), 0)}
	if m.epoch == l.epoch && !l.gate.After(now) {
		v.granted = l.share(now, m)
	}
	for i := range v.granted {
		l.slots[fmt.Sprintf("%s:%d", m.replica, m.first+uint64(i))] = after(m.timeout + m.window)
	}
	v.releases = l.occupied(now)
	v.occupied, v.again = len(v.releases), time.Second
	v.releases = v.releases[:min(len(v.releases), 1000)]
	if v.occupied > 0 {
		v.again = min(v.again, v.releases[0])
	}
	if v.occupied < m.limit {
		v.again = min(v.again, 100*time.Millisecond)
	}
	own := l.replicas[m.replica]
	if own == nil {
		own = &replicaState{}
		l.replicas[m.replica] = own
	}
	own.seen = now
	if m.want > 0 {
		own.want, own.until = m.want-v.granted, now
		if own.want > 0 {
			own.until = now.Add(v.again + 100*time.Millisecond)
		}
	}
	for name, r := range l.replicas {
		if r.seen.Add(10 * time.Second).Before(now) {
			delete(l.replicas, name)
		}
	}
	v.replicas = len(l.replicas)
	return v, nil
}

// occupied returns how long each slot is still occupied, the shortest time first.
func (l *memoryLog) occupied(at time.Time) []time.Duration {
	releases := make([]time.Duration, 0, len(l.slots))
	for _, free := range l.slots {
		if free.After(at) {
			releases = append(releases, free.Sub(at))
		}
	}
	slices.Sort(releases)
	return releases
}

// share returns how many slots the replica gets.
func (l *memoryLog) share(now time.Time, m message) int {
	slots, wants := map[string]int{}, map[string]int{m.replica: m.want}
	free := m.limit
	for name, until := range l.slots {
		if until.After(now) {
			replica, _, _ := strings.Cut(name, ":")
			slots[replica]++
			free--
		}
	}
	for name, r := range l.replicas {
		if name != m.replica && r.until.After(now) && !r.seen.Add(10*time.Second).Before(now) {
			wants[name] = r.want
		}
	}
	for range free {
		least := ""
		for name, want := range wants {
			if want > 0 && (least == "" || slots[name] < slots[least] || slots[name] == slots[least] && name < least) {
				least = name
			}
		}
		if least == "" {
			break
		}
		slots[least]++
		wants[least]--
	}
	return m.want - wants[m.replica]
}
