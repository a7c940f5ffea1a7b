package quota

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A batch job of the lower class that sends what it can does not lock out a checkout with a deadline
// of ten seconds, and still uses the whole quota.
func TestBatchJob(t *testing.T) {
	for _, replicas := range []int{1, 2} {
		t.Run(fmt.Sprintf("on %d replicas", replicas), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &pelcro{limit: 120, window: minute, latency: upTo(300 * time.Millisecond)}
				fleet, _ := fleetOf(t, replicas, Config{Limit: 120, RequestTimeout: 30 * second})
				end := time.Now().Add(20 * minute)
				for i := range 4 {
					go func() {
						for time.Now().Before(end) {
							if err := call(p, fleet[i%replicas], Request{Caller: "sync", Class: Bulk}); err != nil {
								t.Errorf("sync: %v", err)
							}
						}
					}()
				}
				var sent, rejected atomic.Int64
				random := rand.New(rand.NewPCG(1, 1))
				for i := 0; time.Now().Before(end); i++ {
					go func() {
						r := Request{Caller: "checkout", Deadline: time.Now().Add(10 * second)}
						if call(p, fleet[i%replicas], r) != nil {
							rejected.Add(1)
						} else {
							sent.Add(1)
						}
					}()
					time.Sleep(time.Duration(random.Int64N(int64(20 * second))))
				}
				time.Sleep(2 * minute)
				synctest.Wait()
				// Two replicas know each other's slots as of the last exchange only.
				if r := rejected.Load(); r > 0 && (replicas == 1 || r > sent.Load()/20) {
					t.Errorf("%d checkouts were rejected, %d sent", r, sent.Load())
				}
				t.Logf("%d checkouts were sent, %d rejected", sent.Load(), rejected.Load())
				if used := p.used(); used < .97 || len(p.rejected) > 0 {
					t.Errorf("%.1f %% of the quota used, %d responses were 429", 100*used, len(p.rejected))
				}
			})
		})
	}
}

// When a call of the lower class is sent that arrives alone.
func TestHeld(t *testing.T) {
	bulk := Request{Class: Bulk}
	for _, test := range []struct {
		name     string
		state    state
		lastBulk time.Duration // ago
		call     Request
		deadline time.Duration
		want     time.Duration
	}{
		{"half of the slots are used", state{limit: 4, known: every(30*second, 1)}, 0, bulk, minute, 0},
		{"two of four are free, until one more is in 20 s: in a third of that", state{limit: 4, known: []time.Duration{30 * second, 30 * second}}, 0, bulk, minute, 10 * second},
		{"the last one was sent 15 s ago", state{limit: 4, known: []time.Duration{30 * second, 30 * second}}, 15 * second, bulk, minute, 0},
		{"at most half of its time", state{limit: 4, known: []time.Duration{30 * second, 30 * second}}, 0, bulk, 8 * second, 4 * second},
		{"a call of the upper class", state{limit: 4, known: []time.Duration{30 * second, 30 * second}}, 0, Request{}, minute, 0},
		{"the limit is unknown", state{}, 0, bulk, minute, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, begin := test.state.set(t), time.Now()
				q.lastBulk = begin.Add(-test.lastBulk)
				test.call.Deadline = begin.Add(test.deadline)
				got := <-acquire(t, q, test.call)
				if got.err != nil || time.Since(begin) != test.want {
					t.Errorf("sent after %v, not %v: %v", time.Since(begin), test.want, got.err)
				}
			})
		})
	}
}
