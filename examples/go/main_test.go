package main

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
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
	if err := run(ctx, testkit.StartGateway(t, "--sandbox").Address, time.Second, &out); err != nil {
		t.Error(err)
	}
	random := regexp.MustCompile(`nora-[0-9a-z]{8}|customer [0-9]+`)
	if got := out.String(); random.ReplaceAllString(got, "N") != random.ReplaceAllString(want, "N") {
		t.Errorf("it prints\n%s\nREADME.md shows\n%s", got, want)
	}
}
