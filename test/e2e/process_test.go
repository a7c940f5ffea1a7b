//go:build e2e

package e2e_test

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// A process is a program that serves until the test ends. It leads its own process group, so that
// all its processes can be stopped.
type process struct {
	*testkit.Process

	killed bool
}

// serve starts a program and waits until it prints a line that matches ready. It returns the first
// group of the match.
func serve(t *testing.T, command *exec.Cmd, ready string) (*process, string) {
	t.Helper()
	if command.SysProcAttr == nil { // the kernel kills it if the test dies without cleaning up
		command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	}
	p := &process{Process: testkit.Start(t, command)}
	t.Cleanup(func() {
		if !p.killed {
			p.signal(t, syscall.SIGCONT)
			p.end(t, syscall.SIGTERM)
		}
	})
	return p, p.Log.Match(t, ready)[1]
}

// signal sends a signal to all processes of the program.
func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(-p.Command.Process.Pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Errorf("%s: %v", p.Command.Path, err)
	}
}

// end sends a signal and waits for the end of the program.
func (p *process) end(t *testing.T, s syscall.Signal) {
	t.Helper()
	p.killed = true
	p.signal(t, s)
	_ = testkit.Receive(t, p.Ended, "end of "+p.Command.Path) // it was killed
}

// kill ends the program immediately.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if !p.killed {
		p.end(t, syscall.SIGKILL)
	}
}

// mustRun runs a program to its end.
func mustRun(t testing.TB, command *exec.Cmd) {
	t.Helper()
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", command.Args, err, output)
	}
}

// environment is this process' environment with changes.
func environment(changes ...string) []string { return append(os.Environ(), changes...) }
