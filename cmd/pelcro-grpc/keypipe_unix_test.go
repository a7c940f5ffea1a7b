//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// TestKeyFromPipe: a key may come from a pipe, which can be read once and never changes.
func TestKeyFromPipe(t *testing.T) {
	pelcro, url := startKeyed(t, "Bearer "+canaryKey)
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(pipe, []byte("\ufeff"+canaryKey+"\r\n"), 0o600) }()
	p := start(t, "--pelcro-url="+url, "--site-id=1", "--pelcro-api-key-file="+pipe)
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if _, err := pelcrov1.NewCustomerServiceClient(p.conn).GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 42}); err != nil {
		t.Error(err)
	}
	if requests := pelcro.requests(); len(requests) != 1 || requests[0].Get("Authorization") != "Bearer "+canaryKey {
		t.Errorf("Pelcro saw %v", requests)
	}
}
