package quota

import (
	"slices"
	"sort"
	"time"
)

// maxUnpaced bounds the log while the limit is unknown, and so nothing else does.
const maxUnpaced = 10_000

// entry is a request that occupies a slot until it is free. Another integration's request has no
// number.
type entry struct {
	number uint64
	free   time.Time
}

// slidingLog holds the requests of one window and a little more, ordered by when their slots are
// free. It is exact: the slots that are occupied at any time are those of all the requests that can
// be in a window of Pelcro that includes this time.
type slidingLog struct {
	entries []entry
}

// add records a request.
func (l *slidingLog) add(e entry) {
	l.entries = slices.Insert(l.entries, l.firstAfter(e.free), e)
}

// remove removes a request, and reports whether it was there.
func (l *slidingLog) remove(number uint64) bool {
	at := slices.IndexFunc(l.entries, func(e entry) bool { return e.number == number })
	if at >= 0 {
		l.entries = slices.Delete(l.entries, at, at+1)
	}
	return at >= 0
}

// forget drops the requests whose slots were free at that time.
func (l *slidingLog) forget(at time.Time) { l.entries = l.occupied(at) }

// occupied returns the requests whose slots were not free at that time, also those recorded since.
func (l *slidingLog) occupied(at time.Time) []entry { return l.entries[l.firstAfter(at):] }

func (l *slidingLog) firstAfter(t time.Time) int {
	return sort.Search(len(l.entries), func(i int) bool { return l.entries[i].free.After(t) })
}
