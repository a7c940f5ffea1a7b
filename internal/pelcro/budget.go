package pelcro

import (
	"sync"
	"time"
)

// The retry budget, in credits. A call that Pelcro answers earns one and a retry
// costs five, so at most a fifth of the answered calls are repeated and an outage,
// in which nothing is answered, is not multiplied. What a burst may use is
// bounded. A few retries are there without being earned, for a quiet service, and
// come back slowly.
const (
	retryCost = 5
	maxSaved  = 10 * retryCost
	reserve   = 3 * retryCost
	// refill is the time in which a credit of the reserve comes back.
	refill = time.Second / retryCost
)

// budget counts the retries that are allowed at the moment.
type budget struct {
	mu      sync.Mutex
	credits int
	filled  time.Time // up to when the reserve was refilled
}

func newBudget() *budget { return &budget{credits: reserve, filled: time.Now()} }

// earn counts a call that was answered.
func (b *budget) earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.credits = min(b.credits+1, maxSaved)
}

// take uses a retry up, if there is one.
func (b *budget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if back := int64(time.Since(b.filled) / refill); back > 0 {
		b.filled = b.filled.Add(time.Duration(back) * refill)
		if b.credits < reserve {
			b.credits = int(min(int64(b.credits)+back, reserve))
		}
	}
	if b.credits < retryCost {
		return false
	}
	b.credits -= retryCost
	return true
}
