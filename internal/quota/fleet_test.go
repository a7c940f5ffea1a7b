package quota

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// slowLog is the way of one replica to the shared log.
type slowLog struct {
	*memoryLog
	latency time.Duration
}

func (l slowLog) exchange(ctx context.Context, m message) (view, error) {
	time.Sleep(l.latency / 2)
	v, err := l.memoryLog.exchange(ctx, m)
	time.Sleep(l.latency / 2)
	return v, err
}

// When Redis fails under load, calls wait for it for 50 ms at most, none fails, each replica
// continues with its part of the limit, and Pelcro sends a 429 only in the first window after a
// failure.
func TestRedisFailsUnderLoad(t *testing.T) {
	for _, test := range []struct {
		name  string
		after func(l *memoryLog)
	}{
		{"frozen and continued", func(l *memoryLog) { l.set(false) }},
		{"killed and restarted without its data", func(l *memoryLog) { l.restart() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &pelcro{limit: 120, window: minute, latency: upTo(300 * time.Millisecond)}
				fleet, log := fleetOf(t, 4, Config{Limit: 120, RequestTimeout: 30 * second})
				var failed, longest atomic.Int64
				begin := time.Now()
				at := func(after time.Duration, event func()) { time.AfterFunc(after, event) }
				at(3*minute, func() { log.set(true) })
				at(6*minute, func() { test.after(log) })
				for i := 0; time.Since(begin) < 10*minute; i++ {
					go func() {
						began := time.Now()
						slot, err := fleet[i%4].Acquire(context.Background(), Request{Deadline: began.Add(2 * minute)})
						if err != nil {
							failed.Add(1)
							return
						}
						longest.Store(max(longest.Load(), int64(time.Since(began))))
						slot.Done(p.request())
					}()
					time.Sleep(minute / 72) // 0.6 times the limit
				}
				time.Sleep(2 * minute)
				synctest.Wait()
				if failed.Load() > 0 {
					t.Errorf("%d calls failed", failed.Load())
				}
				if waited := time.Duration(longest.Load()); waited > redisTimeout {
					t.Errorf("a call waited %v", waited)
				}
				if len(p.rejected) > 0 {
					t.Errorf("%d responses were 429", len(p.rejected))
				}
			})
		})
	}
}

// The same with more load than the limit: what is above the limit waits or is rejected as always.
func TestRedisFailsUnderOverload(t *testing.T) {
	for _, restart := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := &pelcro{limit: 120, window: minute, latency: upTo(300 * time.Millisecond)}
			fleet, log := fleetOf(t, 4, Config{Limit: 120, RequestTimeout: 30 * second})
			fails, returns := time.Now().Add(2*minute), time.Now().Add(4*minute)
			time.AfterFunc(time.Until(fails), func() { log.set(true) })
			time.AfterFunc(time.Until(returns), func() {
				if restart {
					log.restart()
				}
				log.set(false)
			})
			load(p, 3, 6, Interactive, fleet...)
			time.Sleep(2 * minute)
			synctest.Wait()
			for _, at := range p.rejected {
				if since := at.Sub(fails); since < 0 || since > minute {
					t.Errorf("a 429 %v after the failure", since)
				}
			}
			t.Logf("%d responses were 429, %.1f %% of the quota used", len(p.rejected), 100*p.used())
		})
	}
}

// One line says that Redis fails, one that it is back, and the metrics say so, too.
func TestFailureIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines strings.Builder
		registry := prometheus.NewRegistry()
		log := &memoryLog{}
		q := newQuota(Config{
			Limit: 12, RequestTimeout: second, Metrics: NewMetrics(registry),
			Logger: slog.New(slog.NewTextHandler(&lines, nil)),
		})
		defer q.Close()
		up := func() float64 { return q.config.Metrics.sum(func(q *Quota) int { return q.fleet.ups() }) }
		q.join(log)
		synctest.Wait()
		if lines.Len() > 0 || up() != 1 {
			t.Errorf("%v, %s", up(), lines.String())
		}
		log.set(true)
		time.Sleep(10 * second)
		synctest.Wait()
		if text := lines.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "level=WARN") || up() != 0 {
			t.Errorf("%v, %s", up(), text)
		}
		var failures dto.Metric
		if err := q.config.Metrics.redisErrors.Write(&failures); err != nil || failures.GetCounter().GetValue() < 5 {
			t.Errorf("%v errors, %v", failures.GetCounter().GetValue(), err)
		}
		lines.Reset()
		log.set(false)
		time.Sleep(10 * second)
		synctest.Wait()
		if text := lines.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "level=INFO") || up() != 1 {
			t.Errorf("%v, %s", up(), text)
		}
	})
}

// Without Redis each replica has the limit divided by the number of replicas seen last.
func TestPartOfAReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet, log := fleetOf(t, 3, Config{Limit: 120, RequestTimeout: 30 * second})
		time.Sleep(5 * second)
		log.respondImmediately()
		log.set(true)
		time.Sleep(5 * second)
		fleet[0].hasResponded()
		if n := len(drain(t, fleet[0])); n != 40 {
			t.Errorf("%d slots", n)
		}
		log.set(false)
		time.Sleep(5 * second)
		fleet[1].hasResponded()
		if n := len(drain(t, fleet[1])); n != 80 {
			t.Errorf("%d slots are left", n)
		}
	})
}

