package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/emptypb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/telemetry"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// warnings returns the lines of the log at warn.
func (p *program) warnings() (lines []string) {
	for line := range strings.Lines(p.err.String()) {
		if strings.Contains(line, `"level":"WARN"`) {
			lines = append(lines, line)
		}
	}
	return lines
}

// traced makes a call that has a span.
func (p *program) traced(t *testing.T) {
	t.Helper()
	if _, err := pelcrov1.NewCustomerServiceClient(p.conn).GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 1001}); err != nil {
		t.Fatal(err)
	}
}

// TestCallsWithoutSpans: probes, which come every few seconds, and unknown methods, whose names are
// chosen by the client.
func TestCallsWithoutSpans(t *testing.T) {
	spans := &spanCollector{}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", spans.overHTTP(t))
	p := start(t, "--sandbox")
	p.traced(t)
	if _, err := healthpb.NewHealthClient(p.conn).Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
		t.Error(err)
	}
	for _, method := range []string{"/canary.Service/canary@example.com", "/pelcro.v1.CustomerService/Canary"} {
		if err := p.conn.Invoke(t.Context(), method, &emptypb.Empty{}, &emptypb.Empty{}); err == nil {
			t.Errorf("%s exists", method)
		}
	}
	p.conn.Close()
	p.stop()
	if len(spans.spans) != 2 || len(spans.named("pelcro.v1.CustomerService/GetCustomer")) != 1 || len(spans.named("GET customers/{id}")) != 1 {
		t.Errorf("spans: %v", spans.spans)
	}
}

// TestCollectorIsAway: an unreachable collector is reported once.
func TestCollectorIsAway(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+listener.Addr().String())
	p := start(t, "--sandbox")
	p.traced(t)
	p.conn.Close()
	p.stop()
	if lines := p.warnings(); len(lines) != 1 || !strings.Contains(lines[0], "OpenTelemetry reports a problem") || !strings.Contains(lines[0], "refused") {
		t.Errorf("warnings: %s", lines)
	}
}

// TestCollectorIsSilent: a stop waits five seconds for a collector that does not respond, although
// its own timeout is longer, and reports that spans are lost. Until the end the admin address responds.
func TestCollectorIsSilent(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{telemetry.GRPC, telemetry.HTTP} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			listener := testkit.Listen(t) // it never accepts
			command := asProcess("serve", "--sandbox", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--log-format=json")
			const hour = "3600000"
			command.Env = append(command.Env, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+listener.Addr().String(), "OTEL_EXPORTER_OTLP_PROTOCOL="+protocol,
				"OTEL_EXPORTER_OTLP_TIMEOUT="+hour, "OTEL_BSP_EXPORT_TIMEOUT="+hour)
			p := testkit.Start(t, command).Serving(t)
			called := &program{conn: gatewaytest.Dial(t, p.Address), err: p.Log}
			called.traced(t)
			called.conn.Close()
			begin := time.Now()
			p.Signal(t, syscall.SIGTERM)
			p.Log.Match(t, `"msg":"stopped"`)
			if code, body := testkit.Get(t, p.Admin+"/readyz"); code != http.StatusServiceUnavailable || body != "the service is stopping\n" {
				t.Errorf("while the last spans are sent: %d %s", code, body)
			}
			if err := testkit.Receive(t, p.Ended, "end of the program"); err != nil {
				t.Error(err)
			}
			// docs/operations.md says five seconds.
			if took := time.Since(begin); took < 5*time.Second {
				t.Errorf("the stop took %v", took)
			}
			if lines := called.warnings(); len(lines) != 1 || !strings.Contains(lines[0], "failed to flush spans") {
				t.Errorf("warnings: %s", lines)
			}
		})
	}
}

