package promises_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// inUse is how soon a changed file must be in use. Only the soak measures it: other tests may keep
// the machine busy.
const inUse = 2 * time.Second

// reloadFailed is the message of the line about an invalid file.
const reloadFailed = "reload failed; keeping the previous version"

// keyUpstream is a Pelcro whose keys can be revoked.
type keyUpstream struct {
	mu      sync.Mutex
	revoked map[string]bool
	seen    map[string]int
	newest  string
	first   time.Time // when the newest key was first seen
}

func startKeyUpstream(t *testing.T) (*keyUpstream, string) {
	t.Helper()
	k := &keyUpstream{revoked: map[string]bool{}, seen: map[string]int{}}
	web := httptest.NewServer(k)
	t.Cleanup(web.Close)
	return k, web.URL
}

func (k *keyUpstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	k.mu.Lock()
	defer k.mu.Unlock()
	k.seen[key]++
	if key == k.newest && k.first.IsZero() {
		k.first = time.Now()
	}
	w.Header().Set("Content-Type", "application/json")
	if k.revoked[key] {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	response := successResponse(r)
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body)
}

// expect starts to wait for a key.
func (k *keyUpstream) expect(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.newest, k.first = key, time.Time{}
}

// arrived returns when the expected key was first used, zero before.
func (k *keyUpstream) arrived() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.first
}

// revoke makes every later request with the key fail.
func (k *keyUpstream) revoke(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.revoked[key] = true
}

func (k *keyUpstream) uses(key string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.seen[key]
}

// The key is replaced under load, in each way in which files are replaced, without a failed call.
// When the new key is in use, no later call uses the old one, so it can be revoked.
func TestR16KeyRotation(t *testing.T) {
	parallelUnlessSoaking(t)
	for _, way := range replacements {
		t.Run(way.name, func(t *testing.T) {
			parallelUnlessSoaking(t)
			pelcro, url := startKeyUpstream(t)
			folder := t.TempDir()
			key := func(n int) string { return "key-" + string(rune('a'+n%26)) + strings.Repeat("k", n/26) }
			way.put(t, folder, map[string]string{"key": key(0) + "\n"})
			p := run(t, url, "--pelcro-api-key-file="+filepath.Join(folder, "key"))
			conn := gatewaytest.Dial(t, p.Address)
			call := func(ctx context.Context) error { return get(ctx, conn) }
			calls, slowest, n := int64(0), time.Duration(0), 0
			for begin := time.Now(); n == 0 || time.Since(begin) < scaled(30*time.Second, 0); {
				n++
				load := startLoad(t, call)
				pelcro.expect(key(n))
				changed := time.Now()
				way.put(t, folder, map[string]string{"key": key(n) + "\n"})
				testkit.Eventually(t, "the new key is in use", func() bool { return !pelcro.arrived().IsZero() })
				slowest = max(slowest, pelcro.arrived().Sub(changed))
				load.stop() // calls that started before the change may still use the old key
				pelcro.revoke(key(n - 1))
				calls += load.calls.Load()
				for range 20 {
					must(t, call(t.Context()))
				}
			}
			t.Logf("%d calls, %d rotations; in use after %v at most", calls, n, slowest)
			if soaking && slowest > inUse {
				t.Errorf("a key was in use after %v", slowest)
			}
			if adopted := reloadsOf(t, p, "file", "api_key", "result", "adopted"); adopted != n {
				t.Errorf("the metric counts %d changes, want %d", adopted, n)
			}
			if lines := strings.Count(p.Log.String(), `"msg":"reloaded","file":"api_key"`); lines != n {
				t.Errorf("%d lines in the log, want %d", lines, n)
			}
		})
	}
}

// reloadsOf returns the metric of changed files.
func reloadsOf(t *testing.T, p *testkit.Process, labels ...string) int {
	t.Helper()
	return int(testkit.Sum(testkit.Metrics(t, p.Admin)["pelcro_grpc_file_reloads_total"], labels...))
}

// An invalid file keeps the old key, under load and without a failed call. The metric counts it
// once, and the log has one line for it. internal/reload has every way in which a file is invalid.
func TestR16BadKeyFile(t *testing.T) {
	parallelUnlessSoaking(t)
	const canary = "canary-key"
	pelcro, url := startKeyUpstream(t)
	file := testkit.File(t, "first-key")
	p := run(t, url, "--pelcro-api-key-file="+file)
	conn := gatewaytest.Dial(t, p.Address)
	load := startLoad(t, func(ctx context.Context) error { return get(ctx, conn) })
	testkit.Replace(t, file, "KEY="+canary+" # Pelcro\n")
	p.Log.Next(t, reloadFailed)
	uses := pelcro.uses("first-key")
	testkit.Eventually(t, "the old key is still in use", func() bool { return pelcro.uses("first-key") > uses })

	// A valid file is used.
	pelcro.expect("second-key")
	testkit.Replace(t, file, "second-key")
	p.Log.Next(t, "reloaded")
	testkit.Eventually(t, "the new key is in use", func() bool { return !pelcro.arrived().IsZero() })
	load.stop()
	if n := reloadsOf(t, p, "file", "api_key", "result", "rejected"); n != 1 {
		t.Errorf("the metric counts %d", n)
	}
	log := p.Log.String()
	if strings.Count(log, reloadFailed) != 1 || !strings.Contains(log, "holds whitespace or other characters that no key has") || strings.Contains(log, canary) {
		t.Error(p.Log.End())
	}
}
