// Package quota keeps the requests of a service within Pelcro's rate limit, so that Pelcro rejects no
// request with 429, and divides the limit between classes of calls, callers and replicas.
//
//	q := quota.New(quota.Config{Limit: 120, Window: time.Minute, RequestTimeout: 30 * time.Second})
//	slot, err := q.Acquire(ctx, quota.Request{Caller: "checkout"})
//	... send one request, read the response ...
//	slot.Done(quota.Response{Arrived: true, Limit: 120, Remaining: 119})
//
// A log holds each request until one window after its response, because Pelcro may have counted it
// at any time before: so no window of Pelcro, wherever it begins, gets more than the limit. A call
// without a free slot waits in a queue (class, then round robin by caller) if a slot will be free
// before its deadline, and is rejected immediately if not. With Redis, all replicas share one log.
package quota

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

const (
	// defaultWindow is Pelcro's: its limit is for a minute.
	defaultWindow = time.Minute
	// defaultWait is how long a call without a deadline waits.
	defaultWait = time.Minute
	// defaultGate is how long the gate stays closed after a 429 that does not say.
	defaultGate = time.Minute
	// cautious is how many requests are in flight at most until Pelcro has responded to one: a
	// start knows nothing of what was used before.
	cautious = 10
)

// Class is the importance of a call.
type Class int

const (
	// Interactive calls are served first: reads of single customers, and writes.
	Interactive Class = iota
	// Bulk calls get what is left, but at least a tenth: lists, streams, batch jobs.
	Bulk
)

func (c Class) String() string {
	if c == Bulk {
		return "bulk"
	}
	return "interactive"
}

// Request is a call that wants to send one request.
type Request struct {
	// Caller is whose turn in the round robin it takes. All calls without a name are one caller.
	Caller string
	// Share is how many turns the caller has in a round; 0 means 1.
	Share int
	Class Class
	// Deadline is when it is too late to send the request; zero means 60 seconds from now.
	Deadline time.Time
}

// Response says how a request ended.
type Response struct {
	// Arrived reports whether Pelcro responded. If not, the request counts as crashed: its slot is
	// free after the request timeout and one window.
	Arrived bool
	// Limit and Remaining are X-RateLimit-Limit and X-RateLimit-Remaining, -1 if unknown.
	Limit, Remaining int
	// RateLimited is a 429, RetryAfter the delay that it asks for; 0 means 60 seconds.
	RateLimited bool
	RetryAfter  time.Duration
}

// Config says what the limit is and who shares it.
type Config struct {
	// Limit is how many requests Pelcro accepts in a window, 0 for the lower of what SetLimit and
	// the responses say; while neither is known, only a 429 holds requests back.
	Limit int
	// Window is the time for which the limit is; 0 means a minute.
	Window time.Duration
	// Share is the part of the limit to use, above 0 and up to 1; 0 means 1.
	Share float64
	// RequestTimeout is when a request without a response has ended for certain.
	RequestTimeout time.Duration
	// Redis holds the log for all replicas; nil if there is only this one. See [OpenRedis].
	Redis redis.Scripter
	// Key names the log in Redis: a hash of the API key.
	Key string
	// Metrics counts what the quota does; nil counts it where nothing shows it.
	Metrics *Metrics
	// Logger gets a line when Redis fails and when it is back; nil discards them.
	Logger *slog.Logger
}

// RejectedError says that no slot is free before the call's deadline. The request was not sent.
type RejectedError struct {
	// RetryAfter is when a slot would be free for a call like this one.
	RetryAfter time.Duration
	// Limit is the limit for a window, 0 if it is unknown.
	Limit int
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("no request is left in Pelcro's rate limit before the deadline; the next one is in %v", e.RetryAfter)
}

// ErrClosed ends the calls that wait when the service stops.
var ErrClosed = errors.New("the quota is closed")

