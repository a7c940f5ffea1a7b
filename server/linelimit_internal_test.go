package server

import (
	"testing"
	"time"
)

// Ten lines a second; the next one says how many were omitted.
func TestLineLimit(t *testing.T) {
	var limit lineLimit
	now := time.Now()
	for second, test := range []struct{ calls, written, omitted int }{
		{1000, 10, 0},
		{5, 5, 990},
		{11, 10, 0},
		{1, 1, 1},
		{1, 1, 0},
	} {
		written, omitted := 0, 0
		for call := range test.calls {
			n, ok := limit.allow(now.Add(time.Duration(second)*time.Second + time.Duration(call)*time.Microsecond))
			omitted += n
			if ok {
				written++
			}
		}
		if written != test.written || omitted != test.omitted {
			t.Errorf("second %d: %d lines, %d omitted, want %+v", second, written, omitted, test)
		}
	}
}
