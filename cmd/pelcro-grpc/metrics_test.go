package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// startWithAdmin runs serve with an admin address.
func startWithAdmin(t *testing.T, args ...string) *program {
	t.Helper()
	p := start(t, append([]string{"--admin-listen=127.0.0.1:0"}, args...)...)
	p.admin = "http://" + p.err.Match(t, `"admin":"([^"]+)"`)[1]
	return p
}

// get requests a path of the admin address.
func (p *program) get(t *testing.T, path string) (code int, body string) {
	t.Helper()
	return testkit.Get(t, p.admin+path)
}

// scrape returns the metrics by name.
func (p *program) scrape(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	return testkit.Metrics(t, p.admin)
}

// counts returns the series of a family that are not 0, each named by the values of these labels,
// with its count.
func counts(family *dto.MetricFamily, labels ...string) map[string]int {
	values := map[string]int{}
	for _, metric := range family.GetMetric() {
		n := metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
		if h := metric.GetHistogram(); h != nil {
			n = float64(h.GetSampleCount())
		}
		if n == 0 {
			continue
		}
		var name []string
		for _, label := range labels {
			for _, pair := range metric.GetLabel() {
				if pair.GetName() == label {
					name = append(name, pair.GetValue())
				}
			}
		}
		values[strings.Join(name, " ")] += int(n)
	}
	return values
}

func mustCount(t *testing.T, what string, got, want map[string]int) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(maps.Collect(func(yield func(string, int) bool) {
		maps.All(got)(yield)
		maps.All(want)(yield)
	}))) {
		if got[name] != want[name] {
			t.Errorf("%s: %d of %q, want %d", what, got[name], name, want[name])
		}
	}
}

// rpc is a call of a method.
type rpc struct {
	method string
	do     func(context.Context, ...grpc.CallOption) error
}

// rpcOf is a call with a request.
func rpcOf[Req, Resp any](name string, method func(context.Context, *Req, ...grpc.CallOption) (*Resp, error), req *Req) rpc {
	return rpc{name, func(ctx context.Context, options ...grpc.CallOption) error {
		_, err := method(ctx, req, options...)
		return err
	}}
}

// everyFailure returns calls that fail in every way that the sandbox has, except the one that never
// responds, and a success of each method.
func everyFailure(customers pelcrov1.CustomerServiceClient) (calls []rpc) {
	get := func(id int64) {
		calls = append(calls, rpcOf("GetCustomer", customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: id}))
	}
	create := func(customer *pelcrov1.Customer) {
		calls = append(calls, rpcOf("CreateCustomer", customers.CreateCustomer, &pelcrov1.CreateCustomerRequest{Customer: customer}))
	}
	for n := int64(300); n <= 604; n++ {
		if n == 602 { // it never responds
			continue
		}
		get(n)
		create(&pelcrov1.Customer{Email: new(fmt.Sprintf("http-%d@example.com", n))})
	}
	for _, id := range []int64{-1, 7, 400, 404, 500, 601, 1001} {
		get(id)
		calls = append(calls,
			rpcOf("UpdateCustomer", customers.UpdateCustomer, &pelcrov1.UpdateCustomerRequest{
				Customer: &pelcrov1.Customer{Id: id, FirstName: new("Ada")},
			}),
			rpcOf("DeleteCustomer", customers.DeleteCustomer, &pelcrov1.DeleteCustomerRequest{Id: id}))
	}
	create(&pelcrov1.Customer{})
	create(&pelcrov1.Customer{Email: new("nope")})
	create(&pelcrov1.Customer{Email: new("new@example.com")})
	return append(calls, rpcOf("ListCustomers", customers.ListCustomers, &pelcrov1.ListCustomersRequest{}))
}

