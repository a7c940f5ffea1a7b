package main

import (
	"context"
	"encoding/hex"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// spanCollector is an OpenTelemetry collector that keeps the spans it receives.
type spanCollector struct {
	collector.UnimplementedTraceServiceServer
	mu    sync.Mutex
	spans []*otlp.Span
	raw   []byte
}

func (c *spanCollector) Export(_ context.Context, req *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range req.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
	raw, err := proto.Marshal(req)
	c.raw = append(c.raw, raw...)
	return &collector.ExportTraceServiceResponse{}, err
}

// overGRPC and overHTTP serve the collector and return its endpoint.
func (c *spanCollector) overGRPC(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	collector.RegisterTraceServiceServer(s, c)
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

func (c *spanCollector) overHTTP(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		req := &collector.ExportTraceServiceRequest{}
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(raw, req) != nil {
			t.Errorf("%s: no spans: %v", r.URL, err)
		}
		_, _ = c.Export(r.Context(), req)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// named returns the spans with that name, by id.
func (c *spanCollector) named(name string) (spans []*otlp.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, span := range c.spans {
		if span.GetName() == name {
			spans = append(spans, span)
		}
	}
	return spans
}

// attributes are a span's attributes, as texts.
func attributes(span *otlp.Span) map[string]string {
	values := map[string]string{}
	for _, a := range span.GetAttributes() {
		value := a.GetValue()
		values[a.GetKey()] = value.GetStringValue()
		if value.GetIntValue() != 0 {
			values[a.GetKey()] = value.String()
		}
	}
	return values
}

// onceFailing is an upstream that fails once, then responds, and keeps the headers.
type onceFailing struct {
	mu      sync.Mutex
	headers []http.Header
}

func (u *onceFailing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.headers = append(u.headers, r.Header)
	if len(u.headers) == 1 {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	_, _ = io.WriteString(w, `{"message":"x"}`)
}

const (
	callersTrace = "0af7651916cd43dd8448eb211c80319c"
	callersSpan  = "b7ad6b7169203331"
)

// TestTraces: a server span below the caller's, one client span below it for each attempt, over both
// protocols; Pelcro gets the trace context only with the flag.
func TestTraces(t *testing.T) {
	for _, test := range []struct {
		name      string
		serve     func(*spanCollector, *testing.T) string
		protocol  string
		args      []string
		forwarded bool
	}{
		{"gRPC", (*spanCollector).overGRPC, "grpc", nil, false},
		{"HTTP", (*spanCollector).overHTTP, "http/protobuf", []string{"--forward-trace-context"}, true},
		{"by default HTTP", (*spanCollector).overHTTP, "", nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			spans, upstream := &spanCollector{}, &onceFailing{}
			web := httptest.NewServer(upstream)
			defer web.Close()
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", test.serve(spans, t))
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", test.protocol)
			t.Setenv("OTEL_SERVICE_NAME", "named-by-the-operator")
			p := start(t, append([]string{
				"--pelcro-url=" + web.URL, "--site-id=1", "--pelcro-api-key-file=" + write(t, canaryKey),
			}, test.args...)...)
			ctx := metadata.AppendToOutgoingContext(t.Context(), "traceparent", "00-"+callersTrace+"-"+callersSpan+"-01")
			var trailer metadata.MD
			_, err := pelcrov1.NewCustomerServiceClient(p.conn).GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: 42}, grpc.Trailer(&trailer))
			if err == nil {
				t.Fatal("it succeeded")
			}
			p.conn.Close()
			if code := p.stop(); code != exitOK {
				t.Fatalf("exit code %d: %s", code, p.err)
			}
			servers, attempts := spans.named("pelcro.v1.CustomerService/GetCustomer"), spans.named("GET customers/{id}")
			if len(servers) != 1 || len(attempts) != 2 || len(spans.spans) != 3 {
				t.Fatalf("spans: %v", spans.spans)
			}
			if !strings.Contains(string(spans.raw), "named-by-the-operator") {
				t.Error("the resource is not the operator's")
			}
			top := servers[0]
			if hex.EncodeToString(top.GetTraceId()) != callersTrace || hex.EncodeToString(top.GetParentSpanId()) != callersSpan ||
				top.GetKind() != otlp.Span_SPAN_KIND_SERVER {
				t.Errorf("server span: %v", top)
			}
			if a := attributes(top); a["pelcro_grpc.reason"] != "PELCRO_NOT_FOUND" || a["pelcro_grpc.request_id"] != trailer.Get("x-request-id")[0] {
				t.Errorf("server span: %v", a)
			}
			for i, want := range []string{"502", "404"} {
				span := attempts[i]
				a := attributes(span)
				if !slices.Equal(span.GetTraceId(), top.GetTraceId()) || !slices.Equal(span.GetParentSpanId(), top.GetSpanId()) ||
					span.GetKind() != otlp.Span_SPAN_KIND_CLIENT || span.GetStatus().GetCode() != otlp.Status_STATUS_CODE_ERROR {
					t.Errorf("attempt %d: %v", i, span)
				}
				if a["http.request.method"] != "GET" || a["url.template"] != "customers/{id}" || a["error.type"] != want ||
					!strings.Contains(a["http.response.status_code"], want) || (a["http.request.resend_count"] != "") != (i == 1) {
					t.Errorf("attempt %d: %v", i, a)
				}
			}
			for i, header := range upstream.headers {
				want := ""
				if test.forwarded {
					want = "00-" + callersTrace + "-" + hex.EncodeToString(attempts[i].GetSpanId()) + "-01"
				}
				if got := header.Get("Traceparent"); got != want {
					t.Errorf("attempt %d: Pelcro got %q, want %q", i, got, want)
				}
			}
			if line := p.finish(t, 1)[0]; line["trace_id"] != callersTrace {
				t.Errorf("logged %v", line)
			}
		})
	}
}

// TestNoTraces: without the variables, or with one that disables traces, no span is sent and no line
// has a trace.
func TestNoTraces(t *testing.T) {
	for _, test := range []struct {
		name      string
		variables map[string]string // {} is the collector
	}{
		{"nothing", nil},
		{"none", map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "{}"}},
		{"disabled", map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "{}"}},
		{"never sampled", map[string]string{"OTEL_TRACES_SAMPLER": "always_off", "OTEL_EXPORTER_OTLP_ENDPOINT": "{}"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			spans := &spanCollector{}
			endpoint := spans.overHTTP(t)
			for name, value := range test.variables {
				t.Setenv(name, strings.ReplaceAll(value, "{}", endpoint))
			}
			p := start(t, "--sandbox")
			for _, id := range []int64{1001, 404} {
				_, _ = pelcrov1.NewCustomerServiceClient(p.conn).GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: id})
			}
			p.stop()
			if len(spans.spans) > 0 {
				t.Errorf("spans: %v", spans.spans)
			}
			for _, line := range p.finished(t) {
				if test.variables["OTEL_TRACES_SAMPLER"] == "" && line["trace_id"] != nil {
					t.Errorf("logged %v", line)
				}
			}
		})
	}
}