// What one replica did before it fails or is stopped counts for the others.
func TestSharedState(t *testing.T) {
	arrived := Response{Arrived: true, Limit: -1, Remaining: -1}
	for _, test := range []struct {
		name string
		do   func(t *testing.T, q *Quota)
		want time.Duration // when the other replica gets a slot
	}{
		{"a slot in use", func(t *testing.T, q *Quota) { t.Helper(); tryAcquire(t, q).Done(arrived) }, minute},
		{"a crash", func(t *testing.T, q *Quota) { t.Helper(); tryAcquire(t, q) }, minute + 30*second},
		{"a slot that was returned", func(t *testing.T, q *Quota) { t.Helper(); tryAcquire(t, q).Return() }, 0},
		{"a slot reported after the stop", func(t *testing.T, q *Quota) {
			t.Helper()
			slot := tryAcquire(t, q)
			q.Close()
			slot.Done(arrived)
		}, minute},
		{"a 429", func(t *testing.T, q *Quota) {
			t.Helper()
			slot := tryAcquire(t, q)
			q.report(message{remaining: -1, gate: 2 * minute})
			slot.Return()
		}, 2 * minute},
		{"others use the quota", func(t *testing.T, q *Quota) {
			t.Helper()
			q.report(message{remaining: 0})
			synctest.Wait()
		}, minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fleet, log := fleetOf(t, 2, Config{Limit: 1, RequestTimeout: 30 * second})
				time.Sleep(10 * second)
				log.respondImmediately()
				begin := time.Now()
				test.do(t, fleet[0])
				time.Sleep(10 * time.Millisecond)
				got := <-acquire(t, fleet[1], Request{Deadline: begin.Add(time.Hour)})
				late := time.Since(begin) - test.want
				if got.err != nil || late < 0 || late > 150*time.Millisecond {
					t.Errorf("a slot after %v, not %v: %v", time.Since(begin), test.want, got.err)
				}
			})
		})
	}
}

// A replica far away from Redis gets its part of the slots.
func TestNoReplicaStarves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pelcro{limit: 120, window: minute, latency: upTo(300 * time.Millisecond)}
		log := &memoryLog{}
		var sent [2]int
		end := time.Now().Add(10 * minute)
		for i, latency := range []time.Duration{0, 40 * time.Millisecond} {
			q := newQuota(Config{Limit: 120, RequestTimeout: 30 * second})
			defer q.Close()
			q.join(slowLog{log, latency})
			c := &client{}
			go c.offer(p, q, 100*time.Millisecond, end)
			time.AfterFunc(time.Until(end), func() {
				p.mu.Lock()
				defer p.mu.Unlock()
				sent[i] = c.sent
			})
		}
		time.Sleep(time.Until(end) + minute)
		synctest.Wait()
		if sent[1] < sent[0]*9/10 || sent[0] < sent[1]*9/10 {
			t.Errorf("%v requests", sent)
		}
		t.Log(sent, p.used())
	})
}

// A slot that comes when no call waits any more goes back.
func TestSurplusSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{}
		q := newQuota(Config{Limit: 1, RequestTimeout: 30 * second})
		defer q.Close()
		q.join(slowLog{log, 20 * time.Millisecond})
		time.Sleep(second / 2)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		if _, err := q.Acquire(ctx, Request{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		time.Sleep(100 * time.Millisecond)
		log.mu.Lock()
		defer log.mu.Unlock()
		if n := len(log.occupied(time.Now())); n > 0 {
			t.Errorf("%d slots are occupied", n)
		}
	})
}

// A Redis that lost its data between two exchanges gets the requests of each replica again.
func TestLostLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet, log := fleetOf(t, 2, Config{Limit: 24, RequestTimeout: 30 * second})
		log.respondImmediately()
		time.Sleep(5 * second)
		for _, q := range fleet {
			q.hasResponded()
		}
		for range 12 {
			tryAcquire(t, fleet[0])
		}
		log.restart()
		time.Sleep(3 * second)
		if n := len(drain(t, fleet[1])); n != 12 {
			t.Errorf("%d slots are free", n)
		}
	})
}

// A replica that returns to Redis keeps to its part until the others have returned.
func TestReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet, log := fleetOf(t, 3, Config{Limit: 120, RequestTimeout: 30 * second})
		log.respondImmediately()
		time.Sleep(5 * second)
		fleet[0].hasResponded()
		log.set(true)
		time.Sleep(5 * second)
		log.set(false)
		for up := false; !up; up = fleet[0].isUp() {
			time.Sleep(10 * time.Millisecond)
			synctest.Wait()
		}
		if n := len(drain(t, fleet[0])); n != 40 {
			t.Errorf("%d slots", n)
		}
		time.Sleep(3 * second)
		if n := len(drain(t, fleet[0])); n != 80 {
			t.Errorf("%d more slots", n)
		}
	})
}

func (q *Quota) isUp() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.fleet.isUp()
}

// A replica knows of another's 429 within a second, and rejects with the true wait.
func TestSharedGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet, log := fleetOf(t, 2, Config{Limit: 12, RequestTimeout: 30 * second})
		log.respondImmediately()
		time.Sleep(second)
		tryAcquire(t, fleet[0]).Done(Response{Arrived: true, Limit: -1, Remaining: -1, RateLimited: true, RetryAfter: 20 * second})
		time.Sleep(2 * second)
		_, err := fleet[1].Acquire(t.Context(), Request{Deadline: time.Now().Add(5 * second)})
		var rejected *RejectedError
		if !errors.As(err, &rejected) || rejected.RetryAfter.Round(second) != 18*second {
			t.Errorf("%v", err)
		}
	})
}

func (q *Quota) hasResponded() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.responded = true
}

func (q *Quota) report(m message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.send(m)
}
