package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
)

// slowCases run against an upstream that is slow. In flight is the first: memory that other calls
// left must not count as idle.
func slowCases(ctx context.Context, f fleet, o options) error {
	if o.only.MatchString("in flight") {
		if err := f.inFlight(ctx, o.rounds); err != nil {
			return err
		}
	}
	if o.only.MatchString("latency") {
		return f.latency(ctx, o.rounds)
	}
	return nil
}

// inFlight makes many concurrent calls of an upstream that is slow, and prints what they cost in
// memory.
func (f fleet) inFlight(ctx context.Context, rounds int) error {
	const calls, upstreamTime = 1_000, 100
	slow := get("slow get", customerSlow+upstreamTime, codes.OK, codes.OK, 200)
	fmt.Fprintf(os.Stdout, "\nin flight: %d concurrent calls of an upstream that takes %d ms\n", calls, upstreamTime)
	for _, t := range []*target{f.named("gateway"), f.named("plain")} {
		idle, err := t.memory(residentNow)
		if err != nil {
			return err
		}
		var grown []float64
		for range rounds {
			if err := t.resetPeak(); err != nil {
				return err
			}
			// Each caller makes ten calls, one after the other.
			if err := t.run(ctx, slow, 10*calls, calls, new(tally)); err != nil {
				return err
			}
			peak, err := t.memory(residentPeak)
			if err != nil {
				return err
			}
			grown = append(grown, float64(peak-idle)/calls/1024)
		}
		fmt.Fprintf(os.Stdout, "%10s  %.0f MiB idle, %.1f KiB a call more (%.1f to %.1f)\n",
			t.name, float64(idle)/(1<<20), middle(grown), slices.Min(grown), slices.Max(grown))
	}
	return nil
}

// latency calls at a fixed rate, also the upstream itself over HTTP, and prints the latency of each.
func (f fleet) latency(ctx context.Context, rounds int) error {
	const rate, upstreamTime, seconds = 1_000, 20, 5
	slow := get("slow get", customerSlow+upstreamTime, codes.OK, codes.OK, 200)
	fmt.Fprintf(os.Stdout, "\nlatency: %d calls a second for %d s on an upstream that takes %d ms; p50 and p99, rounds in brackets\n", rate, seconds, upstreamTime)
	p50, p99 := map[*target][]float64{}, map[*target][]float64{}
	for n := range rounds + 1 { // the first one opens the connections
		for _, t := range f {
			took, err := t.paced(ctx, slow, rate, seconds*rate)
			if err != nil {
				return err
			}
			if n > 0 {
				p50[t] = append(p50[t], float64(took[len(took)/2])/1e6)
				p99[t] = append(p99[t], float64(took[len(took)*99/100])/1e6)
			}
		}
	}
	for _, t := range f {
		fmt.Fprintf(os.Stdout, "%10s  %.2f ms  %.2f ms  %.2f\n", t.name, middle(p50[t]), middle(p99[t]), p99[t])
	}
	return nil
}

// paced starts calls at the rate, however long they take, and returns how long they took, sorted.
func (t *target) paced(ctx context.Context, s scenario, rate, calls int) ([]time.Duration, error) {
	ctx = authorized(ctx)
	took := make([]time.Duration, calls)
	failed := make(chan error, calls)
	var group sync.WaitGroup
	begin := time.Now()
	for n := range calls {
		due := begin.Add(time.Duration(n) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		group.Go(func() {
			start := time.Now()
			if err := t.call(ctx, s, n); err != nil {
				failed <- err
			}
			took[n] = time.Since(start)
		})
	}
	group.Wait()
	slices.Sort(took)
	return took, first(failed)
}
