package quota

import "time"

// dispatch gives free slots to the calls that are next, rejects those that have become too late, and
// sets the timer for what will happen by itself. It must be called after every change.
func (q *Quota) dispatch() {
	if q.closed {
		return
	}
	now := time.Now()
	q.log.forget(now.Add(-q.config.RequestTimeout))
	q.rejectLate(now)
	switch {
	case q.queue.len() == 0 || now.Before(q.gate):
	case q.fleet.isUp() && q.shared() > 0:
		q.ask(now)
	default:
		for q.free(now) > 0 && !q.held(now).After(now) {
			q.number++
			q.grant(now, q.queue.pop(), q.number)
		}
	}
	q.setTimer(now)
}

// free returns how many requests may be sent now, as far as this replica's own log says.
func (q *Quota) free(now time.Time) int {
	free := q.queue.len()
	if limit := q.local(); limit > 0 {
		free = min(free, limit-len(q.log.occupied(now)))
	}
	return min(free, q.startRoom())
}

// startRoom returns how many more requests may be in flight before the first response.
func (q *Quota) startRoom() int {
	if q.responded {
		return q.queue.len()
	}
	return cautious - q.inFlight
}

// local returns how many requests this replica may have in its own log, 0 for any number. Without
// Redis that is all; where Redis should be but is not, an equal part for each replica.
func (q *Quota) local() int {
	if limit := q.shared(); limit > 0 {
		return max(limit/q.fleet.size(), 1)
	}
	return 0
}

// grant gives a call its slot.
func (q *Quota) grant(now time.Time, w *waiter, number uint64) {
	q.inFlight++
	if w.class == Bulk {
		q.lastBulk = now
	}
	if q.shared() > 0 || len(q.log.entries) < maxUnpaced {
		q.log.add(entry{number: number, free: now.Add(q.config.RequestTimeout + q.config.Window)})
	}
	q.config.Metrics.granted(w, now)
	w.done <- result{slot: &Slot{quota: q, number: number, taken: now}}
}

// forecast says when slots will be free, as far as that is known.
type forecast struct {
	now, gate time.Time
	limit     int // 0: a slot is always free
	window    time.Duration
	occupied  []entry // ordered by when they are free
	unlisted  int     // occupied, and free even later
}

func (q *Quota) forecast(now time.Time) forecast {
	f := forecast{now: now, gate: q.gate, limit: q.local(), window: q.config.Window}
	switch {
	case f.limit == 0:
	case q.fleet.isUp():
		f.limit = q.shared()
		f.occupied, f.unlisted = q.fleet.occupied(now)
	default:
		f.occupied = q.log.occupied(now)
	}
	return f
}

// slot returns when the slot for the call is free that has so many calls before it. A request in
// flight occupies its slot until one window after now at the earliest, and so does a call that gets
// one from then on.
func (f forecast) slot(before int) time.Time {
	free := f.now
	if f.limit > 0 {
		at := len(f.occupied) + f.unlisted - f.limit + before%f.limit
		if at = min(at, len(f.occupied)-1); at >= 0 {
			free = f.occupied[at].free
		}
	}
	if responded := f.now.Add(f.window); free.After(responded) {
		free = responded
	}
	if free.Before(f.gate) {
		free = f.gate
	}
	if f.limit > 0 {
		free = free.Add(time.Duration(before/f.limit) * f.window)
	}
	return free
}

// lateAt returns when a call has become too late if nothing else happens until then: at its
// deadline, or earlier if it counts on a slot in flight, which is free later the longer it takes.
func (f forecast) lateAt(before int, deadline time.Time) time.Time {
	if slot := f.slot(before); f.limit > 0 && !slot.Before(f.now.Add(f.window)) {
		return f.now.Add(deadline.Sub(slot))
	}
	return deadline
}

// tooLate returns the rejection of a waiting call if no slot will be free for it before its
// deadline.
func (q *Quota) tooLate(now time.Time, w *waiter) error {
	f := q.forecast(now)
	for before, other := range q.queue.all() {
		if other == w {
			return q.rejection(f, before, w)
		}
	}
	return nil
}

func (q *Quota) rejection(f forecast, before int, w *waiter) error {
	slot := f.slot(before)
	if slot.Before(w.deadline) {
		return nil
	}
	wait := slot.Sub(f.now)
	if wait <= 0 { // another replica is ahead, or the ten of the start are in flight: the average
		wait = f.window / time.Duration(max(f.limit, 1))
	}
	return &RejectedError{RetryAfter: wait, Limit: q.known()}
}

// rejectLate rejects the calls that were overtaken, or whose slot is free later than was known when
// they arrived.
func (q *Quota) rejectLate(now time.Time) {
	f := q.forecast(now)
	for again := true; again; {
		again = false
		for before, w := range q.queue.all() {
			if err := q.rejection(f, before, w); err != nil {
				q.queue.remove(w)
				q.config.Metrics.rejected(w)
				w.done <- result{err: err}
				again = true // those behind it have moved up
				break
			}
		}
	}
}

// setTimer makes the timer call wake when a slot is free, the gate opens, Redis is to be asked
// again, or a call is too late.
func (q *Quota) setTimer(now time.Time) {
	if q.queue.len() == 0 {
		if q.timer != nil {
			q.timer.Stop()
		}
		return
	}
	f := q.forecast(now)
	next := f.slot(0)
	if q.fleet.isUp() && f.limit > 0 && !now.Before(q.gate) {
		next = q.fleet.nextAsk(now)
	}
	if held := q.held(now); !next.After(now) && held.After(now) {
		next = held
	}
	if !next.After(now) {
		next = now.Add(q.config.Window) // it is not the time that a call waits for
	}
	for before, w := range q.queue.all() {
		if late := f.lateAt(before, w.deadline); late.Before(next) {
			next = late
		}
	}
	wait := max(next.Sub(now), 0)
	if q.timer == nil {
		q.timer = time.AfterFunc(wait, q.wake)
		return
	}
	q.timer.Reset(wait)
}

func (q *Quota) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dispatch()
}

// remaining returns how many slots are free.
func (f forecast) remaining() int { return max(f.limit-len(f.occupied)-f.unlisted, 0) }
