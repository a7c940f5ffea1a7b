package testkit

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Root returns the root of the repository.
var Root = sync.OnceValue(func() string {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		panic(err)
	}
	return filepath.Dir(strings.TrimSpace(string(out)))
})

// Program builds the program pelcro-grpc, unless Go's cache has it, and returns its path.
func Program(tb testing.TB) string {
	tb.Helper()
	path, err := program()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// program asks go run where the program is. After it has linked one, that is a temporary place; when
// asked again, it is the place in the cache.
var program = sync.OnceValues(func() (string, error) {
	for range 5 {
		command := exec.Command("go", "run", "-exec=echo", "./cmd/pelcro-grpc")
		command.Dir = Root()
		out, err := command.CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("%w: %s", err, out)
		}
		path := strings.TrimSpace(string(out))
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", os.ErrNotExist
})

// Process is a program that runs until it ends, at most until the end of the test.
type Process struct {
	Command *exec.Cmd
	// Log is standard output and standard error, unless the command had its own.
	Log *Log
	// Ended receives the result of Command.Wait.
	Ended chan error
	// Address is the address for calls, and Admin the URL of the admin address. Both are empty if the
	// program is not a gateway.
	Address, Admin string
}

// Start starts the command.
func Start(tb testing.TB, command *exec.Cmd) *Process {
	tb.Helper()
	p := &Process{Command: command, Log: &Log{}, Ended: make(chan error, 1)}
	if command.Stdout == nil {
		command.Stdout = p.Log
	}
	if command.Stderr == nil {
		command.Stderr = p.Log
	}
	if err := command.Start(); err != nil {
		tb.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		p.Ended <- command.Wait()
	}()
	tb.Cleanup(func() {
		_ = command.Process.Kill() // unless it has ended
		<-gone
		if tb.Failed() {
			tb.Logf("%s printed:\n%s", command.Path, p.Log.End())
		}
	})
	return p
}

// StartGateway starts serve of the program on free ports, with its log in JSON, and waits until it
// serves. Settings are flags, and variables in the form NAME=value.
func StartGateway(tb testing.TB, settings ...string) *Process {
	tb.Helper()
	//nolint:gosec // the program that was just built
	command := exec.Command(Program(tb), "serve", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--log-format=json")
	command.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool { // the developer's own must not matter
		return strings.HasPrefix(variable, "PELCRO_GRPC_") || strings.HasPrefix(variable, "OTEL_")
	})
	for _, setting := range settings {
		if strings.HasPrefix(setting, "--") {
			command.Args = append(command.Args, setting)
		} else {
			command.Env = append(command.Env, setting)
		}
	}
	return Start(tb, command).Serving(tb)
}

// Serving waits until the program is a gateway that serves.
func (p *Process) Serving(tb testing.TB) *Process {
	tb.Helper()
	groups := p.Log.Match(tb, `"msg":"serving","address":"([^"]+)"(?:,"admin":"([^"]+)")?`)
	p.Address = groups[1]
	if groups[2] != "" {
		p.Admin = "http://" + groups[2]
	}
	return p
}

// Signal sends a signal.
func (p *Process) Signal(tb testing.TB, signal os.Signal) {
	tb.Helper()
	if err := p.Command.Process.Signal(signal); err != nil {
		tb.Fatal(err)
	}
}

// Stop sends a signal and returns what Command.Wait returns.
func (p *Process) Stop(tb testing.TB, signal os.Signal) error {
	tb.Helper()
	p.Signal(tb, signal)
	return Receive(tb, p.Ended, "end of the program")
}

// Get reads a page.
func Get(tb testing.TB, url string) (status int, body string) {
	tb.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

// Metrics reads the metrics of an admin address, by name.
func Metrics(tb testing.TB, admin string) map[string]*dto.MetricFamily {
	tb.Helper()
	_, page := Get(tb, admin+"/metrics")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(page))
	if err != nil {
		tb.Fatal(err)
	}
	return families
}

// Sum returns the sum of a counter's or gauge's series that have these labels (name, value, ...).
func Sum(family *dto.MetricFamily, labels ...string) (sum float64) {
	for _, metric := range family.GetMetric() {
		values := map[string]string{}
		for _, pair := range metric.GetLabel() {
			values[pair.GetName()] = pair.GetValue()
		}
		matches := true
		for i := 0; i < len(labels); i += 2 {
			matches = matches && values[labels[i]] == labels[i+1]
		}
		if matches {
			sum += metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
		}
	}
	return sum
}
