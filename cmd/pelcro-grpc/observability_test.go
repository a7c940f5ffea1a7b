package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// hanging is an upstream that reports each request and never responds.
func hanging(t *testing.T) (url string, arrived chan struct{}) {
	t.Helper()
	arrived = make(chan struct{}, 100)
	return upstream(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	}), arrived
}

// TestUnusualCallsAreSeen: failures that need a service of their own, unlike those of
// TestEveryCallIsSeen.
func TestUnusualCallsAreSeen(t *testing.T) {
	t.Parallel()
	type seen struct {
		errors   map[string]int // by method and reason
		handled  map[string]int // by method and code
		requests map[string]int // by outcome
		retries  int
		lines    map[string]int // by reason
	}
	var lastID atomic.Int64 // equal reads would share a request
	get := func(ctx context.Context, p *program) error {
		_, err := pelcrov1.NewCustomerServiceClient(p.conn).GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: lastID.Add(1)})
		return err
	}
	responses := 0
	for _, test := range []struct {
		name     string
		upstream http.HandlerFunc // nil: it hangs
		args     []string
		do       func(*testing.T, *program, chan struct{})
		want     seen
	}{
		{
			"caller's cancel", nil, nil,
			func(t *testing.T, p *program, arrived chan struct{}) {
				ctx, cancel := context.WithCancel(t.Context())
				go func() {
					<-arrived
					cancel()
				}()
				_ = get(ctx, p)
			},
			seen{
				map[string]int{"GetCustomer CALLER_CANCELLED": 1}, map[string]int{"GetCustomer Canceled": 1},
				map[string]int{"caller_gone": 1}, 0, map[string]int{"CALLER_CANCELLED": 1},
			},
		},
		{
			"overload", nil, []string{"--max-concurrent-calls=3"},
			func(t *testing.T, p *program, arrived chan struct{}) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				ended := make(chan error, 3)
				for range 3 {
					go func() { ended <- get(ctx, p) }()
					<-arrived
				}
				mustCount(t, "in flight", counts(p.scrape(t)["pelcro_grpc_calls_in_flight"]), map[string]int{"": 3})
				if err := get(t.Context(), p); status.Code(err) != codes.ResourceExhausted {
					t.Errorf("one too many: %v", err)
				}
				cancel()
				for range 3 {
					<-ended
				}
			},
			seen{
				map[string]int{"GetCustomer GATEWAY_OVERLOADED": 1, "GetCustomer CALLER_CANCELLED": 3},
				map[string]int{"GetCustomer ResourceExhausted": 1, "GetCustomer Canceled": 3},
				map[string]int{"caller_gone": 3}, 0, map[string]int{"GATEWAY_OVERLOADED": 1, "CALLER_CANCELLED": 3},
			},
		},
		{
			"retry", func(w http.ResponseWriter, _ *http.Request) {
				if responses++; responses == 1 {
					w.WriteHeader(http.StatusBadGateway)
					return
				}
				_, _ = io.WriteString(w, `{"data":{"id":42}}`)
			}, nil,
			func(t *testing.T, p *program, _ chan struct{}) {
				if err := get(t.Context(), p); err != nil {
					t.Error(err)
				}
			},
			seen{
				nil, map[string]int{"GetCustomer OK": 1}, map[string]int{"server_error": 1, "success": 1}, 1, map[string]int{"": 1},
			},
		},
		{
			"open circuit", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
			[]string{"--circuit-breaker", "--upstream-retries=0"},
			func(t *testing.T, p *program, _ chan struct{}) {
				for range 21 {
					_ = get(t.Context(), p)
				}
			},
			seen{
				map[string]int{"GetCustomer PELCRO_INTERNAL_ERROR": 20, "GetCustomer GATEWAY_CIRCUIT_OPEN": 1},
				map[string]int{"GetCustomer Internal": 20, "GetCustomer Unavailable": 1},
				map[string]int{"server_error": 20}, 0, map[string]int{"PELCRO_INTERNAL_ERROR": 20, "GATEWAY_CIRCUIT_OPEN": 1},
			},
		},
		{
			"unreachable", nil, []string{"--pelcro-url=http://127.0.0.1:1", "--upstream-retries=0"},
			func(t *testing.T, p *program, _ chan struct{}) { _ = get(t.Context(), p) },
			seen{
				map[string]int{"GetCustomer PELCRO_UNREACHABLE": 1}, map[string]int{"GetCustomer Unavailable": 1},
				map[string]int{"unreachable": 1}, 0, map[string]int{"PELCRO_UNREACHABLE": 1},
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var url string
			var arrived chan struct{}
			if test.upstream == nil {
				url, arrived = hanging(t)
			} else {
				url = upstream(t, test.upstream)
			}
			p := startWithAdmin(t, append([]string{"--pelcro-url=" + url, "--site-id=1", "--pelcro-api-key-file=" + testkit.File(t, canaryKey)}, test.args...)...)
			test.do(t, p, arrived)
			calls := 0
			for _, n := range test.want.handled {
				calls += n
			}
			// A caller that is gone does not see the end of the call.
			testkit.Eventually(t, "every call has a line", func() bool { return len(p.finished(t)) >= calls })
			testkit.Eventually(t, "no call is in flight", func() bool { return len(counts(p.scrape(t)["pelcro_grpc_calls_in_flight"])) == 0 })
			testkit.Eventually(t, "every call is counted", func() bool {
				handled := 0
				for _, n := range counts(p.scrape(t)["grpc_server_handled_total"]) {
					handled += n
				}
				return handled >= calls
			})
			families := p.scrape(t)
			mustCount(t, "errors", counts(families["pelcro_grpc_errors_total"], "grpc_method", "reason"), test.want.errors)
			mustCount(t, "handled", counts(families["grpc_server_handled_total"], "grpc_method", "grpc_code"), test.want.handled)
			mustCount(t, "requests", counts(families["pelcro_grpc_upstream_requests_total"], "outcome"), test.want.requests)
			if n := counts(families["pelcro_grpc_upstream_retries_total"])[""]; n != test.want.retries {
				t.Errorf("%d retries, want %d", n, test.want.retries)
			}
			lines := map[string]int{}
			for _, line := range p.finished(t) {
				reason, _ := line["reason"].(string)
				lines[reason]++
			}
			mustCount(t, "lines", lines, test.want.lines)
		})
	}
}

