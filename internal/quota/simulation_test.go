package quota

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// load sends calls to the replicas in turn, so many times the limit, until the end of the windows.
// Each call waits for at most a window.
func load(p *pelcro, times float64, windows int, class Class, replicas ...*Quota) {
	interval := time.Duration(float64(p.window) / (times * float64(p.limit)))
	end := time.Now().Add(time.Duration(windows) * p.window)
	for i := 0; time.Now().Before(end); i++ {
		go call(p, replicas[i%len(replicas)], Request{Class: class, Deadline: time.Now().Add(p.window)})
		time.Sleep(interval)
	}
}

// call makes one call and returns whether its request was sent.
func call(p *pelcro, q *Quota, r Request) error {
	slot, err := q.Acquire(context.Background(), r)
	if err != nil {
		return err
	}
	slot.Done(p.request())
	return nil
}

// fleetOf returns replicas, on one shared log unless there is only one.
func fleetOf(t *testing.T, n int, config Config) ([]*Quota, *memoryLog) {
	t.Helper()
	log := &memoryLog{latency: time.Millisecond}
	replicas := make([]*Quota, n)
	for i := range replicas {
		replicas[i] = newQuota(config)
		if n > 1 {
			replicas[i].join(log)
		}
		t.Cleanup(replicas[i].Close)
	}
	time.Sleep(time.Millisecond) // they know the log, and the log knows all of them after a second
	synctest.Wait()
	return replicas, log
}

func TestSimulation(t *testing.T) {
	for _, replicas := range []int{1, 2, 4} {
		for _, times := range []float64{.5, 1, 3, 10} {
			class := Class(int(times) % 2) // for both classes
			t.Run(fmt.Sprintf("%s, %v times the limit on %d replicas", class, times, replicas), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					windows := max(4, int(3/times)) // calls for three windows at least
					p := &pelcro{limit: 120, window: time.Minute, latency: upTo(300 * time.Millisecond)}
					fleet, log := fleetOf(t, replicas, Config{Limit: 120, Window: time.Minute, RequestTimeout: 30 * time.Second})
					load(p, times, windows, class, fleet...)
					time.Sleep(2 * time.Minute)
					synctest.Wait()
					if len(p.rejected) > 0 {
						t.Errorf("%d responses were 429", len(p.rejected))
					}
					if most := p.mostInAWindow(); most > p.limit {
						t.Errorf("%d requests in a window", most)
					}
					used := p.used()
					t.Logf("%.1f %% of the quota used, %d exchanges", 100*used, log.exchanges())
					if least := min(.97, .99*times); used < least {
						t.Errorf("%.1f %% of the quota were used, not %.1f %%", 100*used, 100*least)
					}
				})
			})
		}
	}
}
