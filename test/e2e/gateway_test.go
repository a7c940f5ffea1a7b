//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// built is a folder with the gateway and a fresh database.
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
	command := exec.Command("go", "build", "-o", built, "./cmd/pelcro-grpc")
	command.Dir = "../.."
	if output, err := command.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("go build: %w: %s", err, output)
	}
	if code = m.Run(); code == 0 {
		err = goleak.Find()
	}
	return code, err
}

// A gateway is a running gateway with a client.
type gateway struct {
	*process
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

// arguments are the gateway's. They change defaults only so that many gateways can run
// in parallel and a test can read their logs.
func arguments(pelcroURL string) []string {
	return []string{
		"serve", "--admin-listen=", "--pelcro-url", pelcroURL, "--site-id", "1", "--rate-limit", "off", "--listen", "127.0.0.1:0", "--log-format", "json",
	}
}

var serving = regexp.MustCompile(`"msg":"serving","address":"([^"]+)"`)

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
	command := exec.Command(filepath.Join(built, "pelcro-grpc"), append(arguments(pelcroURL), settings.flags...)...)
	command.Env = environment("PELCRO_GRPC_PELCRO_API_KEY=" + key)
	var address string
	g.process, address = serve(t, command, serving)
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	g.customers = pelcrov1.NewCustomerServiceClient(conn)
	return g
}
