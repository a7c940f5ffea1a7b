package quota

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// tryAcquire returns a slot if one is free now.
func tryAcquire(t *testing.T, q *Quota) *Slot {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan *Slot, 1)
	go func() {
		slot, _ := q.Acquire(ctx, Request{})
		done <- slot
	}()
	synctest.Wait()
	cancel()
	return <-done
}

func drain(t *testing.T, q *Quota) (slots []*Slot) {
	t.Helper()
	for slot := tryAcquire(t, q); slot != nil && len(slots) < 1000; slot = tryAcquire(t, q) {
		slots = append(slots, slot)
	}
	return slots
}

// When a slot is free again.
func TestSlotIsFreeAgain(t *testing.T) {
	arrived := Response{Arrived: true, Limit: -1, Remaining: -1}
	for _, test := range []struct {
		name string
		end  func(s *Slot)
		free time.Duration // after it was taken
	}{
		{"one window after its response", func(s *Slot) { time.Sleep(7 * second); s.Done(arrived) }, 67 * second},
		{"a request that crashed: after the request timeout and one window", func(*Slot) {}, 90 * second},
		{"a request without a response", func(s *Slot) { time.Sleep(second); s.Done(Response{Limit: -1, Remaining: -1}) }, 90 * second},
		{"a request that was not sent: immediately", func(s *Slot) { time.Sleep(second); s.Return() }, second},
		{"only the first report counts", func(s *Slot) { time.Sleep(second); s.Done(arrived); s.Return(); s.Done(arrived) }, 61 * second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQuota(Config{Limit: 1, RequestTimeout: 30 * second})
				defer q.Close()
				begin := time.Now()
				slot := tryAcquire(t, q)
				done := acquire(t, q, Request{Deadline: begin.Add(time.Hour)})
				test.end(slot)
				if got := <-done; got.err != nil || time.Since(begin) != test.free {
					t.Errorf("free after %v, not %v", time.Since(begin), test.free)
				}
			})
		})
	}
}

// After a start at most ten requests are in flight until Pelcro has responded to one.
func TestStart(t *testing.T) {
	for _, limit := range []int{0, 120} {
		t.Run(fmt.Sprint("limit ", limit), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQuota(Config{Limit: limit, RequestTimeout: 30 * second})
				defer q.Close()
				slots := drain(t, q)
				if len(slots) != 10 {
					t.Fatalf("%d are in flight", len(slots))
				}
				slots[0].Return()
				slots[1].Done(Response{Limit: -1, Remaining: -1}) // without a response
				if n := len(drain(t, q)); n != 2 {
					t.Errorf("%d took the places of two", n)
				}
				slots[2].Done(Response{Arrived: true, Limit: -1, Remaining: -1})
				// 1000 is what drain takes at most; two more slots than those in use are occupied.
				if n, want := len(drain(t, q)), map[int]int{0: 1000, 120: 120 - 11}[limit]; n != want {
					t.Errorf("%d after the first response, not %d", n, want)
				}
			})
		})
	}
}

// What is left of a limit by what Pelcro says.
func TestKnownLimit(t *testing.T) {
	for _, test := range []struct {
		name     string
		config   Config
		account  int
		response Response
		want     int // free after the response, whose own request is one of the limit
	}{
		{"fixed", Config{Limit: 50}, 100, Response{Limit: 20, Remaining: -1}, 49},
		{"the account's", Config{}, 100, Response{Limit: -1, Remaining: -1}, 99},
		{"the header's", Config{}, 0, Response{Limit: 20, Remaining: -1}, 19},
		{"the lower one", Config{}, 100, Response{Limit: 20, Remaining: -1}, 19},
		{"the lower one is the account's", Config{}, 10, Response{Limit: 20, Remaining: -1}, 9},
		{"a part of it", Config{Limit: 50, Share: .8}, 0, Response{Limit: -1, Remaining: -1}, 39},
		{"at least one", Config{Limit: 1, Share: .1}, 0, Response{Limit: -1, Remaining: -1}, 0},
		{"others use it, too", Config{Limit: 50}, 0, Response{Limit: 50, Remaining: 20}, 20},
		{"others leave nothing", Config{Limit: 50}, 0, Response{Limit: 50, Remaining: 0}, 0},
		{"more is left than the log has", Config{Limit: 50, Share: .5}, 0, Response{Limit: 50, Remaining: 49}, 24},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				test.config.RequestTimeout = 30 * second
				q := newQuota(test.config)
				defer q.Close()
				q.SetLimit(test.account)
				slot := tryAcquire(t, q)
				time.Sleep(second)
				test.response.Arrived = true
				slot.Done(test.response)
				if n := len(drain(t, q)); n != test.want {
					t.Errorf("%d slots are free, not %d", n, test.want)
				}
				time.Sleep(minute) // the slots in use are those of drain; nothing else is left in the log
				if n := len(q.log.occupied(time.Now())); n != test.want {
					t.Errorf("%d slots are occupied a window later, not %d", n, test.want)
				}
			})
		})
	}
}

