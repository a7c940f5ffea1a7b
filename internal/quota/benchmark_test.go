package quota

import (
	"testing"
	"time"
)

// A request for which a slot is free.
func BenchmarkSlot(b *testing.B) {
	q := newQuota(Config{Limit: 1 << 30, RequestTimeout: 0, Window: time.Nanosecond})
	defer q.Close()
	q.responded = true
	for b.Loop() {
		slot, err := q.Acquire(b.Context(), Request{})
		if err != nil {
			b.Fatal(err)
		}
		slot.Done(Response{Arrived: true, Limit: -1, Remaining: -1})
	}
}

// A call that is rejected on arrival, behind 120 others that wait.
func BenchmarkRejection(b *testing.B) {
	q := newQuota(Config{Limit: 120, RequestTimeout: time.Minute})
	defer q.Close()
	far := time.Now().Add(24 * time.Hour)
	for i := range 120 {
		q.log.add(entry{number: uint64(i + 1), free: far})
		q.queue.add(&waiter{caller: string(rune('a' + i%3)), cost: 1, deadline: far, done: make(chan result, 1)})
	}
	for b.Loop() {
		if _, err := q.Acquire(b.Context(), Request{Deadline: time.Now().Add(time.Second)}); err == nil {
			b.Fatal("it was not rejected")
		}
	}
}
