package quota

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

const (
	second = time.Second
	minute = time.Minute
	never  = -1 // rejected
)

// state is a quota at some time.
type state struct {
	limit    int             // 0: unknown
	known    []time.Duration // the slots that are occupied, and until when
	inFlight int             // occupied slots without a response
	gate     time.Duration   // until it opens
	waiting  []Request       // in the order of their arrival; the deadlines are far away
	run      int             // how many interactive calls were served in a row
}

// set returns a quota in the state. Its waiting calls wait in the background.
func (s state) set(t *testing.T) *Quota {
	t.Helper()
	q := newQuota(Config{Limit: s.limit, Window: minute, RequestTimeout: 30 * second})
	t.Cleanup(q.Close)
	q.responded = true
	now := time.Now()
	for i, free := range s.known {
		q.log.add(entry{number: uint64(1000 + i), free: now.Add(free)})
	}
	for i := range s.inFlight {
		q.log.add(entry{number: uint64(2000 + i), free: now.Add(90 * second)})
	}
	q.gate = now.Add(s.gate)
	q.queue.run = s.run
	for _, r := range s.waiting {
		r.Deadline = now.Add(24 * time.Hour)
		go func() { _, _ = q.Acquire(t.Context(), r) }()
		synctest.Wait()
	}
	return q
}

func times(n int, r Request) []Request { return slices.Repeat([]Request{r}, n) }

// A call is rejected on arrival exactly when the slots that are known to become free, and the calls
// before it, leave none before its deadline. So a deadline a nanosecond later is enough.
func TestRejectedOnArrival(t *testing.T) {
	checkout, sync := Request{Caller: "checkout"}, Request{Caller: "sync", Class: Bulk}
	for _, test := range []struct {
		name  string
		state state
		call  Request
		slot  time.Duration // when the call gets one
	}{
		{"nothing is known", state{}, checkout, 0},
		{"a slot is free", state{limit: 3, known: []time.Duration{second}, inFlight: 1}, checkout, 0},
		{"the slot that is free first", state{limit: 3, known: []time.Duration{30 * second, 20 * second}, inFlight: 1}, checkout, 20 * second},
		{"all in flight", state{limit: 3, inFlight: 3}, checkout, minute},
		{"one call before it", state{limit: 3, known: []time.Duration{10 * second, 20 * second}, inFlight: 1, waiting: times(1, checkout)}, checkout, 20 * second},
		{"more calls before it than slots", state{limit: 2, known: []time.Duration{10 * second, 20 * second}, waiting: times(3, checkout)}, checkout, 80 * second},
		{"before the lower class", state{limit: 2, known: []time.Duration{10 * second, 20 * second}, waiting: times(2, sync)}, checkout, 10 * second},
		{"behind the higher class", state{limit: 2, known: []time.Duration{10 * second, 20 * second}, waiting: times(1, checkout)}, sync, 20 * second},
		{"the tenth of the lower class is next", state{limit: 2, known: []time.Duration{10 * second, 20 * second}, waiting: times(2, sync), run: 9}, checkout, 20 * second},
		{"behind nine of the higher class", state{limit: 20, known: every(second, 20), waiting: times(15, checkout)}, sync, 10 * second},
		{
			"in turn with another caller",
			state{limit: 9, known: every(second, 9), waiting: times(5, Request{Caller: "app"})},
			checkout, 2 * second,
		},
		{
			"in turn with a caller with three times its share",
			state{limit: 9, known: every(second, 9), waiting: times(5, Request{Caller: "app", Share: 3})},
			checkout, 4 * second,
		},
		{
			"with three times the share of another",
			state{limit: 9, known: every(second, 9), waiting: times(5, Request{Caller: "app"})},
			Request{Caller: "checkout", Share: 3}, 1 * second,
		},
		{"a slot is free and the gate closed", state{limit: 3, gate: 20 * second}, checkout, 20 * second},
		{"a slot is free after the gate opens", state{limit: 1, gate: 20 * second, known: []time.Duration{30 * second}}, checkout, 30 * second},
		{"the gate alone", state{gate: 20 * second, waiting: times(100, checkout)}, checkout, 20 * second},
		{"the limit became lower", state{limit: 2, known: every(second, 5)}, checkout, 4 * second},
		{"a crashed request", state{limit: 1, known: []time.Duration{50 * second}}, checkout, 50 * second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, now := test.state.set(t), time.Now()
				if test.slot > 0 {
					test.call.Deadline = now.Add(test.slot)
					_, err := q.Acquire(t.Context(), test.call)
					var rejected *RejectedError
					if !errors.As(err, &rejected) || rejected.RetryAfter != test.slot || rejected.Limit != test.state.limit {
						t.Errorf("with a deadline in %v: %v", test.slot, err)
					}
				}
				if passed := time.Since(now); passed > 0 {
					t.Errorf("the rejection took %v", passed)
				}
				test.call.Deadline = now.Add(test.slot + 1)
				done := make(chan error, 1)
				go func() {
					_, err := q.Acquire(t.Context(), test.call)
					done <- err
				}()
				synctest.Wait()
				select {
				case err := <-done:
					if test.slot > 0 || err != nil {
						t.Errorf("with a deadline in %v: %v", test.slot+1, err)
					}
				default:
				}
			})
		})
	}
}

