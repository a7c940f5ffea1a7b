package promises_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// built is the folder of the program, which is built once for all tests.
var built struct {
	once      sync.Once
	directory string
	err       error
}

func build(t *testing.T) string {
	t.Helper()
	name := func() string { return filepath.Join(built.directory, "pelcro-grpc") }
	built.once.Do(func() {
		//nolint:usetesting // it outlives the test that creates it
		if built.directory, built.err = os.MkdirTemp("", "promises"); built.err != nil {
			return
		}
		if out, err := exec.Command("go", "build", "-o", name(), "../../cmd/pelcro-grpc").CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return name()
}

func removeProgram() {
	if built.directory != "" {
		os.RemoveAll(built.directory)
	}
}

// process is the real program.
type process struct {
	command        *exec.Cmd
	address, admin string
	// log is its output, with its panics.
	log *logBuffer
	// ended receives the result of Wait.
	ended chan error
}

// withKey gives the program an API key in its environment.
const withKey = "PELCRO_GRPC_PELCRO_API_KEY=key"

// run runs the program in front of the upstream until the test ends. Settings are flags
// and environment variables.
func run(t *testing.T, upstream string, settings ...string) *process {
	t.Helper()
	p := &process{log: &logBuffer{}, ended: make(chan error, 1)}
	p.command = exec.Command(build(t), "serve", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--site-id=1", "--rate-limit=off", "--log-format=json",
		"--pelcro-url="+upstream+sandbox.BasePath)
	p.command.Env = os.Environ()
	for _, setting := range settings {
		if strings.HasPrefix(setting, "--") {
			p.command.Args = append(p.command.Args, setting)
		} else {
			p.command.Env = append(p.command.Env, setting)
		}
	}
	p.command.Stdout, p.command.Stderr = p.log, p.log
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		p.ended <- p.command.Wait()
	}()
	t.Cleanup(func() {
		_ = p.command.Process.Kill() // a no-op unless the test failed early
		<-gone
		if t.Failed() {
			t.Logf("the program printed:\n%s", p.log.end())
		}
	})
	groups := p.mustLog(t, `"msg":"serving","address":"([^"]+)","admin":"([^"]+)"`)
	p.address, p.admin = groups[1], "http://"+groups[2]
	return p
}

func (p *process) signal(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := p.command.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// mustLog waits for a match in the log and returns its groups.
func (p *process) mustLog(t *testing.T, pattern string) (groups []string) {
	t.Helper()
	eventually(t, "the program logs "+pattern, func() bool {
		groups = regexp.MustCompile(pattern).FindStringSubmatch(p.log.String())
		return groups != nil
	})
	return groups
}

// plainText are the credentials of connections without TLS.
var plainText = insecure.NewCredentials()

// dial opens a connection to the program, until the test ends.
func (p *process) dial(t *testing.T, transport credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+p.address, grpc.WithTransportCredentials(transport))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// get reads a page of the admin address.
func (p *process) get(t *testing.T, path string) string {
	t.Helper()
	resp, err := http.Get(p.admin + path)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// count returns the sum of a counter's series with these labels (name, value, ...).
func (p *process) count(t *testing.T, name string, labels ...string) (sum int) {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(p.get(t, "/metrics")))
	if err != nil {
		t.Fatal(err)
	}
	for _, metric := range families[name].GetMetric() {
		if hasLabels(metric, labels) {
			sum += int(metric.GetCounter().GetValue())
		}
	}
	return sum
}

func hasLabels(metric *dto.Metric, labels []string) bool {
	values := map[string]string{}
	for _, pair := range metric.GetLabel() {
		values[pair.GetName()] = pair.GetValue()
	}
	for i := 0; i < len(labels); i += 2 {
		if values[labels[i]] != labels[i+1] {
			return false
		}
	}
	return true
}