// TestCollectorResponseInLog: the log has the beginning of the collector's response, without the
// credentials that it quotes.
func TestCollectorResponseInLog(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // unread, it would reset the connection before the response is read
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "no right with "+r.Header.Get("Authorization")+strings.Repeat("\nand so on", 100_000))
	}))
	defer web.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", web.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20canary-of-the-collector")
	p := start(t, "--sandbox")
	p.traced(t)
	p.conn.Close()
	p.stop()
	lines := p.warnings()
	if len(lines) != 1 || !strings.Contains(lines[0], "no right with") || len(lines[0]) > 1000 || strings.Contains(lines[0], "canary") {
		t.Errorf("warnings: %.2000s", lines)
	}
}

// TestTraceProblems: problems with traces are reported together with all others.
func TestTraceProblems(t *testing.T) {
	const needsTraces = "--forward-trace-context needs traces; set OTEL_EXPORTER_OTLP_ENDPOINT (docs/operations.md), or leave it out"
	for _, test := range []struct {
		name      string
		variables map[string]string
		args      []string
		want      []string
	}{
		{"nothing to forward", nil, []string{"--forward-trace-context"}, []string{needsTraces}},
		{
			"nothing to forward, because traces are off",
			map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
			[]string{"--forward-trace-context"}, []string{needsTraces},
		},
		{
			"invalid variables, and other problems",
			map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": canaryKey, "OTEL_TRACES_EXPORTER": "zipkin"},
			[]string{"--forward-trace-context", "--listen=here", "--tls-cert=x"},
			[]string{
				`--listen "here" is not an address; use HOST:PORT, for example 127.0.0.1:50051`,
				`OTEL_TRACES_EXPORTER "zipkin" is not supported; use otlp or none`,
				"OTEL_EXPORTER_OTLP_ENDPOINT must begin with http:// or https:// and name a host, for example http://127.0.0.1:4318",
				"--tls-cert is set without --tls-key; set both, or neither for plain text",
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			for name, value := range test.variables {
				t.Setenv(name, value)
			}
			runWith(t, "", append([]string{"serve", "--sandbox"}, test.args...)...).mustReject(t, test.want...)
		})
	}
}

// TestCollectorCredentials: the SDK has its own log, on the standard error of the process, which
// prints the values of variables. Standard error must hold lines of this service only, and no
// credential.
func TestCollectorCredentials(t *testing.T) {
	t.Parallel()
	const canary = "canary-of-the-collector"
	for name, variables := range map[string]map[string]string{
		"invalid encoding":    {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer " + canary + "-100%zz"},
		"in the form of curl": {"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "Authorization: Bearer " + canary},
		"one comma too many":  {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20" + canary + ",,"},
		"two lines":           {"OTEL_EXPORTER_OTLP_HEADERS": "a=b,c=" + canary + "%0D%0Ad:e"},
		"invalid sampler":     {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "x"},
		"invalid attributes":  {"OTEL_RESOURCE_ATTRIBUTES": "z", "OTEL_EXPORTER_OTLP_CERTIFICATE": "/" + canary},
	} {
		t.Run(name, func(t *testing.T) {
			command := asProcess("serve", "--sandbox", "--listen=127.0.0.1:0", "--admin-listen=", "--log-format=json", "--log-level=debug")
			command.Env = append(command.Env, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1")
			for name, value := range variables {
				command.Env = append(command.Env, name+"="+value)
			}
			stderr := &testkit.Log{}
			command.Stderr = stderr
			p := testkit.Start(t, command)
			conn := gatewaytest.Dial(t, stderr.Match(t, `"msg":"serving","address":"([^"]+)"`)[1])
			(&program{conn: conn}).traced(t)
			conn.Close()
			_ = p.Stop(t, syscall.SIGTERM)
			if text := stderr.String(); strings.Contains(text, canary) {
				t.Errorf("printed: %s", text)
			}
			for line := range strings.Lines(stderr.String()) {
				if !json.Valid([]byte(line)) {
					t.Errorf("not a line of this service: %s", line)
				}
			}
		})
	}
}
