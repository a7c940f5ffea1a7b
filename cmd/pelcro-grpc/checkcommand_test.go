package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// configuredCheck are the flags of a check of the Pelcro at the URL.
func configuredCheck(t *testing.T, url, key string) []string {
	t.Helper()
	return []string{"check", "--pelcro-url=" + url + sandbox.BasePath, "--site-id=1", "--pelcro-api-key-file=" + testkit.File(t, key)}
}

// TestCheckCommand: the exit code says whether everything is as expected, and the output goes to a
// file or a pipe without colours.
func TestCheckCommand(t *testing.T) {
	t.Parallel() // it pauses between requests
	like := sandbox.New(sandbox.Config{APIKey: canaryKey})
	same := testkit.Upstream(t, like)
	differs := testkit.Upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/account") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		like.ServeHTTP(w, r)
	}))
	t.Run("as expected", func(t *testing.T) {
		t.Parallel()
		r := runWith(t, "", configuredCheck(t, same, canaryKey)...)
		if r.code != exitOK || r.err != "" || !strings.HasPrefix(r.out, "Pelcro at 127.0.0.1:") || !strings.HasSuffix(r.out, "\n11 requests, everything is as expected\n") {
			t.Errorf("exit code %d, %s%s", r.code, r.out, r.err)
		}
		if strings.Contains(r.out, "\x1b") {
			t.Errorf("colours: %q", r.out)
		}
	})
	t.Run("a difference", func(t *testing.T) {
		t.Parallel()
		r := runWith(t, "", append(configuredCheck(t, differs, canaryKey), "--json")...)
		var report struct {
			Requests []struct{ Differences []struct{ Text string } }
			Features []struct{ Name, State string }
		}
		err := json.Unmarshal([]byte(r.out), &report)
		if err != nil || r.code != exitFailure || len(report.Requests) != 11 || len(report.Features) != 12 || len(report.Requests[0].Differences) != 1 {
			t.Errorf("exit code %d, %v, %s%s", r.code, err, r.out, r.err)
		}
	})
	t.Run("a wrong key", func(t *testing.T) {
		r := runWith(t, "", configuredCheck(t, same, "another-key")...)
		if r.code != exitUsage || !strings.Contains(r.out, "PELCRO_UNAUTHENTICATED") || strings.Contains(r.out, "another-key") {
			t.Errorf("exit code %d, %s%s", r.code, r.out, r.err)
		}
	})
}

// TestCheckSandbox needs no account; --save writes the responses.
func TestCheckSandbox(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "saved")
	r := runWith(t, "", "check", "--sandbox", "--allow-writes", "--test-site-id=1", "--save="+directory)
	files, err := os.ReadDir(directory)
	if r.code != exitOK || err != nil || len(files) != 18 || !strings.HasPrefix(r.err, "17 responses are in "+directory) {
		t.Errorf("exit code %d, %d files, %v, %s%s", r.code, len(files), err, r.out, r.err)
	}
	file := testkit.File(t, "")
	runWith(t, "", "check", "--sandbox", "--save="+file+"/below").mustFailAfterOutput(t,
		"pelcro-grpc: --save "+file+"/below: not a directory; name a directory that can be written to\n")
}

// mustFailAfterOutput checks that the program printed a report, and then ended with exit code 2.
func (r ran) mustFailAfterOutput(t *testing.T, want string) {
	t.Helper()
	if r.code != exitUsage || r.err != want || r.out == "" {
		t.Errorf("exit code %d\ngot:  %swant: %s", r.code, r.err, want)
	}
}

// TestCheckUsage: wrong flags are reported together, and nothing is sent.
func TestCheckUsage(t *testing.T) {
	const (
		noSite = "--site-id is missing; it is the number in the address of Pelcro's dashboard (or try --sandbox)"
		noKey  = "there is no API key; set --pelcro-api-key-file or PELCRO_GRPC_PELCRO_API_KEY (or try --sandbox)"
	)
	runWith(t, "", "check").mustReject(t, noSite, noKey)
	runWith(t, "", "check", "--allow-writes").mustReject(t, noSite, noKey, "--allow-writes needs a site without real customers; name it with --test-site-id")
	runWith(t, "", "check", "--sandbox", "--test-site-id=1").mustReject(t, "--test-site-id is for --allow-writes; add that, or leave it out")
	runWith(t, "", "check", "--sandbox", "--request-timeout=0s").mustReject(t, "--request-timeout must be greater than 0, for example 30s")
}
