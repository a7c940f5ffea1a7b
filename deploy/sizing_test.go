//go:build e2e

package deploy_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

const (
	// maxCalls is --max-concurrent-calls in deploy/.
	maxCalls = 1000
	// requested and limit are the memory of the Deployment.
	requested, limit = 160 << 20, 192 << 20
)

// TestSizing measures the numbers of docs/operations.md, Sizing, and checks that the
// memory in deploy/ is enough for the calls that deploy/ allows.
func TestSizing(t *testing.T) {
	sand := sandbox.New(sandbox.Config{RequestsPerMinute: 1 << 30})
	customer := `{"id":1,"email":"ada@example.com","metadata":{"note":"` + strings.Repeat("x", 4<<10) + `"}}`
	list := `{"data":[` + strings.Repeat(customer+",", 99) + customer + `]}`
	url := testkit.Upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == sandbox.BasePath+"/customers" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(list))
			return
		}
		sand.ServeHTTP(w, r)
	}))
	start := func() (*testkit.Process, pelcrov1.CustomerServiceClient) {
		s := startService(t, []string{"GOMAXPROCS=2"}, binary(t), "serve",
			"--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--log-format=json", "--max-concurrent-calls="+strconv.Itoa(maxCalls),
			"--pelcro-url="+url+sandbox.BasePath, "--site-id="+strconv.Itoa(sandbox.DefaultSiteID), "--pelcro-api-key-file="+testkit.File(t, sandbox.DefaultAPIKey))
		return s, pelcrov1.NewCustomerServiceClient(gatewaytest.Dial(t, s.Address))
	}
	resident := func(s *testkit.Process) float64 { return gauge(t, s, "process_resident_memory_bytes") }
	mebibytes := func(bytes float64) string { return fmt.Sprintf("%.0f MiB", bytes/(1<<20)) }

	s, customers := start()
	idle := resident(s)
	t.Logf("idle: %s", mebibytes(idle))

	const calls = 10_000
	cpu := gauge(t, s, "process_cpu_seconds_total")
	each(16, calls, func() {
		if _, err := customers.GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 1001}); err != nil {
			t.Error(err)
		}
	})
	t.Logf("CPU: %.0f µs a GetCustomer", (gauge(t, s, "process_cpu_seconds_total")-cpu)/calls*1e6)
	t.Logf("after %d calls: %s", calls, mebibytes(resident(s)))

	s, _ = start()
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	for n := range maxCalls {
		if n%100 == 0 { // a connection has its own limit
			customers = pelcrov1.NewCustomerServiceClient(gatewaytest.Dial(t, s.Address))
		}
		customers := customers
		waiting.Go(func() { // customer 602 never responds
			_, _ = customers.GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: 602})
		})
	}
	testkit.Eventually(t, "all calls are in flight", func() bool { return gauge(t, s, "pelcro_grpc_calls_in_flight") == maxCalls })
	full := resident(s)
	cancel()
	waiting.Wait()
	t.Logf("%d calls in flight: %s, %.0f KiB each", maxCalls, mebibytes(full), (full-idle)/maxCalls/1024)
	if full > requested {
		t.Errorf("more than the %s that the Deployment requests", mebibytes(requested))
	}

	s, customers = start()
	cpu = gauge(t, s, "process_cpu_seconds_total")
	const lists, lister = 1000, 32
	most := 0.0
	var mu sync.Mutex
	each(lister, lists, func() {
		if _, err := customers.ListCustomers(t.Context(), &pelcrov1.ListCustomersRequest{PageSize: 100}); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		most = max(most, resident(s))
	})
	t.Logf("lists of 100 customers (%d KiB), %d concurrently: at most %s, CPU %.1f ms each",
		len(list)>>10, lister, mebibytes(most), (gauge(t, s, "process_cpu_seconds_total")-cpu)/lists*1e3)
	if most > limit {
		t.Errorf("more than the Deployment's limit of %s", mebibytes(limit))
	}
}

// each calls do n times from that many goroutines.
func each(workers, n int, do func()) {
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for range n / workers {
				do()
			}
		})
	}
	group.Wait()
}