// every returns so many times, at the interval.
func every(interval time.Duration, n int) []time.Duration {
	times := make([]time.Duration, n)
	for i := range times {
		times[i] = time.Duration(i+1) * interval
	}
	return times
}

// Without a deadline, a call waits for 60 seconds.
func TestNoDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := state{limit: 2, known: []time.Duration{minute, minute - 1}}.set(t)
		done := acquire(t, q, Request{})
		if _, err := q.Acquire(t.Context(), Request{}); err == nil {
			t.Error("it got the slot that is free in 60 seconds")
		}
		time.Sleep(minute)
		if got := <-done; got.err != nil {
			t.Error(got.err)
		}
	})
}

// acquire waits for a slot in the background, and returns when that is settled or waiting.
func acquire(t *testing.T, q *Quota, r Request) <-chan result {
	t.Helper()
	done := make(chan result, 1)
	go func() {
		slot, err := q.Acquire(t.Context(), r)
		done <- result{slot, err}
	}()
	synctest.Wait()
	return done
}

// A call that waits is rejected as soon as it is known that it will be too late.
func TestRejectedLater(t *testing.T) {
	inFlight := func(t *testing.T, q *Quota, n int) (slots []*Slot) {
		t.Helper()
		for range n {
			slot, err := q.Acquire(t.Context(), Request{})
			if err != nil {
				t.Fatal(err)
			}
			slots = append(slots, slot)
		}
		return slots
	}
	for _, test := range []struct {
		name     string
		deadline time.Duration
		happens  func(t *testing.T, q *Quota, slots []*Slot)
		rejected time.Duration // when
	}{
		{"a call of the higher class overtakes it", 70 * second, func(t *testing.T, q *Quota, slots []*Slot) {
			t.Helper()
			slots[0].Done(Response{Arrived: true, Remaining: -1})
			time.Sleep(15 * second)
			acquire(t, q, Request{Deadline: time.Now().Add(time.Hour)})
		}, 15 * second},
		{"the response of the slot that it counts on comes too late", 70 * second, func(t *testing.T, _ *Quota, slots []*Slot) {
			t.Helper()
			time.Sleep(12 * second)
			slots[0].Done(Response{Arrived: true, Remaining: -1})
		}, 10 * second},
		{"the gate closes", 70 * second, func(t *testing.T, _ *Quota, slots []*Slot) {
			t.Helper()
			time.Sleep(second)
			slots[0].Done(Response{Arrived: true, Remaining: -1, RateLimited: true, RetryAfter: 2 * minute})
		}, second},
		{"the limit becomes lower", 70 * second, func(t *testing.T, q *Quota, slots []*Slot) {
			t.Helper()
			slots[0].Done(Response{Arrived: true, Remaining: -1})
			time.Sleep(5 * second)
			q.SetLimit(1) // so it needs the slot of slots[1]
		}, 10 * second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQuota(Config{Window: minute, RequestTimeout: 30 * second})
				defer q.Close()
				q.SetLimit(2)
				slots := inFlight(t, q, 2)
				begin := time.Now()
				var rejected time.Duration
				done := make(chan struct{})
				go func() {
					defer close(done)
					_, err := q.Acquire(t.Context(), Request{Class: Bulk, Deadline: begin.Add(test.deadline)})
					if rejection := new(RejectedError); !errors.As(err, &rejection) || rejection.RetryAfter <= 0 {
						t.Errorf("%v", err)
					}
					rejected = time.Since(begin)
				}()
				synctest.Wait()
				test.happens(t, q, slots)
				<-done
				if rejected != test.rejected {
					t.Errorf("rejected after %v, not %v", rejected, test.rejected)
				}
			})
		})
	}
}

func TestWaitingEnds(t *testing.T) {
	errGone := errors.New("the caller is gone")
	for _, test := range []struct {
		name string
		end  func(q *Quota, cancel context.CancelCauseFunc)
		want error
	}{
		{"with the context", func(_ *Quota, cancel context.CancelCauseFunc) { cancel(errGone) }, errGone},
		{"with the service", func(q *Quota, _ context.CancelCauseFunc) { q.Close() }, ErrClosed},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := state{limit: 1, known: []time.Duration{30 * second}}.set(t)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				done := make(chan error, 1)
				go func() {
					_, err := q.Acquire(ctx, Request{})
					done <- err
				}()
				synctest.Wait()
				now := time.Now()
				test.end(q, cancel)
				if err := <-done; !errors.Is(err, test.want) || time.Since(now) > 0 {
					t.Errorf("%v after %v", err, time.Since(now))
				}
				if _, err := q.Acquire(ctx, Request{}); !errors.Is(err, test.want) {
					t.Errorf("a later call: %v", err)
				}
			})
		})
	}
}
