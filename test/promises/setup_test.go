package promises_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

func TestMain(m *testing.M) {
	testkit.WaitInParallel()
	goleak.VerifyTestMain(m)
}

// soaking means that the tests run with their full numbers.
var soaking = os.Getenv("PELCRO_GRPC_SOAK") != ""

// scaled returns the full number when soaking, and the small one otherwise.
func scaled[N any](full, small N) N {
	if soaking {
		return full
	}
	return small
}

// parallelUnlessSoaking runs a test in parallel with others, except with the full numbers, which are
// for one test alone.
func parallelUnlessSoaking(t *testing.T) {
	t.Helper()
	if !soaking {
		t.Parallel()
	}
}

// alone runs a test that measures the memory or the goroutines of its process in a process of its own,
// in parallel with others. When soaking, tests run one after the other, so it runs here.
func alone(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	const isAlone = "PELCRO_GRPC_TEST_ALONE"
	if soaking || os.Getenv(isAlone) != "" {
		test(t)
		return
	}
	t.Parallel()
	runInProcess(t, isAlone+"=1")
}

// runInProcess runs the test again, in a process of its own with this environment variable.
func runInProcess(t *testing.T, variable string) {
	t.Helper()
	args := []string{"-test.run=^" + t.Name() + "$", "-test.v", "-test.count=1"}
	if deadline, ok := t.Deadline(); ok { // so that a process that hangs says where
		args = append(args, "-test.timeout="+(time.Until(deadline)*9/10).String())
	}
	command := exec.Command(os.Args[0], args...)
	command.Env = append(os.Environ(), variable)
	out, err := command.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Errorf("%v:\n%s", err, out)
		return
	}
	t.Logf("%s", out)
}

// service is a running service with the calls that these tests make.
type service struct{ *gatewaytest.Gateway }

// start runs the service with the settings of production in front of the upstream, whose address has
// no path, until the test ends. It discards its log, which would take memory, unless an option gives
// it a logger.
func start(tb testing.TB, upstream string, options ...func(*gatewaytest.Config)) *service {
	tb.Helper()
	quiet := func(c *gatewaytest.Config) { c.Server.Logger = slog.New(slog.DiscardHandler) }
	return &service{gatewaytest.Start(tb, upstream, append([]func(*gatewaytest.Config){quiet}, options...)...)}
}

// startInMemory runs the service without a network, so that a test can use the clock of
// testing/synctest.
func startInMemory(tb testing.TB, pelcro http.RoundTripper, options ...func(*gatewaytest.Config)) *service {
	tb.Helper()
	return start(tb, gatewaytest.InMemoryURL, append([]func(*gatewaytest.Config){gatewaytest.WithoutNetwork, withTransport(pelcro)}, options...)...)
}

// withKey gives the program an API key in its environment.
const withKey = "PELCRO_GRPC_PELCRO_API_KEY=key"

// run runs the program in front of the upstream until the test ends. Settings are flags and
// environment variables.
func run(t *testing.T, upstream string, settings ...string) *testkit.Process {
	t.Helper()
	return testkit.StartGateway(t, append([]string{"--site-id=1", "--rate-limit=off", "--pelcro-url=" + upstream + sandbox.BasePath}, settings...)...)
}

// pageOf reads a page of the admin address.
func pageOf(t *testing.T, p *testkit.Process, path string) string {
	t.Helper()
	_, page := testkit.Get(t, p.Admin+path)
	return page
}
