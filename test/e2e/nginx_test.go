//go:build e2e

package e2e_test

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// nginxConf runs nginx in the foreground; it writes only into its own folder. (Without a
// master process nginx 1.22 crashes when it takes over a socket.)
const nginxConf = `
daemon off;
user root;
worker_processes 1;
pid nginx.pid;
error_log stderr notice;
events {}
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
	server {
		listen %[1]s;
		# A URL of 4 KiB is too long, so that a request that the gateway still sends can be.
		large_client_header_buffers 4 4k;
		location / {
			proxy_pass http://%[2]s;
			%[3]s
		}
	}
}
`

// shortReadTimeout is a directive: nginx waits for Laravel for one second.
const shortReadTimeout = "proxy_read_timeout 1s;"

const nginxReady = `using the "(\w+)" event method`

// startNginx runs nginx in front of the upstream, with additional directives, and
// returns its URL.
func startNginx(t *testing.T, upstream, directives string) (pelcroURL string) {
	t.Helper()
	behind, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	// nginx does not report its port, but it takes over an open socket, as it does when
	// it replaces itself. So no other program can take the port in between.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	folder := t.TempDir()
	conf := fmt.Sprintf(nginxConf, listener.Addr(), behind.Host, directives)
	if err := os.WriteFile(filepath.Join(folder, "nginx.conf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("nginx", "-p", folder, "-c", "nginx.conf", "-e", "stderr")
	command.ExtraFiles, command.Env = []*os.File{socket}, environment("NGINX=3;")
	// A killed master would not stop its worker.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	serve(t, command, nginxReady)
	return "http://" + listener.Addr().String() + sandbox.BasePath
}
