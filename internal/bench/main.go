// Command bench compares the cost of a call through the gateway with that of other ways to the same
// upstream.
//
//	go run ./internal/bench             all cases, about ten minutes
//	go run ./internal/bench -case get   those whose name matches "get"
//
// Every part is a separate process on loopback: an upstream with fixed responses; the gateway as
// it runs in production (metrics, a log line for each call to a file, callers' tokens, breaker,
// retries, limits); a gRPC handler written by hand (plain.go); vanguard-go, which turns gRPC into
// REST by the schema alone (vanguard.go); and net/http's ReverseProxy. They have the same settings
// of the Go runtime and, where grpc-go serves, the same stream workers. The load calls them in
// turn, so a machine that is busy for a while is busy for all of them, and the ratio within a
// round is the result. CPU time is each process's own, as the system accounts for it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
)

// roleEnv makes the program act as one of the parts.
const roleEnv = "PELCRO_GRPC_BENCH_ROLE"

// roles are the parts that this program contains.
var roles = map[string]func() error{
	"upstream": serveUpstream,
	"plain":    servePlain,
	"proxy":    serveProxy,
	"vanguard": serveVanguard,
}

// gcPercent is the gateway's own setting; every part gets it, unless GOGC is set.
const gcPercent = 400

func main() {
	if role, ok := roles[os.Getenv(roleEnv)]; ok {
		if os.Getenv("GOGC") == "" {
			debug.SetGCPercent(gcPercent)
		}
		if err := role(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	var options options
	only := flag.String("case", "", "run only the cases whose name matches this regular expression")
	flag.IntVar(&options.rounds, "rounds", 5, "rounds of each case")
	flag.IntVar(&options.calls, "calls", 20_000, "calls of each part in a round")
	flag.IntVar(&options.connections, "connections", 8, "gRPC connections to each part, which its callers share")
	flag.Parse()
	if options.rounds < 1 || options.calls < 1 || options.connections < 1 {
		fmt.Fprintln(os.Stderr, "bench: -rounds, -calls and -connections must be at least 1")
		os.Exit(2)
	}
	var err error
	if options.only, err = regexp.Compile(*only); err != nil {
		fmt.Fprintln(os.Stderr, "bench: -case:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err = compare(ctx, options)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
