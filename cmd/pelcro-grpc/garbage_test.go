package main

import (
	"os"
	"os/exec"
	"runtime/metrics"
	"strconv"
	"testing"
)

// TestGarbageFloor: the first collection comes when there is garbage, not before and
// not much later. It is tried in a process of its own, because it is about the start
// of one.
func TestGarbageFloor(t *testing.T) {
	const child = "PELCRO_TEST_GARBAGE"
	if os.Getenv(child) != "" {
		paceGarbage()
		sample := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
		metrics.Read(sample)
		_, _ = os.Stdout.WriteString(strconv.FormatUint(sample[0].Value.Uint64(), 10))
		os.Exit(0)
	}
	for _, test := range []struct {
		gogc        string
		least, most uint64
	}{
		{"", garbageFloor, 2 * garbageFloor},
		{"100", 1 << 20, garbageFloor / 2},
	} {
		command := exec.Command(os.Args[0], "-test.run=^TestGarbageFloor$")
		command.Env = append(os.Environ(), child+"=1", "GOGC="+test.gogc)
		out, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		goal, err := strconv.ParseUint(string(out), 10, 64)
		if err != nil || goal < test.least || goal > test.most {
			t.Errorf("with GOGC=%q the first collection comes at %s bytes: %v", test.gogc, out, err)
		}
	}
}
