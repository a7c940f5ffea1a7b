//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// built is a folder with a fresh database.
var built string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	for _, program := range []string{"php", "nginx"} {
		if _, err := exec.LookPath(program); err != nil {
			return 0, fmt.Errorf("%w; make e2e installs it", err)
		}
	}
	if built, err = os.MkdirTemp("", "pelcro-grpc-e2e-"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(built)
	if code = m.Run(); code == 0 {
		err = goleak.Find()
	}
	return code, err
}

// A gateway is a running gateway with a client.
type gateway struct {
	customers pelcrov1.CustomerServiceClient
	recorder  *recorder
}

// gatewaySettings are what a test may choose.
type gatewaySettings struct {
	key   string   // the API key; empty means goodKey
	flags []string // additional flags
	// direct omits the recorder. A recorder that loses its upstream closes the
	// connection, which the upstream itself would not always have done.
	direct bool
}

// startGateway runs a gateway in front of the upstream, with a recorder between them.
func startGateway(t *testing.T, pelcroURL string, settings gatewaySettings) *gateway {
	t.Helper()
	g := &gateway{}
	if !settings.direct {
		g.recorder, pelcroURL = record(t, pelcroURL)
	}
	key := settings.key
	if key == "" {
		key = goodKey
	}
	process := testkit.StartGateway(t, append([]string{
		"--pelcro-url=" + pelcroURL, "--site-id=1", "--rate-limit=off", "PELCRO_GRPC_PELCRO_API_KEY=" + key,
	}, settings.flags...)...)
	g.customers = pelcrov1.NewCustomerServiceClient(gatewaytest.Dial(t, process.Address))
	return g
}

// startSandbox serves the sandbox as it is embedded in the gateway, and returns the URL of the API.
func startSandbox(t *testing.T, config sandbox.Config) string {
	t.Helper()
	return testkit.Upstream(t, sandbox.New(config)) + sandbox.BasePath
}
