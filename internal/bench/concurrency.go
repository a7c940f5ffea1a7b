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

// inFlight makes many concurrent calls to a slow upstream, and prints their memory.
func (f *fleet) inFlight(ctx context.Context, rounds int) error {
	const calls, upstreamTime = 5_000, 100
	slow := get("slow get", customerSlow+upstreamTime, codes.OK, codes.OK, 200)
	fmt.Fprintf(os.Stdout, "\nin flight: %d concurrent calls to an upstream that takes %d ms\n", calls, upstreamTime)
	for _, t := range []*target{f.gateway, f.plain} {
		var grown []float64
		idle, err := t.rss()
		if err != nil {
			return err
		}
		for range rounds {
			most, err := t.peak(ctx, slow, calls)
			if err != nil {
				return err
			}
			grown = append(grown, float64(most-idle)/calls/1024)
		}
		fmt.Fprintf(os.Stdout, "%10s  %.0f MiB idle, %.1f KiB a call more (%.1f to %.1f)\n",
			t.name, float64(idle)/(1<<20), middle(grown), slices.Min(grown), slices.Max(grown))
	}
	return nil
}

// peak returns the peak memory of the target during the calls.
func (t *target) peak(ctx context.Context, s scenario, calls int) (most int, err error) {
	done := make(chan error, 1)
	go func() {
		// Each caller makes ten calls, one after the other.
		done <- t.run(ctx, s, 10*calls, calls, new(tally))
	}()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case err := <-done:
			return most, err
		case <-ticker.C:
			now, err := t.rss()
			if err != nil {
				return 0, err
			}
			most = max(most, now)
		}
	}
}

// latency calls each target, and the upstream itself over HTTP, at a fixed rate, and prints the
// latencies.
func (f *fleet) latency(ctx context.Context, rounds int) error {
	const rate, upstreamTime, seconds = 1_000, 20, 5
	slow := get("slow get", customerSlow+upstreamTime, codes.OK, codes.OK, 200)
	fmt.Fprintf(os.Stdout, "\nlatency: %d calls a second for %d s on an upstream that takes %d ms; p50 and p99, rounds in brackets\n", rate, seconds, upstreamTime)
	targets := append([]*target{f.upstream}, f.compared()...)
	p50, p99 := make([][]float64, len(targets)), make([][]float64, len(targets))
	for n := range rounds + 1 { // the first one opens the connections
		for i, t := range targets {
			took, err := t.paced(ctx, slow, rate, seconds*rate)
			if err != nil {
				return err
			}
			if n > 0 {
				p50[i] = append(p50[i], float64(took[len(took)/2])/1e6)
				p99[i] = append(p99[i], float64(took[len(took)*99/100])/1e6)
			}
		}
	}
	for i, t := range targets {
		fmt.Fprintf(os.Stdout, "%10s  %.2f ms  %.2f ms  %.2f\n", t.name, middle(p50[i]), middle(p99[i]), p99[i])
	}
	return nil
}

// paced starts calls at the rate, independent of their duration, and returns their durations, sorted.
func (t *target) paced(ctx context.Context, s scenario, rate, calls int) ([]time.Duration, error) {
	ctx = authorized(ctx)
	took := make([]time.Duration, calls)
	var (
		group   sync.WaitGroup
		mu      sync.Mutex
		failure error
	)
	begin := time.Now()
	for n := range calls {
		due := begin.Add(time.Duration(n) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		group.Go(func() {
			start := time.Now()
			if err := t.call(ctx, s, n); err != nil {
				mu.Lock()
				failure = err
				mu.Unlock()
			}
			took[n] = time.Since(start)
		})
	}
	group.Wait()
	slices.Sort(took)
	return took, failure
}

// growth compares the CPU time of a call from few and from many callers. The gateway keeps as many
// connections to the upstream as calls may run, the others keep 256.
func (f *fleet) growth(ctx context.Context, rounds, calls int) error {
	const manyCallers = 1_000
	calls = max(calls, 10*manyCallers)
	fmt.Fprintf(os.Stdout, "\ngrowth: CPU time of a get from %d and from %d callers\n", callers, manyCallers)
	targets := f.compared()
	ratios := make([][]float64, len(targets))
	for n := range rounds + 1 { // the first one opens the connections
		for i, t := range targets {
			few, many, err := t.grown(ctx, calls, manyCallers)
			if err != nil {
				return err
			}
			if n > 0 {
				ratios[i] = append(ratios[i], float64(many)/float64(few))
			}
		}
	}
	for i, t := range targets {
		fmt.Fprintf(os.Stdout, "%10s  %.2f (%.2f to %.2f)\n", t.name, middle(ratios[i]), slices.Min(ratios[i]), slices.Max(ratios[i]))
	}
	return nil
}

// grown returns the CPU time of calls from few and from many callers, in alternating rounds that are
// long enough for every caller to make a call.
func (t *target) grown(ctx context.Context, calls, manyCallers int) (few, many time.Duration, err error) {
	for range 2 {
		for _, load := range []struct {
			callers int
			to      *time.Duration
		}{{callers, &few}, {manyCallers, &many}} {
			before, err := t.cpu()
			if err != nil {
				return 0, 0, err
			}
			if err := t.run(ctx, getOK, calls, load.callers, new(tally)); err != nil {
				return 0, 0, err
			}
			after, err := t.cpu()
			if err != nil {
				return 0, 0, err
			}
			*load.to += after - before
		}
	}
	return few, many, nil
}
