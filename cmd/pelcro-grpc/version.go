package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCommand struct{}

func (versionCommand) Run(_ context.Context, std stdio) error {
	_, err := fmt.Fprintln(std.out, versionLine())
	return err
}

// versionLine is what the command version and the flag --version print.
func versionLine() string {
	return fmt.Sprintf("pelcro-grpc %s %s %s/%s", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// release is the version of a release, set by the linker (.ci/release).
var release string

// version returns the version of the release, otherwise the module's, or "(devel)" for a build
// without one.
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