// TestEveryCallIsSeen: counters move by exactly the calls made, and each call has one id, in its
// trailer, its details and its line in the log.
func TestEveryCallIsSeen(t *testing.T) {
	t.Parallel()
	p := startWithAdmin(t, "--sandbox", "--upstream-retries=0", "--log-level=debug")
	handled, errors, unknown := map[string]int{}, map[string]int{}, map[string]int{}
	ids := map[string]string{} // request id to reason
	for _, call := range everyFailure(pelcrov1.NewCustomerServiceClient(p.conn)) {
		var trailer metadata.MD
		method, err := call.method, call.do(t.Context(), grpc.Trailer(&trailer))
		reason, id := strings.Join(trailer.Get("x-error-reason"), ","), strings.Join(trailer.Get("x-request-id"), ",")
		handled[method+" "+status.Code(err).String()]++
		ids[id] = reason
		if err == nil {
			continue
		}
		errors[method+" "+reason]++
		for _, detail := range status.Convert(err).Details() {
			switch detail := detail.(type) {
			case *errdetails.RequestInfo:
				if detail.GetRequestId() != id {
					t.Errorf("%s: id %s in RequestInfo, %s in the trailer", reason, detail.GetRequestId(), id)
				}
			case *errdetails.ErrorInfo:
				if detail.GetMetadata()["outcome"] == "unknown" {
					unknown[method]++
				}
			}
		}
	}
	if err := p.conn.Invoke(t.Context(), "/no.such/Method", &pelcrov1.GetCustomerRequest{}, &pelcrov1.GetCustomerResponse{}); err == nil {
		t.Error("the method exists")
	}
	handled["unknown Unimplemented"]++
	errors["unknown GATEWAY_UNKNOWN_METHOD"]++
	families := p.scrape(t)
	mustCount(t, "handled", counts(families["grpc_server_handled_total"], "grpc_method", "grpc_code"), handled)
	mustCount(t, "errors", counts(families["pelcro_grpc_errors_total"], "grpc_method", "reason"), errors)
	mustCount(t, "unknown outcomes", counts(families["pelcro_grpc_unknown_outcomes_total"], "grpc_method"), unknown)
	mustCount(t, "in flight", counts(families["pelcro_grpc_calls_in_flight"]), nil)
	if len(errors) < 50 {
		t.Errorf("only %d kinds of errors: %v", len(errors), errors)
	}

	lines, attempts := p.finish(t, len(ids)+1), map[string]int{}
	for _, line := range lines {
		id, _ := line["request_id"].(string)
		reason, _ := line["reason"].(string)
		if want, known := ids[id]; known && want != reason {
			t.Errorf("%s got %q and was logged as %q", id, want, reason)
		} else if known {
			delete(ids, id)
		} else if reason != "GATEWAY_UNKNOWN_METHOD" {
			t.Errorf("a line for a call that was not made: %v", line)
		}
		if n, _ := line["upstream_attempts"].(float64); n > 0 {
			attempts[line["grpc.method"].(string)] += int(n)
		}
	}
	for id, reason := range ids {
		t.Errorf("no line for %s (%s)", id, reason)
	}
	// Every method has its own endpoint.
	mustCount(t, "upstream", counts(families["pelcro_grpc_upstream_requests_total"], "method", "template"), map[string]int{
		"GET customers/{id}":    attempts["GetCustomer"],
		"GET customers":         attempts["ListCustomers"],
		"POST customers":        attempts["CreateCustomer"],
		"PUT customers/{id}":    attempts["UpdateCustomer"],
		"DELETE customers/{id}": attempts["DeleteCustomer"],
	})
	mustCount(t, "latency",
		counts(families["pelcro_grpc_upstream_request_duration_seconds"], "method", "template"),
		counts(families["pelcro_grpc_upstream_requests_total"], "method", "template"))
	if outcomes := counts(families["pelcro_grpc_upstream_requests_total"], "outcome"); outcomes["throttled"] == 0 ||
		outcomes["server_error"] == 0 || outcomes["rejected"] == 0 || outcomes["success"] == 0 ||
		outcomes["connection_lost"] == 0 {
		t.Errorf("outcomes: %v", outcomes)
	}
	mustCount(t, "limit", counts(families["pelcro_grpc_upstream_rate_limit"]), map[string]int{"": 6000})
}

// finish waits until so many calls have a line, which may be written after the response, and returns
// the lines.
func (p *program) finish(t *testing.T, calls int) (lines []map[string]any) {
	t.Helper()
	testkit.Eventually(t, "every call has a line", func() bool {
		lines = p.finished(t)
		return len(lines) >= calls
	})
	return lines
}

// finished returns the lines of finished calls so far.
func (p *program) finished(t *testing.T) (lines []map[string]any) {
	t.Helper()
	for raw := range strings.Lines(p.err.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(raw), &line); err != nil {
			t.Fatalf("a line that is not JSON: %s", raw)
		}
		if line["msg"] == "finished call" {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestRetriesAreCounted: retries, and those that the budget did not allow.
func TestRetriesAreCounted(t *testing.T) {
	t.Parallel()
	p := startWithAdmin(t, "--sandbox", "--upstream-retries=1")
	customers := pelcrov1.NewCustomerServiceClient(p.conn)
	calls := 0
	testkit.Eventually(t, "the budget is spent", func() bool { // the faster the calls, the sooner
		var group sync.WaitGroup
		for n := range 5 { // equal calls would share requests
			calls++
			expand := []pelcrov1.CustomerRelation{1, 2, 3, 4}[:n]
			group.Go(func() {
				if _, err := customers.GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 502, Expand: expand}); err == nil {
					t.Error("it succeeded")
				}
			})
		}
		group.Wait()
		return counts(p.scrape(t)["pelcro_grpc_upstream_retries_rejected_total"])[""] > 0
	})
	attempts := 0
	for _, line := range p.finish(t, calls) {
		n, _ := line["upstream_attempts"].(float64)
		attempts += int(n)
	}
	families := p.scrape(t)
	retries := counts(families["pelcro_grpc_upstream_retries_total"])[""]
	rejected := counts(families["pelcro_grpc_upstream_retries_rejected_total"])[""]
	requests := counts(families["pelcro_grpc_upstream_requests_total"])[""]
	if requests != attempts || requests != calls+retries || retries+rejected != calls || retries < 3 {
		t.Errorf("%d requests, %d attempts, %d retries, %d rejected", requests, attempts, retries, rejected)
	}
}

