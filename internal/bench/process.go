package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// upstreamEnv is the URL of the upstream, addressEnv where a part listens.
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
	s := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
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
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host
		},
	})
}

// process is a running part.
type process struct {
	name    string
	address string
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
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, self)
	command.Env = append(os.Environ(), roleEnv+"="+name, addressEnv+"="+address, upstreamEnv+"="+upstream)
	return start(ctx, name, address, command)
}

// gatewayFiles are the files that the gateway reads and writes.
type gatewayFiles struct{ binary, callers, key, log string }

// token is the callers' token.
const token = "bench-token"

// prepare builds the gateway and writes its files.
func prepare(dir string) (gatewayFiles, error) {
	files := gatewayFiles{
		binary:  filepath.Join(dir, "pelcro-grpc"),
		callers: filepath.Join(dir, "callers"),
		key:     filepath.Join(dir, "key"),
		log:     filepath.Join(dir, "log"),
	}
	build := exec.Command("go", "build", "-trimpath", "-o", files.binary, "github.com/pelcro-grpc/pelcro-grpc/cmd/pelcro-grpc")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return files, fmt.Errorf("building the gateway: %w: %s", err, out)
	}
	// As pelcro-grpc token prints it, for the token above.
	line := fmt.Sprintf("bench sha256:%x pelcro.v1.CustomerService/*\n", tokenHash())
	return files, errors.Join(
		os.WriteFile(files.callers, []byte(line), 0o600),
		os.WriteFile(files.key, []byte(benchKey), 0o600),
	)
}

// startGateway starts a gateway as it runs in production.
func startGateway(ctx context.Context, name string, files gatewayFiles, upstream string) (*process, string, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, "", err
	}
	admin, err := freeAddress()
	if err != nil {
		return nil, "", err
	}
	log, err := os.Create(files.log)
	if err != nil {
		return nil, "", err
	}
	command := exec.CommandContext(ctx, files.binary, "serve", "--listen="+address, "--admin-listen="+admin,
		"--pelcro-url="+strings.TrimSuffix(upstream, "/"), "--site-id=1", "--pelcro-api-key-file="+files.key,
		"--auth-tokens-file="+files.callers, "--log-level=info", "--log-format=json")
	command.Stderr = log
	p, err := start(ctx, name, address, command)
	return p, admin, err
}

// start waits until the part listens.
func start(ctx context.Context, name, address string, command *exec.Cmd) (*process, error) {
	if command.Stderr == nil {
		command.Stderr = os.Stderr
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &process{name: name, address: address, command: command}
	for range 200 {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return p, conn.Close()
		}
		select {
		case <-ctx.Done():
			return p, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return p, fmt.Errorf("%s does not listen", name)
}

func (p *process) stop() {
	_ = p.command.Process.Kill()
	_ = p.command.Wait()
}

// cpu returns the time that the process has used so far (proc_pid_stat(5), fields 14 and 15, in
// hundredths of a second).
func (p *process) cpu() (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	fields := strings.Fields(rest)
	user, err1 := strconv.Atoi(fields[14-3])
	system, err2 := strconv.Atoi(fields[15-3])
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err1, err2)
}

// rss returns the resident memory of the process in bytes (proc_pid_status(5)).
func (p *process) rss() (int, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.Fields(value)[0])
			return kib << 10, err
		}
	}
	return 0, errors.New("no VmRSS")
}
