package quota

import (
	"cmp"
	"time"
)

// Slot is the right to send one request, now. Either Done or Return ends it.
type Slot struct {
	quota  *Quota
	number uint64
	taken  time.Time
	ended  bool
}

// Done reports how the request ended. Only the first call of Done or Return has an effect.
func (s *Slot) Done(r Response) {
	q := s.quota
	q.mu.Lock()
	defer q.mu.Unlock()
	if !s.end() {
		return
	}
	now := time.Now()
	m := message{remaining: -1}
	if r.Arrived {
		q.responded = true
		q.header = cmp.Or(max(r.Limit, 0), q.header)
		if q.log.remove(s.number) {
			q.log.add(entry{number: s.number, free: now.Add(q.config.Window)})
			m.changes = []change{{number: s.number, free: q.config.Window}}
		}
	}
	if r.RateLimited {
		m.gate = r.RetryAfter
		if m.gate <= 0 {
			m.gate = defaultGate
		}
		q.closeGate(now.Add(m.gate))
	}
	if r.Arrived && r.Remaining >= 0 {
		m.remaining, m.sent = r.Remaining, now.Sub(s.taken)
	}
	if q.fleet.isUp() {
		q.send(m)
	} else {
		q.deduct(now, s.taken, r)
	}
	q.dispatch()
}

// Return gives back a slot whose request was not sent. Others can use it immediately.
func (s *Slot) Return() {
	q := s.quota
	q.mu.Lock()
	defer q.mu.Unlock()
	if !s.end() {
		return
	}
	if q.log.remove(s.number) && q.fleet.isUp() {
		q.send(message{remaining: -1, changes: []change{{number: s.number, free: returned}}})
	}
	q.dispatch()
}

// end reports whether the slot was still in use.
func (s *Slot) end() bool {
	if s.ended {
		return false
	}
	s.ended = true
	s.quota.inFlight--
	return true
}

func (q *Quota) closeGate(until time.Time) {
	if until.After(q.gate) {
		q.gate = until
	}
}

// deduct takes requests of others out of the log for one window: those by which Pelcro has fewer
// left than the log. The log counts what occupied a slot when the request was sent, because Pelcro
// counted at some time after that.
func (q *Quota) deduct(now, sent time.Time, r Response) {
	limit := q.local()
	if !r.Arrived || r.Remaining < 0 || limit == 0 {
		return
	}
	for range limit - len(q.log.occupied(sent)) - r.Remaining {
		q.log.add(entry{free: now.Add(q.config.Window)})
	}
}
