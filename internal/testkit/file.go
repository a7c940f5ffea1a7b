package testkit

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
)

// File makes a file with the content, until the test ends, and returns its name.
func File(tb testing.TB, content string) string {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "file")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	return name
}

// Replace replaces a file, or makes it, by renaming another one, so that a reader sees the old
// content or the new one.
func Replace(tb testing.TB, name, content string) {
	tb.Helper()
	if err := os.WriteFile(name+".new", []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		tb.Fatal(err)
	}
}

// Caller returns the token of a caller with that name, and its line in the callers file, which
// allows these methods. The same name has the same token.
func Caller(name, methods string) (token, line string) {
	random := sha256.Sum256([]byte("canary-token-" + name))
	token = "pelcro_grpc_" + hex.EncodeToString(random[:])
	hash := sha256.Sum256([]byte(token))
	return token, name + " sha256:" + hex.EncodeToString(hash[:]) + " " + methods + "\n"
}