// Slots that were free when the request was sent, but not when Pelcro counted it, are not taken for
// requests of others.
func TestRemainingOfASlowResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQuota(Config{Limit: 20, RequestTimeout: 30 * second})
		defer q.Close()
		early := drain(t, q)
		for i, slot := range early {
			slot.Done(Response{Arrived: true, Limit: 20, Remaining: 19 - i})
		}
		time.Sleep(minute - second)
		slot := tryAcquire(t, q) // counted by Pelcro as its number 11, just before the window ends
		time.Sleep(2 * second)
		slot.Done(Response{Arrived: true, Limit: 20, Remaining: 9})
		if n := len(drain(t, q)); n != 19 {
			t.Errorf("%d slots are free, not 19", n)
		}
	})
}

// A 429 closes the gate for its delay, for all calls.
func TestGate(t *testing.T) {
	for delay, want := range map[time.Duration]time.Duration{0: minute, 7 * second: 7 * second, time.Hour: time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			q := newQuota(Config{RequestTimeout: 30 * second})
			defer q.Close()
			slots := drain(t, q)
			slots[0].Done(Response{Arrived: true, Limit: -1, Remaining: -1, RateLimited: true, RetryAfter: delay})
			slots[1].Done(Response{Arrived: true, Limit: -1, Remaining: -1, RateLimited: true, RetryAfter: second})
			if tryAcquire(t, q) != nil {
				t.Error("the gate is open")
			}
			begin := time.Now()
			done := acquire(t, q, Request{Deadline: begin.Add(2 * time.Hour)})
			if got := <-done; got.err != nil || time.Since(begin) != want {
				t.Errorf("%v: sent after %v, %v", delay, time.Since(begin), got.err)
			}
		})
	}
}

// Whatever Pelcro's latency is, and whatever happens to requests, no window of Pelcro gets more than
// the limit, wherever it begins.
func FuzzWindow(f *testing.F) {
	for seed := range uint64(30) {
		f.Add(seed, byte(seed*7), byte(seed))
	}
	f.Fuzz(func(t *testing.T, seed uint64, limit, replicas byte) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			p := &pelcro{limit: 1 + int(limit)%40, window: minute, latency: upTo(time.Duration(1 + random.Int64N(int64(15*second))))}
			fleet, _ := fleetOf(t, 1+int(replicas)%3, Config{Limit: p.limit, RequestTimeout: 30 * second})
			end := time.Now().Add(8 * minute)
			var calls sync.WaitGroup
			for time.Now().Before(end) {
				q, fate := fleet[random.IntN(len(fleet))], random.IntN(10)
				r := Request{Class: Class(random.IntN(2)), Deadline: time.Now().Add(time.Duration(random.Int64N(int64(2 * minute))))}
				calls.Go(func() {
					slot, err := q.Acquire(context.Background(), r)
					switch {
					case err != nil:
					case fate == 0: // the process crashed; Pelcro counted the request at any time until the timeout
						time.Sleep(p.latency())
						p.receive(time.Now())
					case fate == 1: // the response was lost
						p.request()
						slot.Done(Response{Limit: -1, Remaining: -1})
					case fate == 2:
						slot.Return()
					default:
						response := p.request()
						response.Remaining = -1
						slot.Done(response)
					}
				})
				if random.IntN(20) > 0 {
					time.Sleep(time.Duration(random.Int64N(int64(minute) / int64(p.limit))))
				} else {
					time.Sleep(time.Duration(random.Int64N(int64(minute))))
				}
			}
			calls.Wait()
			if most := p.mostInAWindow(); most > p.limit || len(p.rejected) > 0 {
				t.Errorf("%d requests in a window with a limit of %d, %d responses were 429", most, p.limit, len(p.rejected))
			}
		})
	})
}
