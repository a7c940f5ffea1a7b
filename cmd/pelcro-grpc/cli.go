package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/pelcro-grpc/pelcro-grpc/internal/customers"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	// exitUsage: invalid or missing configuration or input; nothing was started.
	exitUsage = 2
	// exitInterrupted: ended by a signal before the result was complete, as 128 + SIGINT.
	exitInterrupted = 130
)

// envPrefix begins the environment name of every flag.
const envPrefix = "PELCRO_GRPC"

// stdio are the program's streams.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// commands are the subcommands; a flag's environment name is envPrefix and the flag's own name.
type commands struct {
	Serve   serveCommand   `cmd:"" help:"Run the service."`
	Check   checkCommand   `cmd:"" help:"Ask Pelcro what this service relies on, with requests that only read, and say what is different."`
	Export  exportCommand  `cmd:"" help:"Write all customers as JSON lines, from a running service."`
	Explain explainCommand `cmd:"" help:"Read an HTTP response, as curl -si or curl -v prints it, from standard input and print the gRPC status that it becomes."`
	Token   tokenCommand   `cmd:"" help:"Make a token for a caller, and print it with the line of the callers file."`
	Version versionCommand `cmd:"" help:"Print the version."`

	ShowVersion kong.VersionFlag `name:"version" env:"-" help:"Print the version."`
}

const description = `A gRPC service in front of Pelcro's REST API.

To try it without an account: pelcro-grpc serve --sandbox. All settings of the service: pelcro-grpc serve --help.`

// defaults are the defaults that other packages decide.
var defaults = kong.Vars{
	"pelcro_url":         defaultPelcroURL,
	"request_id_key":     customers.DefaultRequestIDKey,
	"concurrent_calls":   strconv.Itoa(server.DefaultMaxConcurrentCalls),
	"sandbox_rate_limit": strconv.Itoa(sandbox.DefaultRequestsPerMinute),
	"version":            versionLine(),
	"address":            defaultAddress,
	"relations":          strings.Join(slices.Sorted(maps.Keys(relations)), ","),
}

// usageError is configuration or input that the user must change: a problem on each line.
type usageError struct{ error }

func usageErrorf(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// printedError is a result that is on standard output or in the log, and its exit code. It is not
// printed as well: writing to standard error could block.
type printedError struct{ exitCode int }

func (printedError) Error() string { return "see the output" }

// run runs the program and returns its exit code.
func run(ctx context.Context, args []string, std stdio) int {
	var cli commands
	exited := false
	parser, err := kong.New(&cli,
		kong.Name("pelcro-grpc"),
		kong.Description(description),
		kong.DefaultEnvars(envPrefix),
		defaults,
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Writers(std.out, std.err),
		kong.Exit(func(int) { exited = true }), // after --help
	)
	if err != nil {
		return report(std.err, err)
	}
	parsed, err := parser.Parse(normalize(args))
	switch {
	case exited:
		return exitOK
	case err != nil:
		return report(std.err, usageErrorf("%v (see %s --help)", err, commandOf(err)))
	}
	return report(std.err, parsed.Run(std))
}

// normalize makes --help of the command help, and joins a flag with a negative number after it,
// which would be read as a flag and reported as one, instead of as a number that is out of range.
func normalize(args []string) []string {
	if len(args) > 0 && args[0] == "help" {
		return append(slices.Clone(args[1:]), "--help")
	}
	var joined []string
	for _, arg := range args {
		last := len(joined) - 1
		if last >= 0 && longFlag.MatchString(joined[last]) && negativeNumber.MatchString(arg) {
			joined[last] += "=" + arg
			continue
		}
		joined = append(joined, arg)
	}
	return joined
}

var (
	longFlag       = regexp.MustCompile(`^--[a-z-]+$`)
	negativeNumber = regexp.MustCompile(`^-[0-9]`)
)

// commandOf returns the command whose command line is invalid, to ask it for help.
func commandOf(err error) string {
	if wrong, ok := errors.AsType[*kong.ParseError](err); ok {
		if selected := wrong.Context.Selected(); selected != nil {
			return selected.FullPath()
		}
	}
	return "pelcro-grpc"
}

// report prints an error and returns the exit code for it.
func report(w io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	if printed, ok := errors.AsType[printedError](err); ok {
		return printed.exitCode
	}
	if _, ok := errors.AsType[usageError](err); !ok {
		fmt.Fprintf(w, "pelcro-grpc: %v\n", err)
		return exitFailure
	}
	for problem := range strings.Lines(err.Error() + "\n") {
		fmt.Fprint(w, "pelcro-grpc: "+problem)
	}
	return exitUsage
}
