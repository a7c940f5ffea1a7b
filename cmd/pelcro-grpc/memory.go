package main

import (
	"os"
	"runtime/debug"
)

// The memory that the limits of requests and responses allow for, for all calls together and for each
// concurrent one (docs/adr/0017).
const (
	sharedMemory = 64 << 20
	callMemory   = 48 << 10
)

// setMemoryLimit is replaced by tests, which run many services in one process.
var setMemoryLimit = debug.SetMemoryLimit

// limitMemory makes the garbage collector keep the memory of the process near what that many
// concurrent calls need, also while someone tries to fill it. GOMEMLIMIT can lower the limit. Below
// it garbage is collected rarely, unless GOGC says otherwise.
func limitMemory(calls int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	limit := sharedMemory + int64(calls)*callMemory
	if limit < setMemoryLimit(-1) {
		setMemoryLimit(limit)
	}
}
