//go:build e2e

package e2e_test

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a program may take for what should be quick. The machine may
// be busy with other work.
const patience = time.Minute

// A process is a program that serves until the test ends.
type process struct {
	command *exec.Cmd
	logged  chan struct{} // closed when it has closed its standard error
	mu      sync.Mutex
	said    bytes.Buffer
	killed  bool
}

// serve starts a program and waits until a line of its standard error matches ready.
// It returns the first group of the match.
//
// The program leads a process group of its own, so that all of it can be stopped,
// and is killed by the kernel if the test dies without cleaning up.
func serve(t *testing.T, command *exec.Cmd, ready *regexp.Regexp) (*process, string) {
	t.Helper()
	p := &process{command: command, logged: make(chan struct{})}
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	}
	log, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	go p.read(bufio.NewScanner(log), ready, found)
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() {
			t.Logf("%s said:\n%s", command.Path, p.text())
		}
	})
	select {
	case address, ok := <-found:
		if !ok {
			t.Fatalf("%s did not start: %s", command.Path, p.text())
		}
		return p, address
	case <-time.After(patience):
		t.Fatalf("%s did not start in time: %s", command.Path, p.text())
		return nil, ""
	}
}

// boring is what PHP says of each connection.
var boring = regexp.MustCompile(` (Accepted|Closing)$`)

// read keeps what the program says, and reports the line that says it is ready.
func (p *process) read(lines *bufio.Scanner, ready *regexp.Regexp, found chan<- string) {
	defer close(p.logged)
	defer close(found)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if !boring.Match(lines.Bytes()) {
			p.mu.Lock()
			p.said.Write(append(lines.Bytes(), '\n'))
			p.mu.Unlock()
		}
		if groups := ready.FindSubmatch(lines.Bytes()); groups != nil {
			select {
			case found <- string(groups[1]):
			default: // it said so before
			}
		}
	}
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// signal sends a signal to the program and all that it started.
func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(-p.command.Process.Pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Errorf("%s: %v", p.command.Path, err)
	}
}

// kill ends the program at once, in the middle of whatever it does.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if p.killed {
		return
	}
	p.killed = true
	p.signal(t, syscall.SIGKILL)
	<-p.logged
	_ = p.command.Wait() // it was killed, which is what Wait reports
}

// stop asks the program to end, and insists after a while.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if p.killed {
		return
	}
	p.signal(t, syscall.SIGCONT)
	p.signal(t, syscall.SIGTERM)
	select {
	case <-p.logged:
		p.killed = true
		_ = p.command.Wait()
	case <-time.After(patience):
		t.Errorf("%s did not stop", p.command.Path)
		p.kill(t)
	}
}

// mustRun runs a program to its end.
func mustRun(t testing.TB, command *exec.Cmd) {
	t.Helper()
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", command.Args, err, said)
	}
}

// environment is this process' environment with changes.
func environment(changes ...string) []string { return append(os.Environ(), changes...) }
