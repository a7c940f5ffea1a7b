package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// garbageFloor is how much garbage gathers before it is collected, in bytes. A quiet
// service lives in a few MiB, and Go would collect whenever as many are garbage: very
// often under load, each time shrinking stacks that grow again. What lives in a
// crowded service is more than this, and then Go's own measure counts.
const garbageFloor = 48 << 20

// minHeap is what Go takes a smaller heap for, with a GOGC of 100.
const minHeap = 4 << 20

// paceGarbage keeps the collector from running more often than is of use. It does
// nothing where GOGC says how often that is; GOMEMLIMIT holds in any case.
func paceGarbage() {
	if os.Getenv("GOGC") != "" {
		return
	}
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	percent := 0
	var pace func()
	pace = func() {
		metrics.Read(sample)
		live := max(sample[0].Value.Uint64(), minHeap)
		// In steps, because each change stops the world for a moment.
		if next := max(100, garbageFloor/live*100); int(next) != percent {
			percent = int(next)
			debug.SetGCPercent(percent)
		}
		// Unreachable at once, so the next collection calls it again.
		runtime.AddCleanup(new([32]byte), func(struct{}) { pace() }, struct{}{})
	}
	pace()
}
