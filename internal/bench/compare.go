package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

type options struct {
	only          *regexp.Regexp
	rounds, calls int
	profiles      string
	before        string // a gateway that was built before a change; empty for none
	connections   int    // of gRPC, to each part
}

// callers is how many callers run concurrently in most cases.
const callers = 32

// turns is the number of turns of each target in a round. Turns are short, so that other load on the
// machine affects all targets alike.
const turns = 10

// fleet is all running parts.
type fleet struct {
	upstream, gateway, plain, vanguard, proxy *target
	before                                    *target // nil for none
	admin                                     string
	all                                       []*target
}

// compared are the targets that are called in turn.
func (f *fleet) compared() []*target {
	compared := []*target{f.gateway, f.plain, f.vanguard, f.proxy}
	if f.before != nil {
		compared = append(compared, f.before)
	}
	return compared
}

func (f *fleet) stop() {
	for _, t := range f.all {
		t.close()
		t.stop()
	}
}

func startFleet(ctx context.Context, dir string, o options) (*fleet, error) {
	f := &fleet{}
	add := func(p *process, err error) (*target, error) {
		if p == nil || err != nil {
			return nil, err
		}
		t, err := newTarget(p, o.connections)
		if err == nil {
			f.all = append(f.all, t)
		}
		return t, err
	}
	var err error
	if f.upstream, err = add(startRole(ctx, "upstream", "")); err != nil {
		return f, err
	}
	base := "http://" + f.upstream.address + basePath
	if f.plain, err = add(startRole(ctx, "plain", base)); err != nil {
		return f, err
	}
	if f.vanguard, err = add(startRole(ctx, "vanguard", "http://"+f.upstream.address)); err != nil {
		return f, err
	}
	if f.proxy, err = add(startRole(ctx, "proxy", base)); err != nil {
		return f, err
	}
	files, err := prepare(dir)
	if err != nil {
		return f, err
	}
	p, admin, err := startGateway(ctx, "gateway", files, base)
	f.admin = admin
	if f.gateway, err = add(p, err); err != nil || o.before == "" {
		return f, err
	}
	files.binary, files.log = o.before, files.log+".before"
	p, _, err = startGateway(ctx, "before", files, base)
	f.before, err = add(p, err)
	return f, err
}

// compare runs the cases and prints the results.
func compare(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "pelcro-grpc-bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	f, err := startFleet(ctx, dir, o)
	defer func() { f.stop() }()
	if err != nil {
		return err
	}
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
		if o.profiles != "" {
			file := filepath.Join(o.profiles, strings.ReplaceAll(s.name, " ", "-")+".pprof")
			if err := f.profile(ctx, s, calls, file); err != nil {
				return err
			}
		}
	}
	for _, extra := range []struct {
		name string
		run  func() error
	}{
		{"growth", func() error { return f.growth(ctx, o.rounds, o.calls) }},
		{"latency", func() error { return f.latency(ctx, o.rounds) }},
		{"in flight", func() error { // with new processes, because the other cases have left memory in use
			f.stop()
			if f, err = startFleet(ctx, dir, o); err != nil {
				return err
			}
			return f.inFlight(ctx, o.rounds)
		}},
	} {
		if o.only.MatchString(extra.name) {
			if err := extra.run(); err != nil {
				return err
			}
		}
	}
	return nil
}

// rounds runs one case: all targets in turn, in each round.
func (f *fleet) rounds(ctx context.Context, s scenario, rounds, calls int) error {
	targets := f.compared()
	results := map[*target][]measurement{}
	if _, err := round(ctx, targets, s, calls); err != nil { // opens connections, fills caches, allocates memory
		return err
	}
	for range rounds {
		measured, err := round(ctx, targets, s, calls)
		if err != nil {
			return err
		}
		for i, t := range targets {
			results[t] = append(results[t], measured[i])
		}
	}
	fmt.Fprintf(os.Stdout, "\n%s: %d rounds of %d calls, %d concurrently over %d connections\n", s.name, rounds, calls, callers, len(f.gateway.conns))
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tcalls/s\tp50\tp99\tCPU/call\tRSS\t/ plain\tfrom\tto\t/ vanguard\t")
	for _, t := range targets {
		toPlain, toVanguard := ratios(results[t], results[f.plain]), ratios(results[t], results[f.vanguard])
		fmt.Fprintf(w, "%s\t%.0f\t%v\t%v\t%v\t%d MiB\t%.2f\t%.2f\t%.2f\t%.2f\t\n", t.name,
			median(results[t], func(m measurement) float64 { return m.perSecond }),
			medianTime(results[t], func(m measurement) time.Duration { return m.p50 }),
			medianTime(results[t], func(m measurement) time.Duration { return m.p99 }),
			medianTime(results[t], func(m measurement) time.Duration { return m.cpu }),
			results[t][rounds-1].rss>>20,
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
	tallies := make([]tally, len(targets))
	for i, t := range targets {
		var err error
		if tallies[i], err = t.start(); err != nil {
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
		if measured[i], err = t.end(tallies[i]); err != nil {
			return nil, err
		}
	}
	return measured, nil
}

// profileTime gives a few thousand samples.
const profileTime = 5 * time.Second

// profile writes a CPU profile of the gateway under the case's load.
func (f *fleet) profile(ctx context.Context, s scenario, calls int, file string) error {
	done := make(chan error, 1)
	go func() {
		done <- fetch(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", f.admin, int(profileTime.Seconds())), file)
	}()
	for {
		if err := f.gateway.run(ctx, s, calls, callers, new(tally)); err != nil {
			return err
		}
		select {
		case err := <-done:
			return err
		default:
		}
	}
}

func fetch(ctx context.Context, url, file string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", url, resp.Status, raw)
	}
	return os.WriteFile(file, raw, 0o600)
}

func middle(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

func median(ms []measurement, of func(measurement) float64) float64 {
	values := make([]float64, len(ms))
	for i, m := range ms {
		values[i] = of(m)
	}
	return middle(values)
}

func medianTime(ms []measurement, of func(measurement) time.Duration) time.Duration {
	return time.Duration(median(ms, func(m measurement) float64 { return float64(of(m)) })).Round(100 * time.Nanosecond)
}
