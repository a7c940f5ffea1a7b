//go:build e2e

package conformance_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/test/vectors"
)

// TestPlantedFault: with a fault in the service that doubles each delay, the check of every language
// fails for exactly the vectors that have a delay. So a language cannot pass because its client prints
// what is expected instead of what it received.
func TestPlantedFault(t *testing.T) {
	all := vectors.Read(t, vectorFiles)
	calls := requests(all)
	faulty := buildFaulty(t, "mapping/builder.go", "durationpb.New(b.advice.delay)", "durationpb.New(2 * b.advice.delay)")
	config := serviceConfig(t)
	for _, language := range languages {
		t.Run(language.name, func(t *testing.T) {
			t.Parallel()
			upstream := replay(t, all)
			responses := language.call(t, serve(t, faulty, upstream.address), config, calls)
			for n, v := range all {
				rec := &recorder{TB: t}
				expect(t, v, calls[n]).check(rec, responses[n], int(upstream.requests[n].Load()))
				if wrong := v.Expect.RetryDelaySeconds > 0; rec.failed != wrong {
					t.Errorf("%s: failed is %v, want %v", v.Name, rec.failed, wrong)
				}
			}
		})
	}
}

// buildFaulty builds the service with one expression of a file replaced, and returns the program. The
// file itself stays as it is.
func buildFaulty(t *testing.T, file, correct, faulty string) string {
	t.Helper()
	file = filepath.Join(testkit.Root(), file)
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), correct); n != 1 {
		t.Fatalf("%s has %q %d times, want once: plant the fault in the code of today", file, correct, n)
	}
	changed := testkit.File(t, strings.Replace(string(source), correct, faulty, 1))
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {file: changed}})
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "pelcro-grpc")
	command := exec.Command("go", "build", "-overlay="+testkit.File(t, string(overlay)), "-o", program, "./cmd/pelcro-grpc")
	command.Dir = testkit.Root()
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, output)
	}
	return program
}
