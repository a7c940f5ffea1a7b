package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The example prints what README.md shows, against a sandbox that runs as a program.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := strings.Cut(string(readme), "$ go run ./examples/go -max-wait 1s\n")
	want, _, _ = strings.Cut(want, "```")
	var out strings.Builder
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := run(ctx, sandbox(t), time.Second, &out); err != nil {
		t.Error(err)
	}
	random := regexp.MustCompile(`nora-[0-9a-z]{8}|customer [0-9]+`)
	if got := out.String(); random.ReplaceAllString(got, "N") != random.ReplaceAllString(want, "N") {
		t.Errorf("it prints\n%s\nREADME.md shows\n%s", got, want)
	}
}

// sandbox starts the service with an embedded Pelcro until the test ends, and
// returns its address.
func sandbox(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pelcro-grpc")
	if output, err := exec.Command("go", "build", "-o", file, "../../cmd/pelcro-grpc").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, output)
	}
	service := exec.Command(file, "serve", "--sandbox", "--listen=127.0.0.1:0", "--admin-listen=", "--log-level=error")
	out, err := service.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		service.Process.Signal(os.Interrupt)
		service.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	groups := regexp.MustCompile(`a SANDBOX on (\S+):`).FindStringSubmatch(line)
	if groups == nil {
		t.Fatalf("it printed %q: %v", line, err)
	}
	return groups[1]
}
