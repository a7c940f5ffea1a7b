//go:build e2e

package deploy_test

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// testTimeout is how long a program may take; kubectl-validate is built first.
const testTimeout = 10 * time.Minute

// binary returns the program that make imagefiles built.
func binary(t *testing.T) string {
	t.Helper()
	name, err := filepath.Abs(filepath.Join(root, "bin/pelcro-grpc"))
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// output is the output of a program that has ended.
type output struct {
	out, err string
	failed   error
}

// try runs a program at the root of the repository.
func try(t *testing.T, command ...string) output {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, &out, &errs
	err := cmd.Run()
	return output{out.String(), errs.String(), err}
}

// must is try for a program that must succeed.
func must(t *testing.T, command ...string) output {
	t.Helper()
	s := try(t, command...)
	if s.failed != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(command, " "), s.failed, s.out, s.err)
	}
	return s
}

// startService runs a command that starts pelcro-grpc, at most until the test ends.
func startService(t *testing.T, env []string, command ...string) *testkit.Process {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Env = root, append(cmd.Environ(), env...)
	return testkit.Start(t, cmd).Serving(t)
}

// gauge returns the value of a metric without labels.
func gauge(t *testing.T, p *testkit.Process, name string) float64 {
	t.Helper()
	family := testkit.Metrics(t, p.Admin)[name]
	if len(family.GetMetric()) != 1 {
		t.Fatalf("%s: %v", name, family)
	}
	return testkit.Sum(family)
}