// TestNoPersonalData: no output of the program holds data of callers, data of Pelcro, or the key.
func TestNoPersonalData(t *testing.T) {
	const email, name = "canary@example.com", "Canarina"
	web := httptest.NewServer(sandbox.New(sandbox.Config{APIKey: canaryKey, SiteID: 1, RequestsPerMinute: 1e6}))
	defer web.Close()
	spans := &spanCollector{}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", spans.overHTTP(t))
	p := startWithAdmin(t, "--pelcro-url="+web.URL+sandbox.BasePath, "--site-id=1", "--pelcro-api-key-file="+write(t, canaryKey),
		"--log-level=debug", "--forward-trace-context", "--no-circuit-breaker", "--upstream-retries=0")
	customers := pelcrov1.NewCustomerServiceClient(p.conn)
	canary := &pelcrov1.Customer{Email: new(email), FirstName: new(name), DisplayName: new(name), Phone: new(name)}
	calls := append(everyFailure(customers),
		rpcOf("CreateCustomer", customers.CreateCustomer, &pelcrov1.CreateCustomerRequest{Customer: canary, Password: new(name)}),
		rpcOf("CreateCustomer", customers.CreateCustomer, &pelcrov1.CreateCustomerRequest{Customer: canary}), // taken
		rpcOf("ListCustomers", customers.ListCustomers, &pelcrov1.ListCustomersRequest{Filters: []*pelcrov1.CustomerFilter{
			{Attribute: "email", Operator: pelcrov1.CustomerFilter_OPERATOR_EQUALS, Values: []string{email}},
			{Attribute: name, Values: []string{email}},
		}}),
		rpcOf("ListCustomers", customers.ListCustomers, &pelcrov1.ListCustomersRequest{OrderBy: name, PageToken: email}),
	)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+canaryKey, "x-request-id", email,
		"user-agent", name, "traceparent", email, "x-name", name)
	for _, call := range calls {
		_ = call.do(ctx)
	}
	outputs := map[string]string{}
	for _, path := range []string{"/metrics", "/config", "/readyz", "/debug/pprof/goroutine?debug=2", "/debug/pprof/cmdline", "/debug/pprof/allocs?debug=1"} {
		_, outputs[path] = p.get(t, path)
	}
	p.conn.Close()
	p.stop()
	outputs["log"], outputs["standard output"], outputs["spans"] = p.err.String(), p.out.String(), string(spans.raw)
	if len(spans.spans) < len(calls) {
		t.Errorf("%d spans for %d calls", len(spans.spans), len(calls))
	}
	for _, where := range slices.Sorted(maps.Keys(outputs)) {
		for _, secret := range []string{canaryKey, email, "canary%40", name} {
			if i := strings.Index(outputs[where], secret); i >= 0 {
				t.Errorf("%s holds %s: …%s…", where, secret, outputs[where][max(0, i-100):min(len(outputs[where]), i+100)])
			}
		}
	}
}
