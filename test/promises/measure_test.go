package promises_test

import (
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// memory is the resident memory of this process, with the client.
type memory struct {
	tb     testing.TB
	before int64
}

// measureMemory starts to measure the peak memory. Without /proc the peak is 0.
func measureMemory(tb testing.TB) memory {
	tb.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	// The collector allows garbage in proportion to the live heap, part of which is from
	// earlier tests. Limit it, so that only this test counts.
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	percent := debug.SetGCPercent(int(min(100, 100*(8<<20)/max(stats.HeapAlloc, 1))))
	tb.Cleanup(func() { debug.SetGCPercent(percent) })
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // resets VmHWM
	return memory{tb, resident("VmRSS:")}
}

// grewLess fails the test if the peak growth reached the limit, and returns that growth.
// The race detector needs several times the memory.
func (m memory) grewLess(limit int64) int64 {
	m.tb.Helper()
	grown := max(0, resident("VmHWM:")-m.before)
	if hasRaceDetector() {
		limit *= 8
	}
	if grown >= limit {
		m.tb.Errorf("the memory grew by %d bytes, want less than %d", grown, limit)
	}
	return grown
}

func hasRaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func resident(field string) int64 {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(raw) {
		if rest, ok := strings.CutPrefix(string(line), field); ok {
			kilobytes, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}

// percentile returns that percentile. It sorts the times.
func percentile(times []time.Duration, percent int) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[min(len(times)*percent/100, len(times)-1)]
}
