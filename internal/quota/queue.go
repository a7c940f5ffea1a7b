package quota

import (
	"iter"
	"slices"
	"sort"
	"time"
)

// upperRun is how many calls of the upper class go first in a row: the lower class keeps a tenth.
const upperRun = 9

// waiter is a call that waits for a slot.
type waiter struct {
	caller  string
	class   Class
	cost    float64 // of a slot, 1/share
	place   float64 // in the line of its class
	arrived time.Time
	// deadline is when it is too late for a slot.
	deadline time.Time
	// done receives the slot or the reason why there is none.
	done chan result
}

type result struct {
	slot *Slot
	err  error
}

// queue orders the calls that wait: by class, then round robin by caller.
type queue struct {
	lines [2]line // by class
	// run is how many calls of the upper class went first since the last one of the lower class.
	run int
}

// line holds the waiting calls of one class in their order.
//
// A call's place is the caller's place before it, or that of the call served last, plus what a slot
// costs the caller: 1/share. This is self-clocked fair queueing: a caller that sends more calls than
// another only gets more places behind its own, and one that was idle saved nothing.
type line struct {
	waiting []*waiter
	last    map[string]float64 // the last place of each caller that waits
	served  float64            // the place of the call served last
}

func (q *queue) len() int { return len(q.lines[Interactive].waiting) + len(q.lines[Bulk].waiting) }

// all returns the calls in the order in which they will be served.
func (q *queue) all() iter.Seq2[int, *waiter] {
	return func(yield func(int, *waiter) bool) {
		upper, lower, run := q.lines[Interactive].waiting, q.lines[Bulk].waiting, q.run
		for i := 0; len(upper)+len(lower) > 0; i++ {
			var next *waiter
			if len(upper) == 0 || len(lower) > 0 && run >= upperRun {
				next, lower, run = lower[0], lower[1:], 0
			} else {
				next, upper, run = upper[0], upper[1:], run+1
			}
			if !yield(i, next) {
				return
			}
		}
	}
}

func (q *queue) add(w *waiter) { q.lines[w.class].add(w) }

// remove removes a call that is not served, and reports whether it was waiting.
func (q *queue) remove(w *waiter) bool { return q.lines[w.class].remove(w) }

// pop removes the next call, to be served. It is nil if no call is waiting.
func (q *queue) pop() *waiter {
	for _, w := range q.all() {
		q.lines[w.class].pop()
		if w.class == Interactive {
			q.run++
		} else {
			q.run = 0
		}
		return w
	}
	return nil
}

func (l *line) add(w *waiter) {
	if l.last == nil {
		l.last = map[string]float64{}
	}
	w.place = max(l.served, l.last[w.caller]) + w.cost
	l.last[w.caller] = w.place
	at := sort.Search(len(l.waiting), func(i int) bool { return l.waiting[i].place > w.place })
	l.waiting = slices.Insert(l.waiting, at, w)
}

// remove removes a call. Later calls of its caller move up, each to the place of the one before.
func (l *line) remove(w *waiter) bool {
	at := slices.Index(l.waiting, w)
	if at < 0 {
		return false
	}
	hole, place := at, w.place
	for i, later := range l.waiting[at+1:] {
		if later.caller == w.caller {
			later.place, place = place, later.place
			l.waiting[hole], hole = later, at+1+i
		}
	}
	l.waiting = slices.Delete(l.waiting, hole, hole+1)
	l.last[w.caller] = 0
	for _, rest := range l.waiting {
		if rest.caller == w.caller {
			l.last[w.caller] = rest.place
		}
	}
	l.forgetServed(w.caller)
	return true
}

// pop removes the first call as served.
func (l *line) pop() {
	first := l.waiting[0]
	l.waiting = slices.Delete(l.waiting, 0, 1)
	l.served = first.place
	l.forgetServed(first.caller)
	if len(l.waiting) == 0 {
		l.served = 0
	}
}

// forgetServed forgets a caller without a place behind the call served last.
func (l *line) forgetServed(caller string) {
	if l.last[caller] <= l.served {
		delete(l.last, caller)
	}
}
