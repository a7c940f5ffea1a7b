//go:build e2e

package deploy_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// TestImage: buildah builds the image without a registry, and its service runs as an
// unprivileged user and stops on SIGTERM.
func TestImage(t *testing.T) {
	// A separate store: the developer's images are not used.
	store := t.TempDir()
	buildah := func(args ...string) []string {
		return append([]string{
			"buildah", "--root", filepath.Join(store, "root"), "--runroot", filepath.Join(store, "run"), "--storage-driver", "vfs",
		}, args...)
	}
	must(t, buildah("build", "--isolation", "chroot", "-f", "deploy/Dockerfile", "-t", "pelcro-grpc", ".")...)

	var image struct {
		OCIv1 struct {
			Config struct {
				User       string
				Entrypoint []string
				Cmd        []string
			} `json:"config"`
		}
	}
	if err := json.Unmarshal([]byte(must(t, buildah("inspect", "--type", "image", "pelcro-grpc")...).out), &image); err != nil {
		t.Fatal(err)
	}
	config := image.OCIv1.Config
	if config.User != "65532:65532" || !slices.Equal(config.Cmd, []string{"serve"}) {
		t.Errorf("the user is %q, the default arguments %q", config.User, config.Cmd)
	}

	must(t, buildah("from", "--pull-never", "--name", "c", "localhost/pelcro-grpc")...)
	mounted := strings.TrimSpace(must(t, buildah("mount", "c")...).out)
	authorities, err := os.ReadFile(filepath.Join(mounted, "etc/ssl/certs/ca-certificates.crt"))
	if block, _ := pem.Decode(authorities); err != nil || block == nil || block.Type != "CERTIFICATE" {
		t.Errorf("the image has no CAs: %v", err)
	}
	must(t, buildah("umount", "c")...)

	site := strconv.Itoa(1_000_000 + os.Getpid()) // identifies its process
	s := startService(t, nil, buildah(slices.Concat(
		[]string{"run", "--isolation", "chroot", "c", "--"}, config.Entrypoint, config.Cmd,
		[]string{"--sandbox", "--site-id=" + site, "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--log-format=json"})...)...)
	if status, body := testkit.Get(t, s.Admin+"/readyz"); status != http.StatusOK {
		t.Errorf("not ready: %d %s", status, body)
	}
	conn := gatewaytest.Dial(t, s.Address)
	if _, err := pelcrov1.NewCustomerServiceClient(conn).GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 1001}); err != nil {
		t.Error(err)
	}

	pid, uids := process(t, config.Entrypoint[0], "--site-id="+site)
	if want := "65532\t65532\t65532\t65532"; uids != want {
		t.Errorf("the service runs as %q", uids)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err = testkit.Receive(t, s.Ended, "end of the service")
	if err != nil || !strings.Contains(s.Log.String(), `"msg":"stopped"`) {
		t.Errorf("the service ended with %v\n%s", err, s.Log)
	}
}

// process returns the process of a program with that argument, and its user ids.
func process(t *testing.T, program, argument string) (pid int, uids string) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, directory := range all {
		raw, err := os.ReadFile(filepath.Join(directory, "cmdline"))
		args := strings.Split(string(raw), "\x00")
		if err != nil || args[0] != program || !slices.Contains(args, argument) {
			continue
		}
		status, err := os.ReadFile(filepath.Join(directory, "status"))
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(status), "\nUid:\t")
		uids, _, _ = strings.Cut(after, "\n")
		if pid, err = strconv.Atoi(filepath.Base(directory)); err != nil {
			t.Fatal(err)
		}
		return pid, uids
	}
	t.Fatal(fmt.Errorf("no process of %s", program))
	return 0, ""
}
