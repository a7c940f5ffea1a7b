package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/export"
)

// TestProgress: a terminal shows a line, new each second, which other lines replace; elsewhere there
// are only those.
func TestProgress(t *testing.T) {
	for _, test := range []struct {
		name       string
		isTerminal bool
		want       string
	}{
		{"terminal", true, eraseLine + "100 customers" +
			eraseLine + "300 of 1000 customers, 30%, 7s left" +
			eraseLine + "pelcro-grpc: trying again in 1s\n" +
			eraseLine + "300 of 1000 customers, 30%, 11s left" + eraseLine},
		{"file", false, "pelcro-grpc: trying again in 1s\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var shown strings.Builder
				p := startProgress(&shown, test.isTerminal, 100)
				time.Sleep(1500 * time.Millisecond)
				p.update(export.Progress{Customers: 300, Total: 1000})
				time.Sleep(time.Second)
				p.printf("trying again in %s", time.Second)
				time.Sleep(time.Second)
				p.stop()
				if shown.String() != test.want {
					t.Errorf("got:  %q\nwant: %q", &shown, test.want)
				}
			})
		})
	}
}

func TestProgressText(t *testing.T) {
	for _, test := range []struct {
		name    string
		current export.Progress
		before  int64
		elapsed time.Duration
		want    string
	}{
		{"nothing yet", export.Progress{}, 0, time.Second, "0 customers"},
		{"an unknown total", export.Progress{Customers: 1}, 0, time.Second, "1 customer"},
		{"a total", export.Progress{Customers: 3000, Total: 12000}, 0, time.Minute, "3000 of 12000 customers, 25%, 3m0s left"},
		{"a run that continues", export.Progress{Customers: 3000, Total: 12000}, 2000, time.Minute, "3000 of 12000 customers, 25%, 9m0s left"},
		{"nothing in this run", export.Progress{Customers: 3000, Total: 12000}, 3000, time.Minute, "3000 of 12000 customers, 25%"},
		{"the end", export.Progress{Customers: 2, Total: 2}, 0, time.Second, "2 of 2 customers, 100%, 0s left"},
		{"customers that were deleted meanwhile", export.Progress{Customers: 3, Total: 2}, 0, time.Second, "3 of 2 customers, 100%"},
	} {
		if got := progressText(test.current, test.before, test.elapsed); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
