package promises_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/quota"
)

// redisServer is a redis-server on a socket, without a port.
type redisServer struct {
	socket  string
	command *exec.Cmd
}

func startRedis(t *testing.T) *redisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("PELCRO_GRPC_REQUIRE_TOOLS") != "" {
			t.Fatal("redis-server is not installed")
		}
		t.Skip("redis-server is not installed")
	}
	directory, err := os.MkdirTemp("", "redis") //nolint:usetesting // the name of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	s := &redisServer{socket: filepath.Join(directory, "socket")}
	s.start(t)
	t.Cleanup(func() {
		s.kill()
		_ = os.RemoveAll(directory)
	})
	return s
}

func (s *redisServer) url() string { return "unix://" + s.socket }

// start returns when the server responds.
func (s *redisServer) start(t *testing.T) {
	t.Helper()
	s.command = exec.Command("redis-server", "--port", "0", "--unixsocket", s.socket, "--save", "", "--daemonize", "no")
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	client, err := quota.OpenRedis(s.url())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	eventually(t, "Redis responds", func() bool { return client.Ping(t.Context()).Err() == nil })
}

func (s *redisServer) kill() {
	_ = s.command.Process.Kill()
	_ = s.command.Wait()
}

func (s *redisServer) signal(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := s.command.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}
