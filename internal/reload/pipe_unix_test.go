//go:build unix

package reload_test

import "syscall"

// pipe makes a pipe without a writer.
func (w *watched) pipe(name string) {
	w.t.Helper()
	w.must(syscall.Mkfifo(name, 0o600))
}
