package requestid

import (
	"context"
	"strconv"
	"sync"
	"time"
)

// lease is an id in Redis that belongs to one claim of one replica. It is renewed until release.
type lease struct {
	shared    *shared
	key, name string
	since     string // when the id was known before, empty if it was not
	stop      context.CancelFunc
	renewing  sync.WaitGroup
}

func (s *shared) lease(key, name, since string) *lease {
	ctx, stop := context.WithCancel(context.Background())
	l := &lease{shared: s, key: key, name: name, since: since, stop: stop}
	l.renewing.Go(func() {
		ticker := time.NewTicker(renewTime)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				_, _ = l.record(ctx, "renew", strconv.FormatInt(leaseTime.Milliseconds(), 10)) // counted and logged
			case <-ctx.Done():
				return
			}
		}
	})
	return l
}

// sending returns ErrLost if another replica has the id. When Redis fails, the entry of the claim
// still says that the create may have been sent.
func (l *lease) sending(ctx context.Context) error {
	has, err := l.record(ctx, "sending", "")
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil && !has:
		return ErrLost
	}
	return nil
}

// release records the result of the claim. It does so also when the call has been cancelled.
func (l *lease) release(c *Claim) {
	l.stop()
	l.renewing.Wait()
	what, value := "forget", ""
	switch {
	case c.CustomerID != 0:
		what, value = "created", strconv.FormatInt(c.CustomerID, 10)
	case c.sent:
		what = "release"
	case l.since != "":
		what, value = "keep", l.since
	case c.Known:
		what = "release"
	}
	_, _ = l.record(context.Background(), what, value) // counted and logged
}

// record runs the script; has reports whether the id belongs to the claim.
func (l *lease) record(ctx context.Context, what, value string) (has bool, err error) {
	limited, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	reply, err := recordScript.Run(limited, l.shared.client, []string{prefix + l.key}, l.name, what, value, sharedTime.Milliseconds()).Int()
	switch {
	case err == nil:
		l.shared.worked()
	case ctx.Err() == nil:
		l.shared.failed(err)
	}
	return reply == 1, err
}
