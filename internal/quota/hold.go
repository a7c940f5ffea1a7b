package quota

import "time"

// held returns until when the waiting calls leave free slots alone, for calls of the upper class that
// may still come; it is not after now if they do not.
//
// Slots that are used in a burst are free again in a burst, one window later, and in between every
// call would have to wait. So when only calls of the lower class wait and less than half of the
// slots is free, those are spread over the time until the next one will be free. A call spends at
// most half of its time on that. None is rejected because of it: the forecast counts the slots as
// free.
func (q *Quota) held(now time.Time) time.Time {
	f, lower := q.forecast(now), q.queue.lines[Bulk].waiting
	free := f.remaining()
	if len(q.queue.lines[Interactive].waiting) > 0 || len(lower) == 0 || free == 0 || 2*free > f.limit {
		return now
	}
	last := q.lastBulk
	if earliest := now.Add(-f.window); last.Before(earliest) {
		last = earliest
	}
	next := f.slot(free) // that is occupied now
	until := last.Add(next.Sub(last) / time.Duration(free+1))
	if half := lower[0].arrived.Add(lower[0].deadline.Sub(lower[0].arrived) / 2); half.Before(until) {
		return half
	}
	return until
}

// wanted returns for how many of the waiting calls slots are to be taken now, out of the log in
// Redis.
func (q *Quota) wanted(now time.Time) int {
	upper, lower := len(q.queue.lines[Interactive].waiting), len(q.queue.lines[Bulk].waiting)
	if lower == 0 || q.held(now).After(now) {
		return upper
	}
	f := q.forecast(now)
	return upper + min(lower, max(f.remaining()-f.limit/2, 1))
}
