package main

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/emptypb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
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

// traced makes a call with a span to export.
func (p *program) traced(t *testing.T) {
	t.Helper()
	if _, err := pelcrov1.NewCustomerServiceClient(p.conn).GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 1001}); err != nil {
		t.Fatal(err)
	}
}

// TestSpansHoldNoTexts: what Pelcro says in an answer is in no span, though the
// caller gets it.
func TestSpansHoldNoTexts(t *testing.T) {
	const canary = "canary@example.com Canarina"
	replies := map[string]struct {
		status int
		body   string
	}{
		"1": {200, `{"error":"` + canary + `"}`},
		"2": {405, `{"message":"` + canary + `"}`},
		"3": {415, `{"message":"` + canary + `"}`},
		"4": {409, `{"message":"` + canary + `"}`},
		"5": {500, `{"message":"` + canary + `"}`},
	}
	url := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		reply := replies[r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]]
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(reply.status)
		_, _ = io.WriteString(w, reply.body)
	})
	spans := &spanCollector{}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", spans.overHTTP(t))
	p := start(t, "--pelcro-url="+url, "--site-id=1", "--pelcro-api-key-file="+write(t, canaryKey), "--upstream-retries=0")
	told := false
	for id := range int64(len(replies)) {
		_, err := pelcrov1.NewCustomerServiceClient(p.conn).GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: id + 1})
		if err == nil {
			t.Errorf("customer %d is there", id+1)
			continue
		}
		told = told || strings.Contains(err.Error(), "Canarina")
	}
	if !told {
		t.Error("no caller is told; the test shows nothing")
	}
	p.conn.Close()
	p.stop()
	if len(spans.spans) != 2*len(replies) {
		t.Errorf("%d spans", len(spans.spans))
	}
	for _, span := range spans.spans {
		if text := span.GetStatus().GetMessage(); text != "" {
			t.Errorf("%s says %q", span.GetName(), text)
		}
	}
	if raw := string(spans.raw); strings.Contains(raw, "canary@") || strings.Contains(raw, "Canarina") {
		t.Error("a span holds what Pelcro said")
	}
}

// TestCallsWithoutSpans: probes, which come every few seconds, and methods that do
// not exist, whose names anybody can make up.
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
			t.Errorf("there is %s", method)
		}
	}
	p.conn.Close()
	p.stop()
	if len(spans.spans) != 2 || len(spans.named("pelcro.v1.CustomerService/GetCustomer")) != 1 || len(spans.named("GET customers/{id}")) != 1 {
		t.Errorf("spans: %v", spans.spans)
	}
}

// TestCollectorIsAway: said once, and nobody waits for it.
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
	begin := time.Now()
	p.stop()
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the stop took %v", took)
	}
	if lines := p.warnings(); len(lines) != 1 || !strings.Contains(lines[0], "OpenTelemetry reports a problem") || !strings.Contains(lines[0], "refused") {
		t.Errorf("warnings: %s", lines)
	}
}

// TestCollectorIsSilent: a stop waits for it for a while, says that spans are lost,
// and leaves nothing running. Until the end the admin address answers.
func TestCollectorIsSilent(t *testing.T) {
	for _, protocol := range []string{overGRPC, overHTTP} {
		t.Run(protocol, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close() // nobody accepts
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+listener.Addr().String())
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "60000")
			t.Setenv("OTEL_BSP_EXPORT_TIMEOUT", "60000")
			p := startWithAdmin(t, "--sandbox")
			p.traced(t)
			p.conn.Close()
			stopped := make(chan int, 1)
			begin := time.Now()
			go func() { stopped <- p.stop() }()
			p.err.match(t, `("msg":"stopped")`)
			if code, body := p.get(t, "/readyz"); code != http.StatusServiceUnavailable || body != "the service is stopping\n" {
				t.Errorf("while the last spans are sent: %d %s", code, body)
			}
			if code := <-stopped; code != exitOK {
				t.Errorf("exit code %d", code)
			}
			// docs/operations.md says five seconds.
			if took := time.Since(begin); took < 5*time.Second || took > 10*time.Second {
				t.Errorf("the stop took %v", took)
			}
			if lines := p.warnings(); len(lines) != 1 || !strings.Contains(lines[0], "the last spans are lost") {
				t.Errorf("warnings: %s", lines)
			}
		})
	}
}

// TestCollectorThatSaysTooMuch: of its reply, the log takes the beginning, and not
// the credentials that it repeats.
func TestCollectorThatSaysTooMuch(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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

// TestComplaints: one a minute, which says how many were left out.
func TestComplaints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newOutput()
		c := newComplaints(slog.New(slog.NewJSONHandler(log, nil)), nil)
		for range 150 { // two and a half minutes
			c.Handle(errors.New("broken"))
			time.Sleep(time.Second)
		}
		c.silence()
		c.Handle(errors.New("broken"))
		text := log.String()
		if strings.Count(text, "OpenTelemetry reports a problem") != 3 || strings.Count(text, `"left_out":59`) != 2 || strings.Count(text, "left_out") != 2 {
			t.Errorf("logged: %s", text)
		}
	})
}
