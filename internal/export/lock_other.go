//go:build !(darwin || freebsd || linux || netbsd || openbsd)

package export

import "os"

// lock does nothing here: two exports that write the same file damage it.
func lock(*os.File) error { return nil }
