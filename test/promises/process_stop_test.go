package promises_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// A SIGTERM under load loses no accepted call, and the program exits with 0; a second one
// ends it immediately.
func TestR08ProcessStops(t *testing.T) {
	parallelUnlessSoaking(t)
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGTERM")
	}
	for range scaled(10, 2) {
		t.Run("under load", terminate)
	}
	t.Run("second signal", terminateTwice)
}

func terminate(t *testing.T) {
	var arrived atomic.Int64
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived.Add(1)
		<-time.After(5 * time.Millisecond) // so that calls are running when the signal arrives
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"data":{"id":42}}`)
	}))
	defer upstream.Close()
	p := run(t, upstream.URL, withKey)
	var load sync.WaitGroup
	var succeeded atomic.Int64
	for range 4 {
		client := pelcrov1.NewCustomerServiceClient(gatewaytest.Dial(t, p.Address))
		for range scaled(50, 10) {
			load.Go(func() {
				for {
					_, err := client.GetCustomer(t.Context(), getRequest(42))
					if err != nil {
						if status.Code(err) != codes.Unavailable {
							t.Errorf("a rejected call: %v", err)
						}
						return
					}
					succeeded.Add(1)
				}
			})
		}
	}
	testkit.Eventually(t, "the program is under load", func() bool { return succeeded.Load() > scaled[int64](2000, 100) })
	begin := time.Now()
	p.Signal(t, syscall.SIGTERM)
	if err := testkit.Receive(t, p.Ended, "end of the program"); err != nil {
		t.Errorf("the program ended with %v", err)
	}
	took := time.Since(begin)
	load.Wait()
	t.Logf("%d calls, stopped after %v", succeeded.Load(), took)
	if succeeded.Load() != arrived.Load() {
		t.Errorf("%d calls were accepted, %d of them succeeded", arrived.Load(), succeeded.Load())
	}
}

func terminateTwice(t *testing.T) {
	arrived := make(chan struct{}, 10)
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	}))
	defer upstream.Close()
	p := run(t, upstream.URL, withKey)
	client := pelcrov1.NewCustomerServiceClient(gatewaytest.Dial(t, p.Address))
	ended := make(chan error, 1)
	go func() {
		_, err := client.GetCustomer(t.Context(), getRequest(42))
		ended <- err
	}()
	testkit.Receive(t, arrived, "call at the upstream")
	p.Signal(t, syscall.SIGTERM)
	p.Log.Match(t, `"msg":"stopping"`) // it waits for the call
	err := p.Stop(t, syscall.SIGTERM)
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() == 0 {
		t.Errorf("the program ended with %v", err)
	}
	if err := testkit.Receive(t, ended, "end of the call"); status.Code(err) != codes.Unavailable {
		t.Errorf("the call: %v", err)
	}
}
