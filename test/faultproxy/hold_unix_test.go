//go:build unix

package faultproxy_test

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/test/faultproxy"
)

// The port of a proxy that is down counts as used. The listener here gives up the right to
// share an address, which is how the system treats a request for a free port.
func TestDownHoldsThePort(t *testing.T) {
	b := start(t, nil)
	b.Set(faultproxy.Down())
	alone := net.ListenConfig{Control: func(_, _ string, conn syscall.RawConn) error {
		var failed error
		err := conn.Control(func(fd uintptr) {
			failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 0)
		})
		return errors.Join(err, failed)
	}}
	other, err := alone.Listen(t.Context(), "tcp4", b.Addr())
	if err == nil {
		_ = other.Close()
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("the port was given away: %v", err)
	}
	b.Set(faultproxy.None())
	b.mustSucceed("GET")
}
