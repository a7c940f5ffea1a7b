package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// root is the root of the repository, seen from here.
const root = "../.."

// grpcurl and buf are the pinned tools. Where there is neither a network nor a filled module cache
// there are none.
var (
	grpcurl = pinned("grpcurl")
	buf     = pinned("buf")
)

// pinned returns a function that builds the tool as tools/NAME.mod has it, unless Go's cache has it,
// and returns its path.
func pinned(name string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		command := exec.Command("go", "tool", "-modfile=tools/"+name+".mod", "-n", name)
		command.Dir = root
		said, err := command.CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("go tool: %w: %s", err, said)
		}
		return strings.TrimSpace(string(said)), nil
	})
}

// mustHaveGrpcurl returns the path of grpcurl. Without it the test is skipped, or fails where tools
// are required.
func mustHaveGrpcurl(t *testing.T) string {
	t.Helper()
	path, err := grpcurl()
	switch {
	case err != nil && os.Getenv(requireTools) == "1":
		t.Fatalf("there is no grpcurl: %v", err)
	case err != nil:
		t.Skipf("there is no grpcurl: %v", err)
	}
	return path
}

// mustHaveBuf returns the path of buf. It takes minutes to build, so the test is skipped where tools
// are not required.
func mustHaveBuf(t *testing.T) string {
	t.Helper()
	if os.Getenv(requireTools) != "1" {
		t.Skipf("buf is used with %s=1 only", requireTools)
	}
	path, err := buf()
	if err != nil {
		t.Fatalf("there is no buf: %v", err)
	}
	return path
}

// called is a tool that has ended.
type called struct {
	exit int
	said string // standard output and standard error
}

func callGrpcurl(t *testing.T, args ...string) called {
	t.Helper()
	c := callTool(t, mustHaveGrpcurl(t), args...)
	// grpcurl prints this for a detail that it cannot decode.
	if strings.Contains(c.said, "is not recognized") {
		t.Errorf("grpcurl %v: %s", args, c.said)
	}
	return c
}

func callTool(t *testing.T, path string, args ...string) called {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Timeout)
	defer cancel()
	command := exec.CommandContext(ctx, path, args...)
	command.Dir = root
	said, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	c := called{said: string(said)}
	if exit != nil {
		c.exit = exit.ExitCode()
	}
	return c
}
