package promises_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// process is the real program.
type process struct {
	command *exec.Cmd
	address string
	// said has the messages of its log.
	said chan string
	// ended has what Wait returned.
	ended chan error
}

// run runs the program in front of the upstream.
func run(t *testing.T, binary, upstream string) *process {
	t.Helper()
	p := &process{said: make(chan string, 100), ended: make(chan error, 1)}
	p.command = exec.Command(binary, "serve", "--listen=127.0.0.1:0", "--admin-listen=", "--site-id=1", "--log-format=json",
		"--pelcro-url="+upstream+sandbox.BasePath)
	p.command.Env = append(os.Environ(), "PELCRO_GRPC_PELCRO_API_KEY=key")
	log, err := p.command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(log); lines.Scan(); {
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) != nil || line.Msg == "finished call" {
				continue
			}
			if line.Msg == "serving" {
				address <- line.Address
			}
			p.said <- line.Msg
		}
		p.ended <- p.command.Wait()
	}()
	t.Cleanup(func() { _ = p.command.Process.Kill() }) // if the test failed before its end
	p.address = receive(t, address, "address of the program")
	return p
}

func (p *process) signal(t *testing.T) {
	t.Helper()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// mustSay waits for a message in the log.
func (p *process) mustSay(t *testing.T, message string) {
	t.Helper()
	for receive(t, p.said, "message "+message) != message {
	}
}

func (p *process) customers(t *testing.T) pelcrov1.CustomerServiceClient {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+p.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return pelcrov1.NewCustomerServiceClient(conn)
}

// The program, too: SIGTERM under load loses no accepted call and ends with 0; a
// second one ends it at once.
func TestR08ProcessStops(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGTERM")
	}
	binary := filepath.Join(t.TempDir(), "pelcro-grpc")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/pelcro-grpc").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for range scaled(10, 2) {
		t.Run("under load", func(t *testing.T) { terminate(t, binary) })
	}
	t.Run("second signal", func(t *testing.T) { terminateTwice(t, binary) })
}

func terminate(t *testing.T, binary string) {
	var arrived atomic.Int64
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived.Add(1)
		<-time.After(5 * time.Millisecond) // so that calls are under way when the signal comes
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"data":{"id":42}}`)
	}))
	defer upstream.Close()
	p := run(t, binary, upstream.URL)
	var load sync.WaitGroup
	var succeeded atomic.Int64
	for range 4 {
		client := p.customers(t)
		for range scaled(50, 10) {
			load.Go(func() {
				for {
					_, err := client.GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 42})
					if err != nil {
						if status.Code(err) != codes.Unavailable {
							t.Errorf("a call that was not accepted: %v", err)
						}
						return
					}
					succeeded.Add(1)
				}
			})
		}
	}
	eventually(t, "the program is under load", func() bool { return succeeded.Load() > scaled[int64](2000, 100) })
	begin := time.Now()
	p.signal(t)
	if err := receive(t, p.ended, "end of the program"); err != nil {
		t.Errorf("the program ended with %v", err)
	}
	took := time.Since(begin)
	load.Wait()
	t.Logf("%d calls, stopped after %v", succeeded.Load(), took)
	if succeeded.Load() != arrived.Load() {
		t.Errorf("%d calls were accepted, %d of them answered", arrived.Load(), succeeded.Load())
	}
}

func terminateTwice(t *testing.T, binary string) {
	arrived := make(chan struct{}, 10)
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	}))
	defer upstream.Close()
	p := run(t, binary, upstream.URL)
	client := p.customers(t)
	ended := make(chan error, 1)
	go func() {
		_, err := client.GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 42})
		ended <- err
	}()
	receive(t, arrived, "call at the upstream")
	p.signal(t)
	p.mustSay(t, "stopping") // and waits for the call
	begin := time.Now()
	p.signal(t)
	err := receive(t, p.ended, "end of the program")
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the second signal took %v", took)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() == 0 {
		t.Errorf("the program ended with %v", err)
	}
	if err := receive(t, ended, "end of the call"); status.Code(err) != codes.Unavailable {
		t.Errorf("the call: %v", err)
	}
}