// TestStopIsSeen: calls that a stop ends are counted and logged while running calls may still finish.
func TestStopIsSeen(t *testing.T) {
	t.Parallel()
	arrived, respond := make(chan struct{}), make(chan struct{})
	url := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-respond
		_, _ = io.WriteString(w, `{"data":{"id":42}}`)
	})
	p := startWithAdmin(t, "--pelcro-url="+url, "--site-id=1", "--pelcro-api-key-file="+testkit.File(t, canaryKey), "--log-level=debug")
	called := make(chan error, 1)
	go func() {
		_, err := pelcrov1.NewCustomerServiceClient(p.conn).GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 42})
		called <- err
	}()
	<-arrived
	watch, err := healthpb.NewHealthClient(p.conn).Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan int, 1)
	go func() { stopped <- p.stop() }()
	for err == nil {
		_, err = watch.Recv()
	}
	p.err.Match(t, `("grpc.method":"Watch".*"reason":"GATEWAY_SHUTTING_DOWN")`)
	families := p.scrape(t)
	mustCount(t, "errors", counts(families["pelcro_grpc_errors_total"], "grpc_method", "reason"), map[string]int{"Watch GATEWAY_SHUTTING_DOWN": 1})
	mustCount(t, "in flight", counts(families["pelcro_grpc_calls_in_flight"]), map[string]int{"": 1})
	close(respond)
	if err := <-called; err != nil {
		t.Error(err)
	}
	<-stopped
}

// TestLogFields: docs/operations.md lists exactly the fields that occur.
func TestLogFields(t *testing.T) {
	t.Parallel()
	made := runWith(t, "", "token", "billing", "*")
	token, line, _ := strings.Cut(strings.TrimSpace(made.out), "\n")
	var lists atomic.Int64
	url := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodGet && !r.URL.Query().Has("filter[id]") {
			if lists.Add(1) == 1 {
				w.WriteHeader(http.StatusServiceUnavailable) // the stream pauses
				return
			}
			_, _ = io.WriteString(w, `{"data":[{"id":1}],"meta":{"current_page":1,"last_page":1}}`)
			return
		}
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"message":"the database is down"}`)
	})
	p := startWithAdmin(t, "--pelcro-url="+url, "--site-id=1", "--pelcro-api-key-file="+testkit.File(t, canaryKey), "--auth-tokens-file="+testkit.File(t, line+"\n"), "--upstream-retries=0")
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token, "traceparent", "00-"+callersTrace+"-"+callersSpan+"-01")
	customers := pelcrov1.NewCustomerServiceClient(p.conn)
	_, err := customers.CreateCustomer(ctx, &pelcrov1.CreateCustomerRequest{Customer: &pelcrov1.Customer{Email: new("a@example.com")}})
	if err == nil {
		t.Fatal("it was created")
	}
	if _, err := customers.BatchGetCustomers(ctx, &pelcrov1.BatchGetCustomersRequest{Ids: []int64{1, 2}, AllowPartial: true}); err != nil {
		t.Fatal(err)
	}
	stream, err := customers.StreamCustomers(ctx, &pelcrov1.StreamCustomersRequest{})
	for err == nil {
		_, err = stream.Recv()
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	occurring := map[string]bool{}
	for _, line := range p.finish(t, 3) {
		for field := range line {
			occurring[field] = true
		}
	}
	testkit.Eventually(t, "lines about unknown clients are omitted", func() bool {
		_, _ = customers.GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 42})
		occurring["lines_omitted"] = strings.Contains(p.err.String(), `"lines_omitted":`)
		return occurring["lines_omitted"]
	})
	manual, err := os.ReadFile(filepath.Join(root, "docs/operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(manual), "\n## Logs\n")
	section, _, _ = strings.Cut(section, "\n| line |") // which are other lines
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\|").FindAllStringSubmatch(section, -1) {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			documented[name[1]] = true
		}
	}
	if got, want := slices.Sorted(maps.Keys(occurring)), slices.Sorted(maps.Keys(documented)); !slices.Equal(got, want) {
		t.Errorf("the fields are\n%v, documented are\n%v", got, want)
	}
}
