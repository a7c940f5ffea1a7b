package faultproxy

import (
	"math"
	"testing"
	"time"
)

// The upper bound of a latency cannot be tested from outside, because a busy machine adds
// to it.
func TestLatencyStaysInItsBounds(t *testing.T) {
	for _, bounds := range [][2]time.Duration{{0, 0}, {5, 5}, {5, 8}, {0, math.MaxInt64}} {
		fault := Latency(bounds[0], bounds[1])
		drawn := make(map[time.Duration]bool)
		for range 1000 {
			got := fault.latency()
			if got < bounds[0] || got > bounds[1] {
				t.Fatalf("%v: %v", fault, got)
			}
			drawn[got] = true
		}
		if varies := bounds[0] < bounds[1]; varies != (len(drawn) > 1) {
			t.Errorf("%v: %d different latencies", fault, len(drawn))
		}
	}
}
