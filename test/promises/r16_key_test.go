package promises_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// inUse is how soon a changed file must be in use; longer on a busy machine, on which
// other tests run.
var inUse = scaled(2*time.Second, 4*time.Second)

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

// The key is replaced under load, in each way in which files are replaced, without a
// failed call: the new key is in use within two seconds, and the old key is never used
// after that, so it can be revoked.
func TestR16KeyRotation(t *testing.T) {
	for _, way := range replacements {
		t.Run(way.name, func(t *testing.T) {
			parallelUnlessSoaking(t)
			pelcro, url := startKeyUpstream(t)
			folder := t.TempDir()
			key := func(n int) string { return "key-" + string(rune('a'+n%26)) + strings.Repeat("k", n/26) }
			way.put(t, folder, map[string]string{"key": key(0) + "\n"})
			p := run(t, url, "--pelcro-api-key-file="+filepath.Join(folder, "key"))
			customers := pelcrov1.NewCustomerServiceClient(p.dial(t, plainText))
			load := startLoad(t, func(ctx context.Context) error {
				_, err := customers.GetCustomer(ctx, getRequest(42))
				return err
			})
			begin, n, slowest := time.Now(), 0, time.Duration(0)
			for n == 0 || time.Since(begin) < scaled(30*time.Second, 0) {
				n++
				pelcro.expect(key(n))
				changed := time.Now()
				way.put(t, folder, map[string]string{"key": key(n) + "\n"})
				eventually(t, "the new key is in use", func() bool { return !pelcro.arrived().IsZero() })
				took := pelcro.arrived().Sub(changed)
				if slowest = max(slowest, took); took > inUse {
					t.Errorf("the new key was in use after %v", took)
				}
				// Calls that started before the change may use the old key for two seconds.
				<-time.After(max(time.Until(changed.Add(2*time.Second)), 500*time.Millisecond))
				pelcro.revoke(key(n - 1))
			}
			load.stop()
			t.Logf("%d calls in %v, %d rotations, %d failed; in use after %v at most",
				load.calls.Load(), time.Since(begin).Round(time.Millisecond), n, load.failed.Load(), slowest)
			if adopted := p.count(t, reloads, "file", "api_key", "result", "adopted"); adopted != n {
				t.Errorf("the metric counts %d changes, want %d", adopted, n)
			}
			if lines := strings.Count(p.log.String(), `"msg":"reloaded","file":"api_key"`); lines != n {
				t.Errorf("%d lines in the log, want %d", lines, n)
			}
		})
	}
}

// reloads is the metric of changed files.
const reloads = "pelcro_grpc_file_reloads_total"

// An invalid file keeps the old key, under load and without a failed call. The metric
// counts each once, and the log has one line for it.
func TestR16BadKeyFile(t *testing.T) {
	const canary = "canary-key"
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, file string)
		cause string
	}{
		{"empty", func(t *testing.T, file string) { must(t, os.Truncate(file, 0)) }, "is empty"},
		{"whitespace", func(t *testing.T, file string) { must(t, os.WriteFile(file, []byte(" \n"), 0o600)) }, "is empty"},
		{"deleted", func(t *testing.T, file string) { must(t, os.Remove(file)) }, "cannot be read: no such file or directory"},
		{"a folder", func(t *testing.T, file string) { must(t, os.Remove(file)); must(t, os.Mkdir(file, 0o700)) }, "is not a regular file"},
		{"unreadable", func(t *testing.T, file string) {
			must(t, os.Chmod(file, 0))
			if f, err := os.Open(file); err == nil { // this user can read everything
				f.Close()
				must(t, os.Remove(file))
				must(t, os.Symlink(file, file))
			}
		}, "cannot be read: "},
		{"another file", func(t *testing.T, file string) {
			must(t, os.WriteFile(file, []byte("KEY="+canary+" # Pelcro\n"), 0o600))
		}, "holds whitespace or other characters that no key has"},
		{"too large", func(t *testing.T, file string) {
			must(t, os.WriteFile(file, []byte(strings.Repeat(canary, 10_000)), 0o600))
		}, "is larger than 16 KiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			parallelUnlessSoaking(t)
			pelcro, url := startKeyUpstream(t)
			file := filepath.Join(t.TempDir(), "key")
			must(t, os.WriteFile(file, []byte("first-key"), 0o600))
			p := run(t, url, "--pelcro-api-key-file="+file)
			customers := pelcrov1.NewCustomerServiceClient(p.dial(t, plainText))
			load := startLoad(t, func(ctx context.Context) error {
				_, err := customers.GetCustomer(ctx, getRequest(42))
				return err
			})
			test.spoil(t, file)
			const line = "reload failed; keeping the previous version"
			p.mustLog(t, line)
			if n := p.count(t, reloads, "file", "api_key", "result", "rejected"); n != 1 {
				t.Errorf("the metric counts %d", n)
			}
			// Polled twice more, without another line.
			uses := pelcro.uses("first-key")
			<-time.After(scaled(3*time.Second, 1100*time.Millisecond))
			if n := strings.Count(p.log.String(), line); n != 1 {
				t.Errorf("%d lines", n)
			}
			if now := pelcro.uses("first-key"); now <= uses {
				t.Error("the old key is no longer in use")
			}
			if log := p.log.String(); !strings.Contains(log, test.cause) || strings.Contains(log, canary) {
				t.Errorf("want %q: %s", test.cause, p.log.end())
			}
			// A valid file is logged and used.
			pelcro.expect("second-key")
			must(t, os.RemoveAll(file))
			must(t, os.WriteFile(file, []byte("second-key"), 0o600))
			p.mustLog(t, `"msg":"reloaded"`)
			eventually(t, "the new key is in use", func() bool { return !pelcro.arrived().IsZero() })
			load.stop()
			t.Logf("%d calls, %d failed", load.calls.Load(), load.failed.Load())
		})
	}
}

// A key file that is written byte by byte is not used before it is complete.
func TestR16HalfWritten(t *testing.T) {
	pelcro, url := startKeyUpstream(t)
	file := filepath.Join(t.TempDir(), "key")
	must(t, os.WriteFile(file, []byte("first-key"), 0o600))
	p := run(t, url, "--pelcro-api-key-file="+file)
	customers := pelcrov1.NewCustomerServiceClient(p.dial(t, plainText))
	load := startLoad(t, func(ctx context.Context) error {
		_, err := customers.GetCustomer(ctx, getRequest(42))
		return err
	})
	whole := "second-" + strings.Repeat("k", 60)
	pelcro.expect(whole)
	f, err := os.Create(file)
	must(t, err)
	pace := time.NewTicker(50 * time.Millisecond) // far below the polling interval
	defer pace.Stop()
	for i := range whole {
		<-pace.C
		_, err := f.WriteString(whole[i : i+1])
		must(t, err)
	}
	must(t, f.Close())
	written := time.Now()
	eventually(t, "the new key is in use", func() bool { return !pelcro.arrived().IsZero() })
	took := pelcro.arrived().Sub(written)
	load.stop()
	t.Logf("%d calls, %d failed; in use %v after it was complete", load.calls.Load(), load.failed.Load(), took)
	pelcro.mu.Lock()
	defer pelcro.mu.Unlock()
	if len(pelcro.seen) != 2 || took > inUse {
		t.Errorf("keys used: %v; after %v", pelcro.seen, took)
	}
}
