package promises_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// notFiles are descriptors of sockets and pipes, the standard outputs included, and of the kernel.
var notFiles = regexp.MustCompile(`^(socket:|pipe:|anon_inode:|/dev/null$)`)

// mustWriteNoFile fails the test if the program has a file open for writing, which no test would
// search.
func mustWriteNoFile(t *testing.T, p *testkit.Process) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return // the descriptors of a process are read from /proc
	}
	folder := fmt.Sprintf("/proc/%d/fd", p.Command.Process.Pid)
	descriptors, err := os.ReadDir(folder)
	if err != nil || len(descriptors) < 3 {
		t.Fatalf("%d descriptors, %v", len(descriptors), err)
	}
	for _, descriptor := range descriptors {
		name := filepath.Join(folder, descriptor.Name())
		target, err := os.Readlink(name)
		if err != nil || notFiles.MatchString(target) {
			continue // err: it was closed meanwhile
		}
		if own, err := os.Readlink(filepath.Join("/proc/self/fd", descriptor.Name())); err == nil && own == target {
			continue // inherited from the shell, for example by "go test ./... 9>file"
		}
		if link, err := os.Lstat(name); err == nil && link.Mode().Perm()&0o200 != 0 {
			t.Errorf("descriptor %s writes to %s", descriptor.Name(), target)
		}
	}
}
