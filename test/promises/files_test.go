package promises_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// replacement is a way in which operators and Kubernetes replace files. put writes the
// contents by name, atomically where the way allows it.
type replacement struct {
	name string
	put  func(t *testing.T, folder string, contents map[string]string)
}

var replacements = []replacement{
	{"rename", putByRename},
	{"Kubernetes", putByLink},
	{"in place", putInPlace},
}

func putByRename(t *testing.T, folder string, contents map[string]string) {
	t.Helper()
	for name, content := range contents {
		must(t, os.WriteFile(filepath.Join(folder, name+".new"), []byte(content), 0o600))
		must(t, os.Rename(filepath.Join(folder, name+".new"), filepath.Join(folder, name)))
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

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
