// Package redisserver runs a real redis-server for a test, on a socket of its own.
package redisserver

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// requireTools is the environment variable with which a missing program fails a test instead of
// skipping it.
const requireTools = "PELCRO_GRPC_REQUIRE_TOOLS"

// Server is a Redis without persistence. It ends with the test.
type Server struct {
	tb       testing.TB
	socket   string
	process  *os.Process
	draining sync.WaitGroup
}

// Start starts a server, with more arguments for redis-server if need be. Where redis-server is not
// installed, it skips the test.
func Start(tb testing.TB, arguments ...string) *Server {
	tb.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv(requireTools) != "" {
			tb.Fatal("redis-server is not installed")
		}
		tb.Skip("redis-server is not installed")
	}
	directory, err := os.MkdirTemp("", "redis") //nolint:usetesting // the name of a socket must be short
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{tb: tb, socket: filepath.Join(directory, "socket")}
	tb.Cleanup(func() {
		s.Kill()
		_ = os.RemoveAll(directory)
	})
	s.Restart(arguments...)
	return s
}

// URL is the server's, for --redis-url and [redis.ParseURL].
func (s *Server) URL() string { return "unix://" + s.socket }

// Kill ends the server, which loses its data.
func (s *Server) Kill() {
	if s.process == nil {
		return
	}
	_ = s.process.Kill()
	s.draining.Wait()
	_, _ = s.process.Wait()
	s.process = nil
}

// Restart starts the server again, without data. It returns when the server accepts connections.
func (s *Server) Restart(arguments ...string) {
	s.tb.Helper()
	command := exec.Command("redis-server", append([]string{"--port", "0", "--unixsocket", s.socket, "--save", "", "--daemonize", "no"}, arguments...)...) //nolint:gosec // the test chooses them
	out, err := command.StdoutPipe()
	if err != nil {
		s.tb.Fatal(err)
	}
	if err := command.Start(); err != nil {
		s.tb.Fatal(err)
	}
	s.process = command.Process
	var printed strings.Builder
	buffer := make([]byte, 4<<10) //nolint:mnd // any size will do
	for !strings.Contains(printed.String(), "eady to accept connections") {
		n, err := out.Read(buffer)
		_, _ = printed.Write(buffer[:n])
		if err != nil {
			s.tb.Fatalf("redis-server: %v: %s", err, printed.String())
		}
	}
	s.draining.Go(func() { _, _ = io.Copy(io.Discard, out) })
}
