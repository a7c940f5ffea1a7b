package pelcro

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/quota"
)

const (
	// maxQuotas bounds the quotas of credentials that callers bring. Beyond it, the one that was used
	// longest ago is forgotten, unless a call uses it.
	maxQuotas = 1000
	// quotaKept is how long a quota is kept that no call uses. Its log is empty by then, unless a window
	// of Pelcro's is longer, and then a 429 tells.
	quotaKept = 5 * time.Minute
)

// quotas has the quota of each credential: the limit is that of the credential's account.
type quotas struct {
	// open makes a quota for the credential with that hash; nil if there are no quotas.
	open func(key [sha256.Size]byte) *quota.Quota

	mu    sync.Mutex
	known map[[sha256.Size]byte]*knownQuota
}

type knownQuota struct {
	*quota.Quota

	users int
	used  time.Time // when the last call began or ended
}

// use returns the quota of a credential, nil if there are none, until release.
func (q *quotas) use(of *credential) (used *quota.Quota, release func()) {
	if q.open == nil {
		return nil, func() {}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	known := q.known[of.hash]
	if known == nil {
		q.forget(now)
		known = &knownQuota{Quota: q.open(of.hash)}
		q.known[of.hash] = known
	}
	known.users++
	known.used = now
	return known.Quota, sync.OnceFunc(func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		known.users--
		known.used = time.Now()
	})
}

// forget makes room for another quota.
func (q *quotas) forget(now time.Time) {
	var oldest [sha256.Size]byte
	isFull := len(q.known) >= maxQuotas
	for hash, known := range q.known {
		switch {
		case known.users > 0:
		case now.Sub(known.used) > quotaKept:
			known.Close()
			delete(q.known, hash)
		case q.known[oldest] == nil || known.used.Before(q.known[oldest].used):
			oldest = hash
		}
	}
	if known := q.known[oldest]; known != nil && isFull && len(q.known) >= maxQuotas {
		known.Close()
		delete(q.known, oldest)
	}
}

// close ends all quotas.
func (q *quotas) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for hash, known := range q.known {
		known.Close()
		delete(q.known, hash)
	}
}

// hashOf names a credential without telling it: keys are long and random.
func hashOf(authorization string) [sha256.Size]byte {
	return sha256.Sum256([]byte("pelcro-grpc quota\n" + authorization))
}
