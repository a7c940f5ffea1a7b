package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Redis is a redis-server without persistence, on a socket instead of a port.
type Redis struct {
	*Process

	tb        testing.TB
	socket    string
	arguments []string
}

// StartRedis starts a server until the end of the test; arguments are those of redis-server in
// addition. Where redis-server is not installed, it skips the test, or fails it if
// PELCRO_GRPC_REQUIRE_TOOLS is set.
func StartRedis(tb testing.TB, arguments ...string) *Redis {
	tb.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("PELCRO_GRPC_REQUIRE_TOOLS") != "" {
			tb.Fatal("redis-server is not installed")
		}
		tb.Skip("redis-server is not installed")
	}
	directory, err := os.MkdirTemp("", "redis") //nolint:usetesting // TempDir is too long for the name of a socket
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(directory) })
	r := &Redis{tb: tb, socket: filepath.Join(directory, "socket"), arguments: arguments}
	r.Restart()
	return r
}

// URL returns the address for --redis-url.
func (r *Redis) URL() string { return "unix://" + r.socket }

// Kill ends the server, which loses its data.
func (r *Redis) Kill() {
	r.tb.Helper()
	_ = r.Command.Process.Kill()
	_ = Receive(r.tb, r.Ended, "end of redis-server")
}

// Restart starts a server that was killed, and returns when it accepts connections.
func (r *Redis) Restart() {
	r.tb.Helper()
	arguments := append([]string{"--port", "0", "--unixsocket", r.socket, "--save", "", "--daemonize", "no"}, r.arguments...)
	r.Process = Start(r.tb, exec.Command("redis-server", arguments...)) //nolint:gosec // the test's own arguments
	r.Log.Match(r.tb, "eady to accept connections")
}
