//go:build e2e

package deploy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// root is the root of the repository.
const root = "../.."

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

// service is a running pelcro-grpc.
type service struct {
	address, admin string
	log            *lines
}

// startService runs a command that starts pelcro-grpc, at most until the test ends. ended
// receives the result of its Wait.
func startService(t *testing.T, env []string, command ...string) (s service, ended <-chan error) {
	t.Helper()
	s.log = &lines{serving: make(chan string, 1)}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Env, cmd.Stderr = root, append(cmd.Environ(), env...), s.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done, exited := make(chan error, 1), make(chan struct{})
	go func() {
		done <- cmd.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-exited
	})
	select {
	case line := <-s.log.serving:
		var serving struct{ Address, Admin string }
		if err := json.Unmarshal([]byte(line), &serving); err != nil {
			t.Fatal(err)
		}
		s.address, s.admin = serving.Address, "http://"+serving.Admin
	case <-exited:
		t.Fatalf("the service ended: %s", s.log)
	case <-time.After(time.Minute):
		t.Fatalf("the service does not serve: %s", s.log)
	}
	return s, done
}

// lines is a log that finds the line with the addresses of the service.
type lines struct {
	mu      sync.Mutex
	text    bytes.Buffer
	found   bool
	serving chan string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	for line := range strings.Lines(l.text.String()) {
		if !l.found && strings.Contains(line, `"msg":"serving"`) && strings.HasSuffix(line, "\n") {
			l.found = true
			l.serving <- line
		}
	}
	return len(p), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// metrics returns the metrics by name.
func (s service) metrics(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	resp, err := http.Get(s.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// gauge returns the value of a metric without labels.
func (s service) gauge(t *testing.T, name string) float64 {
	t.Helper()
	family := s.metrics(t)[name]
	if len(family.GetMetric()) != 1 {
		t.Fatal(fmt.Errorf("%s: %v", name, family))
	}
	return family.GetMetric()[0].GetGauge().GetValue() + family.GetMetric()[0].GetCounter().GetValue()
}
