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

// testTimeout is how long a program may take to start or stop, on a busy machine.
const testTimeout = time.Minute

// A process is a program that serves until the test ends.
type process struct {
	command *exec.Cmd
	logged  chan struct{} // closed with its standard error
	mu      sync.Mutex
	output  bytes.Buffer
	killed  bool
}

// serve starts a program and waits until a line of its standard error matches ready.
// It returns the first group of the match.
//
// The program leads its own process group, so that all its processes can be stopped, and
// is killed by the kernel if the test dies without cleaning up.
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
			t.Logf("%s printed:\n%s", command.Path, p.text())
		}
	})
	select {
	case address, ok := <-found:
		if !ok {
			t.Fatalf("%s did not start: %s", command.Path, p.text())
		}
		return p, address
	case <-time.After(testTimeout):
		t.Fatalf("%s did not start in time: %s", command.Path, p.text())
		return nil, ""
	}
}

// connectionLines match what PHP prints for each connection.
var connectionLines = regexp.MustCompile(` (Accepted|Closing)$`)

// read keeps the output and reports the line that matches ready.
func (p *process) read(lines *bufio.Scanner, ready *regexp.Regexp, found chan<- string) {
	defer close(p.logged)
	defer close(found)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if !connectionLines.Match(lines.Bytes()) {
			p.mu.Lock()
			p.output.Write(append(lines.Bytes(), '\n'))
			p.mu.Unlock()
		}
		if groups := ready.FindSubmatch(lines.Bytes()); groups != nil {
			select {
			case found <- string(groups[1]):
			default: // not the first such line
			}
		}
	}
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// signal sends a signal to all processes of the program.
func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(-p.command.Process.Pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Errorf("%s: %v", p.command.Path, err)
	}
}

// kill ends the program immediately.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if p.killed {
		return
	}
	p.killed = true
	p.signal(t, syscall.SIGKILL)
	<-p.logged
	_ = p.command.Wait() // reports that it was killed
}

// stop asks the program to end, and kills it after testTimeout.
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
	case <-time.After(testTimeout):
		t.Errorf("%s did not stop", p.command.Path)
		p.kill(t)
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
