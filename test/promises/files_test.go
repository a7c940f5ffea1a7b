package promises_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// The names of the service's files.
const (
	certFile = "tls.crt"
	keyFile  = "tls.key"
	caFile   = "ca.crt"
	callers  = "callers"
)

// pair are the files of the service's certificate.
func pair(t *testing.T, own *testkit.Certificate) map[string]string {
	t.Helper()
	return map[string]string{certFile: own.CertPEM(), keyFile: own.KeyPEM(t)}
}

// trusted is the file of the callers' CAs.
func trusted(cas ...*testkit.Certificate) map[string]string {
	var all strings.Builder
	for _, ca := range cas {
		all.WriteString(ca.CertPEM())
	}
	return map[string]string{caFile: all.String()}
}

// Flags for the files in a folder.
func tlsFlags(folder string) []string {
	return []string{"--tls-cert=" + filepath.Join(folder, certFile), "--tls-key=" + filepath.Join(folder, keyFile)}
}

func clientCAFlag(folder string) string { return "--tls-client-ca=" + filepath.Join(folder, caFile) }

func callersFlag(folder string) string { return "--auth-tokens-file=" + filepath.Join(folder, callers) }

// replacement is a way in which operators and Kubernetes replace files. put writes the
// contents by name, atomically where the way allows it.
type replacement struct {
	name string
	put  func(t *testing.T, folder string, contents map[string]string)
}

// replacements has all ways for the soak, and one otherwise, because internal/reload tests each.
var replacements = []replacement{
	{"Kubernetes", putByLink},
	{"rename", putByRename},
	{"in place", putInPlace},
}[:scaled(3, 1)]

func putByRename(t *testing.T, folder string, contents map[string]string) {
	t.Helper()
	for name, content := range contents {
		testkit.Replace(t, filepath.Join(folder, name), content)
	}
}

func putInPlace(t *testing.T, folder string, contents map[string]string) {
	t.Helper()
	for name, content := range contents {
		must(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
	}
}

// putByLink replaces files as the kubelet does: each name is a link into ..data, which
// is a link to a folder that is replaced as a whole.
func putByLink(t *testing.T, folder string, contents map[string]string) {
	t.Helper()
	data := filepath.Join(folder, "..data")
	before, _ := os.Readlink(data)
	n, _ := strconv.Atoi(before[max(0, len(before)-6):])
	version := "..version_" + strconv.Itoa(1_000_000 + n + 1)[1:]
	must(t, os.Mkdir(filepath.Join(folder, version), 0o700))
	putInPlace(t, filepath.Join(folder, version), contents)
	must(t, os.Symlink(version, data+"_tmp"))
	must(t, os.Rename(data+"_tmp", data))
	for name := range contents {
		link := filepath.Join(folder, name)
		if _, err := os.Lstat(link); err != nil {
			must(t, os.Symlink(filepath.Join("..data", name), link))
		}
	}
	if before != "" {
		must(t, os.RemoveAll(filepath.Join(folder, before)))
	}
}

// reloaded waits until the program uses files that changed at that time, and returns how long that
// took.
func reloaded(t *testing.T, p *testkit.Process, changed time.Time) time.Duration {
	t.Helper()
	p.Log.Next(t, "reloaded")
	return time.Since(changed)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