// Quota is the limit of one API key.
type Quota struct {
	config Config
	fleet  *fleet // nil without Redis

	mu     sync.Mutex
	queue  queue
	log    slidingLog // of this replica's requests
	number uint64     // of the last entry
	// account and header are the limits that SetLimit and the responses said, 0 if unknown.
	account, header int
	gate            time.Time // when the gate opens
	inFlight        int
	lastBulk        time.Time   // when a call of the lower class got its slot
	responded       bool        // whether Pelcro has responded since the start
	timer           *time.Timer // calls wake when something happens by itself
	closed          bool
}

// New returns a quota. Close ends it.
func New(config Config) *Quota {
	q := newQuota(config)
	if config.Redis != nil {
		q.join(&redisLog{client: config.Redis, key: config.Key})
	}
	return q
}

func newQuota(config Config) *Quota {
	config.Window = cmp.Or(config.Window, defaultWindow)
	config.Share = cmp.Or(config.Share, 1)
	config.Logger = cmp.Or(config.Logger, slog.New(slog.DiscardHandler))
	if config.Metrics == nil {
		config.Metrics = NewMetrics(prometheus.NewRegistry())
	}
	q := &Quota{config: config}
	config.Metrics.quotas.Store(q, true)
	return q
}

// Close ends the waiting calls immediately with [ErrClosed], and rejects later ones. Slots that are
// in use may still be reported.
func (q *Quota) Close() {
	q.mu.Lock()
	q.closed = true
	for w := q.queue.pop(); w != nil; w = q.queue.pop() {
		w.done <- result{err: ErrClosed}
	}
	if q.timer != nil {
		q.timer.Stop()
	}
	q.mu.Unlock()
	q.config.Metrics.quotas.Delete(q)
	if q.fleet != nil {
		q.fleet.leave()
	}
}

// SetLimit sets the number of requests a minute that Pelcro's account resource tells. It has no
// effect on a fixed limit.
func (q *Quota) SetLimit(perMinute int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.account = max(perMinute, 0)
	q.dispatch()
}

// Limit returns how many requests Pelcro accepts in a window, 0 if that is unknown.
func (q *Quota) Limit() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.known()
}

func (q *Quota) known() int {
	switch {
	case q.config.Limit > 0:
		return q.config.Limit
	case q.account == 0 || q.header == 0:
		return max(q.account, q.header)
	}
	return min(q.account, q.header)
}

// shared returns how many requests all replicas may have in the log, 0 for any number.
func (q *Quota) shared() int {
	if q.known() == 0 {
		return 0
	}
	return max(int(math.Floor(float64(q.known())*q.config.Share+1e-9)), 1)
}

// Acquire waits for a slot in which one request may be sent. The error is a [*RejectedError],
// [ErrClosed], or the cause of the context's end.
func (q *Quota) Acquire(ctx context.Context, r Request) (*Slot, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	w, err := q.enqueue(r) //nolint:contextcheck // Redis is asked for all calls that wait
	if err != nil {
		return nil, err
	}
	select {
	case got := <-w.done:
		return got.slot, got.err
	default:
	}
	select {
	case got := <-w.done:
		return got.slot, got.err
	case <-ctx.Done():
		q.abandon(w) //nolint:contextcheck // as above
		return nil, context.Cause(ctx)
	}
}

func (q *Quota) enqueue(r Request) (*waiter, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, ErrClosed
	}
	now := time.Now()
	w := &waiter{
		caller: r.Caller, class: r.Class, cost: 1 / float64(max(r.Share, 1)),
		arrived: now, deadline: r.Deadline, done: make(chan result, 1),
	}
	if w.deadline.IsZero() {
		w.deadline = now.Add(defaultWait)
	}
	q.queue.add(w)
	if err := q.tooLate(now, w); err != nil {
		q.queue.remove(w)
		q.config.Metrics.rejected(w)
		return nil, err
	}
	q.dispatch()
	return w, nil
}

// abandon removes a call whose context has ended.
func (q *Quota) abandon(w *waiter) {
	q.mu.Lock()
	if q.queue.remove(w) {
		q.dispatch()
	}
	q.mu.Unlock()
	select {
	case got := <-w.done:
		if got.slot != nil {
			got.slot.Return()
		}
	default:
	}
}