// TestBreakerIsShown: the series shows that the breaker opens.
func TestBreakerIsShown(t *testing.T) {
	t.Parallel()
	p := startWithAdmin(t, "--sandbox", "--circuit-breaker", "--upstream-retries=0")
	state := func() map[string]int { return counts(p.scrape(t)["pelcro_grpc_circuit_breaker_state"], "state") }
	mustCount(t, "before", state(), map[string]int{"closed": 1})
	customers := pelcrov1.NewCustomerServiceClient(p.conn)
	create := func() {
		customer := &pelcrov1.Customer{Email: new("http-500@example.com")}
		_, _ = customers.CreateCustomer(t.Context(), &pelcrov1.CreateCustomerRequest{Customer: customer})
	}
	testkit.Eventually(t, "the breaker opens", func() bool {
		var group sync.WaitGroup
		for range 25 { // together, because the breaker forgets what is older than its window
			group.Go(create)
		}
		group.Wait()
		after := state()
		if after["closed"]+after["open"]+after["half_open"] != 1 {
			t.Errorf("after: %v", after)
		}
		return after["closed"] == 0
	})
}

// TestMetrics: the names are frozen, follow Prometheus' rules, are not too many, and are those of
// docs/operations.md.
func TestMetrics(t *testing.T) {
	t.Parallel()
	f := newSecureFiles(t)
	p := startWithAdmin(t, append(append(f.known(), f.tls()...), "--sandbox", "--circuit-breaker", "--upstream-retries=0")...)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+f.token)
	for _, call := range everyFailure(pelcrov1.NewCustomerServiceClient(p.dialTLS(t, f))) {
		_ = call.do(ctx)
	}
	_, text := p.get(t, "/metrics")
	// Those of the quota, which the sandbox does not have: its failures would close the gate.
	withQuota := startWithAdmin(t, "--pelcro-url="+testkit.Upstream(t, sandbox.New(sandbox.Config{}))+sandbox.BasePath,
		"--site-id="+strconv.Itoa(sandbox.DefaultSiteID), "--pelcro-api-key-file="+testkit.File(t, sandbox.DefaultAPIKey), "--rate-limit=auto")
	withQuota.err.Match(t, `"msg":"the limit of Pelcro's account"`)
	if _, err := pelcrov1.NewCustomerServiceClient(withQuota.conn).GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 1001}); err != nil {
		t.Fatal(err)
	}
	families := withQuota.scrape(t)
	maps.Copy(families, p.scrape(t))
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
	series := 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			series++
		}
	}
	t.Logf("%d series", series)
	if series > 2000 {
		t.Errorf("%d series", series)
	}
	var frozen bytes.Buffer
	names := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(families)) {
		names[name] = true
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue // of Go and of the system
		}
		var labels []string
		for _, pair := range families[name].GetMetric()[0].GetLabel() {
			labels = append(labels, pair.GetName())
		}
		slices.Sort(labels)
		fmt.Fprintf(&frozen, "%s %s {%s}\n", name, strings.ToLower(families[name].GetType().String()), strings.Join(labels, ", "))
	}
	golden(t, "metrics.golden", frozen.String())

	manual, err := os.ReadFile(filepath.Join(root, "docs/operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(manual), "\n## Metrics\n")
	section, _, _ = strings.Cut(section, "\n## ")
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+\\*?)[`{]").FindAllStringSubmatch(section, -1) {
		documented[row[1]] = true
	}
	covers := func(row, name string) bool {
		prefix, all := strings.CutSuffix(row, "*")
		return row == name || all && strings.HasPrefix(name, prefix)
	}
	for row := range documented {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(names)), func(name string) bool { return covers(row, name) }) {
			t.Errorf("docs/operations.md names %s, which does not exist", row)
		}
	}
	for name := range names {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(documented)), func(row string) bool { return covers(row, name) }) {
			t.Errorf("docs/operations.md does not name %s", name)
		}
	}
}
