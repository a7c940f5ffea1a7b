package server

import (
	"sync"
	"time"
)

// maxRejectedLines is how many lines a second the log gets about rejected calls of unknown clients,
// so that whoever floods the service with calls does not flood its log as well. Metrics count every
// call.
const maxRejectedLines = 10

// lineLimit limits lines to [maxRejectedLines] a second.
type lineLimit struct {
	mu             sync.Mutex
	began          time.Time // of the current second
	lines, omitted int
}

// allow reports whether a line may be written now, and if so, how many were not since the last one.
func (l *lineLimit) allow(now time.Time) (omitted int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.began) >= time.Second {
		l.began, l.lines = now, 0
	}
	if l.lines == maxRejectedLines {
		l.omitted++
		return 0, false
	}
	l.lines++
	omitted, l.omitted = l.omitted, 0
	return omitted, true
}
