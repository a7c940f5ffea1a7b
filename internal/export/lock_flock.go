//go:build darwin || freebsd || linux || netbsd || openbsd

package export

import (
	"os"
	"syscall"
)

// lock keeps other exports from the file until it is closed or this process ends.
func lock(file *os.File) error {
	return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
