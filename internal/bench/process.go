package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

const (
	// upstreamEnv is the root URL of the upstream, addressEnv where a part listens.
	upstreamEnv = "PELCRO_GRPC_BENCH_UPSTREAM"
	addressEnv  = "PELCRO_GRPC_BENCH_ADDRESS"
	benchKey    = "bench-key-0123456789"
	basePath    = "/api/v1/core/"
)

func listen() (net.Listener, error) { return net.Listen("tcp", os.Getenv(addressEnv)) }

func serveHTTP(handler http.Handler) error {
	listener, err := listen()
	if err != nil {
		return err
	}
	s := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, Protocols: new(http.Protocols)}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true) // of gRPC clients
	return s.Serve(listener)
}

// serveProxy passes every request on unchanged.
func serveProxy() error {
	to, err := url.Parse(os.Getenv(upstreamEnv))
	if err != nil {
		return err
	}
	return serveHTTP(&httputil.ReverseProxy{
		Transport: transport(),
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
	})
}

// process is a running part.
type process struct {
	name    string
	address string
	admin   string // the admin address of a gateway
	command *exec.Cmd
}

// freeAddress returns an address that is not in use.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// startRole starts this program as one of the parts.
func startRole(ctx context.Context, name, upstream string) (*process, error) {
	self, err1 := os.Executable()
	address, err2 := freeAddress()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, self)
	command.Env = append(os.Environ(), roleEnv+"="+name, addressEnv+"="+address, upstreamEnv+"="+upstream)
	command.Stderr = os.Stderr
	return (&process{name: name, address: address, command: command}).start(ctx)
}

// token is the callers' token.
const token = "bench-token"

// The names of the gateway's files.
const (
	gatewayBinary = "pelcro-grpc"
	callersFile   = "callers"
	keyFile       = "key"
)

// prepare builds the gateway and writes the files that it needs.
func prepare(ctx context.Context, dir string) error {
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", filepath.Join(dir, gatewayBinary), "github.com/pelcro-grpc/pelcro-grpc/cmd/pelcro-grpc")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the gateway: %w: %s", err, out)
	}
	// As pelcro-grpc token prints it, for the token above.
	line := fmt.Sprintf("bench sha256:%x pelcro.v1.CustomerService/*\n", sha256.Sum256([]byte(token)))
	return errors.Join(
		os.WriteFile(filepath.Join(dir, callersFile), []byte(line), 0o600),
		os.WriteFile(filepath.Join(dir, keyFile), []byte(benchKey), 0o600),
	)
}

// startGateway starts a gateway as it runs in production. Its files are in dir.
func startGateway(ctx context.Context, dir, upstream string) (*process, error) {
	address, err1 := freeAddress()
	admin, err2 := freeAddress()
	log, err3 := os.Create(filepath.Join(dir, "gateway.log"))
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own
	command := exec.CommandContext(ctx, filepath.Join(dir, gatewayBinary), "serve", "--listen="+address, "--admin-listen="+admin,
		"--pelcro-url="+strings.TrimSuffix(upstream+basePath, "/"), "--rate-limit=off", "--site-id=1", "--pelcro-api-key-file="+filepath.Join(dir, keyFile),
		"--auth-tokens-file="+filepath.Join(dir, callersFile), "--log-level=info", "--log-format=json")
	command.Stderr = log
	return (&process{"gateway", address, admin, command}).start(ctx)
}

// start waits until the part listens.
func (p *process) start(ctx context.Context) (*process, error) {
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	for range 200 {
		conn, err := net.DialTimeout("tcp", p.address, time.Second)
		if err == nil {
			return p, conn.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	p.stop()
	return nil, fmt.Errorf("%s does not listen", p.name)
}

func (p *process) stop() {
	_ = p.command.Process.Kill()
	_ = p.command.Wait()
}

// usage returns the CPU time that the process has used so far, and the memory that it has now, in
// bytes.
func (p *process) usage() (cpu time.Duration, rss int, err error) {
	running, err := procfs.NewProc(p.command.Process.Pid)
	if err != nil {
		return 0, 0, err
	}
	stat, err := running.Stat()
	return time.Duration(stat.CPUTime() * float64(time.Second)), stat.ResidentMemory(), err
}
