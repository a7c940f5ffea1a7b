package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"text/tabwriter"
	"time"
)

type options struct {
	only          *regexp.Regexp
	rounds, calls int
	connections   int // of gRPC, to each part
}

// callers is how many callers run concurrently in most cases.
const callers = 32

// turns is the number of turns of each target in a round. Turns are short, so that other load on the
// machine affects all targets alike.
const turns = 10

// fleet is all running parts: the upstream, then those that are compared.
type fleet []*target

func (f fleet) compared() []*target { return f[1:] }

func (f fleet) named(name string) *target {
	return f[slices.IndexFunc(f, func(t *target) bool { return t.name == name })]
}

func (f fleet) stop() {
	for _, t := range f {
		t.close()
		t.stop()
	}
}

// startFleet starts all parts; also those that it returns with an error must be stopped. The gateway
// and its files are in dir.
func startFleet(ctx context.Context, dir string, o options) (fleet, error) {
	var f fleet
	upstream := ""
	for _, name := range []string{"upstream", "gateway", "plain", "vanguard", "proxy"} {
		var p *process
		var err error
		if name == "gateway" {
			p, err = startGateway(ctx, dir, upstream)
		} else {
			p, err = startRole(ctx, name, upstream)
		}
		if err != nil {
			return f, err
		}
		t, err := newTarget(p, o.connections)
		if f = append(f, t); err != nil {
			return f, err
		}
		if name == "upstream" {
			upstream = "http://" + p.address
		}
	}
	return f, nil
}

// compare runs the cases and prints the results.
func compare(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "pelcro-grpc-bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := prepare(ctx, dir); err != nil {
		return err
	}
	f, err := startFleet(ctx, dir, o)
	defer func() { f.stop() }()
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "to profile the gateway during a case: go tool pprof http://%s/debug/pprof/profile\n", f.named("gateway").admin)
	return f.cases(ctx, o)
}

// cases compares what calls cost.
func (f fleet) cases(ctx context.Context, o options) error {
	for _, s := range []scenario{getOK, createOK, createBad, getMissing, getThrottled, listOK} {
		if !o.only.MatchString(s.name) {
			continue
		}
		calls := o.calls
		if s.name == listOK.name {
			calls /= 10
		}
		if err := f.rounds(ctx, s, o.rounds, calls); err != nil {
			return err
		}
	}
	return nil
}

// rounds runs one case: all targets in turn, in each round.
func (f fleet) rounds(ctx context.Context, s scenario, rounds, calls int) error {
	results := map[string][]measurement{}
	for n := range rounds + 1 {
		measured, err := round(ctx, f.compared(), s, calls)
		if err != nil {
			return err
		}
		if n == 0 { // it opens connections, fills caches, allocates memory
			continue
		}
		for i, t := range f.compared() {
			results[t.name] = append(results[t.name], measured[i])
		}
	}
	fmt.Fprintf(os.Stdout, "\n%s: %d rounds of %d calls, %d concurrently over %d connections\n", s.name, rounds, calls, callers, len(f.named("gateway").conns))
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tcalls/s\tp50\tp99\tCPU/call\tRSS\t/ plain\tfrom\tto\t/ vanguard\t")
	for _, t := range f.compared() {
		own := results[t.name]
		toPlain, toVanguard := ratios(own, results["plain"]), ratios(own, results["vanguard"])
		fmt.Fprintf(w, "%s\t%.0f\t%v\t%v\t%v\t%d MiB\t%.2f\t%.2f\t%.2f\t%.2f\t\n", t.name,
			median(own, func(m measurement) float64 { return m.perSecond }),
			median(own, func(m measurement) time.Duration { return m.p50 }).Round(100*time.Nanosecond),
			median(own, func(m measurement) time.Duration { return m.p99 }).Round(100*time.Nanosecond),
			median(own, func(m measurement) time.Duration { return m.cpu }).Round(100*time.Nanosecond),
			own[rounds-1].rss>>20,
			middle(toPlain), slices.Min(toPlain), slices.Max(toPlain), middle(toVanguard))
	}
	return w.Flush()
}

// ratios returns the CPU time of a call in each round as a ratio to the other's.
func ratios(of, to []measurement) []float64 {
	ratios := make([]float64, len(of))
	for i := range ratios {
		ratios[i] = float64(of[i].cpu) / float64(to[i].cpu)
	}
	return ratios
}

// round gives each target its turns and returns what each measured. The order changes, so that no
// target is always the first.
func round(ctx context.Context, targets []*target, s scenario, calls int) ([]measurement, error) {
	before, tallies := make([]time.Duration, len(targets)), make([]tally, len(targets))
	for i, t := range targets {
		var err error
		if before[i], _, err = t.usage(); err != nil {
			return nil, err
		}
	}
	for turn := range turns {
		for i := range targets {
			i = (i + turn) % len(targets)
			if err := targets[i].run(ctx, s, max(1, calls/turns), callers, &tallies[i]); err != nil {
				return nil, err
			}
		}
	}
	measured := make([]measurement, len(targets))
	for i, t := range targets {
		var err error
		if measured[i], err = t.measure(tallies[i], before[i]); err != nil {
			return nil, err
		}
	}
	return measured, nil
}

func middle[T cmp.Ordered](values []T) T {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

func median[T cmp.Ordered](ms []measurement, of func(measurement) T) T {
	values := make([]T, len(ms))
	for i, m := range ms {
		values[i] = of(m)
	}
	return middle(values)
}
