package server_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// One line for each call, with what an operator looks for.
func TestLines(t *testing.T) {
	g := start(t, respondingWith(succeed))
	for _, c := range g.calls(42) {
		a := c.do(t.Context())
		lines := g.log.calls(t)
		if len(lines) != 1 {
			t.Fatalf("%s: %d lines: %v", c.name, len(lines), lines)
		}
		mustSay(t, lines[0], map[string]any{
			"level": "INFO", "grpc.service": "pelcro.v1.CustomerService", "grpc.method": c.name, "grpc.code": "OK",
			"request_id": a.trailer.Get("x-request-id")[0], "reason": nil, "cause": nil, "outcome": nil, "grpc.error": nil,
		})
		if d, ok := lines[0]["duration_ms"].(float64); !ok || d <= 0 {
			t.Errorf("%s: duration %v", c.name, lines[0]["duration_ms"])
		}
	}
	g = start(t, respondingWith(respond(500, `{"message":"x"}`)))
	for _, c := range g.calls(42) {
		f := c.do(t.Context()).failure(t)
		lines := g.log.calls(t)
		if len(lines) != 1 {
			t.Fatalf("%s: %d lines: %v", c.name, len(lines), lines)
		}
		want := map[string]any{
			"level": "ERROR", "grpc.code": "Internal", "request_id": f.requestID, "reason": f.reason, "outcome": nil, "grpc.error": nil,
		}
		if c.name == "CreateCustomer" {
			want["outcome"] = "unknown"
		}
		mustSay(t, lines[0], want)
		if cause := lines[0].text("cause"); !strings.Contains(cause, "customers") || !strings.Contains(cause, "HTTP 500") {
			t.Errorf("%s: cause %q", c.name, cause)
		}
	}
}

func mustSay(t *testing.T, line logLine, want map[string]any) {
	t.Helper()
	for key, value := range want {
		if line[key] != value {
			t.Errorf("%s is %v, want %v: %v", key, line[key], value, line)
		}
	}
}

// Faults of Pelcro, of the service and of the configuration are errors; mistakes of callers are not.
func TestLevels(t *testing.T) {
	for _, test := range []struct {
		name     string
		upstream http.HandlerFunc
		level    string
	}{
		{"validation", respond(400, `{"errors":{"email":["x"]}}`), "INFO"},
		{"validation under 200", respond(200, `{"errors":{"email":["x"]}}`), "INFO"},
		{"402", respond(402, `{"message":"x"}`), "INFO"},
		{"403", respond(403, `{"message":"x"}`), "INFO"},
		{"404", respond(404, `{"message":"x"}`), "INFO"},
		{"409", respond(409, `{"message":"x"}`), "INFO"},
		{"413", respond(413, `{"message":"x"}`), "INFO"},
		{"429", respond(429, `{"message":"x"}`), "INFO"},
		{"our key", respond(401, `{"message":"x"}`), "ERROR"},
		{"wrong address", htmlPage(404), "ERROR"},
		{"verb rejected", respond(405, `{"message":"x"}`), "ERROR"},
		{"redirect", htmlPage(302), "ERROR"},
		{"our request", htmlPage(415), "ERROR"},
		{"500", htmlPage(500), "ERROR"},
		{"503", htmlPage(503), "ERROR"},
		{"504", htmlPage(504), "ERROR"},
		{"unusable", htmlPage(200), "ERROR"},
		{"error under 200", respond(200, `{"error":"x"}`), "ERROR"},
		{"reset", raw(""), "ERROR"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := start(t, respondingWith(test.upstream))
			f := g.calls(42)[0].do(t.Context()).failure(t)
			mustSay(t, g.log.call(t), map[string]any{"level": test.level, "reason": f.reason})
		})
	}
	g := start(t, rejectAll(t))
	mustFail(t, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{SiteId: new(int32(0))})
	mustSay(t, g.log.call(t), map[string]any{
		"level": "INFO", "reason": "GATEWAY_INVALID_REQUEST", "cause": "invalid request: id, site_id", "outcome": "notSent",
	})
	// The name of an unknown method could be anything, also personal data.
	mustFail(t, g.method("/x/y"), &emptypb.Empty{})
	mustSay(t, g.log.call(t), map[string]any{
		"level": "INFO", "reason": "GATEWAY_UNKNOWN_METHOD", "grpc.service": "unknown", "grpc.method": "unknown",
	})
}

// Probes are frequent, so they are logged at debug level.
func TestHealthIsLoggedAtDebug(t *testing.T) {
	g := startSandbox(t, draining(1))
	client := healthpb.NewHealthClient(g.conn)
	mustSucceed(t, client.Check, &healthpb.HealthCheckRequest{})
	mustSay(t, g.log.call(t), map[string]any{"level": "DEBUG", "grpc.method": "Check", "grpc.code": "OK"})
	mustFail(t, client.Check, &healthpb.HealthCheckRequest{Service: "x"})
	mustSay(t, g.log.call(t), map[string]any{"level": "DEBUG", "reason": "GATEWAY_UNKNOWN_SERVICE"})

	ctx, cancel := context.WithCancel(t.Context())
	watch, err := client.Watch(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatal(err)
	}
	cancel()
	mustSay(t, g.log.call(t), map[string]any{"level": "DEBUG", "grpc.method": "Watch", "reason": "CALLER_CANCELLED"})

	watch, err = client.Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatal(err)
	}
	if err := g.stop(); err != nil {
		t.Error(err)
	}
	mustSay(t, g.log.call(t), map[string]any{"level": "DEBUG", "grpc.method": "Watch", "reason": "GATEWAY_SHUTTING_DOWN"})
}

// canaryRequests are requests whose every text is a canary.
func (g *gateway) canaryRequests(t *testing.T) []named {
	t.Helper()
	const canary = "canary@example.com"
	customer := &pelcrov1.Customer{
		Id: 42, Email: new(canary), FirstName: new(canary), Phone: new(canary), Title: new(canary),
		Metadata: mustStruct(t, map[string]any{canary: canary}), OldProviderId: new(canary),
	}
	return []named{
		{"GetCustomer", func(ctx context.Context) callResult {
			_, a := call(ctx, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 42})
			return a
		}},
		{"ListCustomers", func(ctx context.Context) callResult {
			_, a := call(ctx, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{Filters: []*pelcrov1.CustomerFilter{
				{Attribute: "email", Values: []string{canary}}, {Attribute: "metadata." + canary, Values: []string{canary}},
			}})
			return a
		}},
		{"ListCustomers, invalid", func(ctx context.Context) callResult {
			_, a := call(ctx, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{
				OrderBy: canary, PageToken: canary, Filters: []*pelcrov1.CustomerFilter{{Attribute: canary, Values: []string{canary + ","}}},
			})
			return a
		}},
		{"CreateCustomer", func(ctx context.Context) callResult {
			_, a := call(ctx, g.customers.CreateCustomer, &pelcrov1.CreateCustomerRequest{
				Customer: customer, Password: new(canary), PaymentGatewayId: new(canary),
			})
			return a
		}},
		{"CreateCustomer, invalid", func(ctx context.Context) callResult {
			_, a := call(ctx, g.customers.CreateCustomer, &pelcrov1.CreateCustomerRequest{Customer: &pelcrov1.Customer{
				Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{canary + `"` + canary: {}}},
			}})
			return a
		}},
		{"UpdateCustomer", func(ctx context.Context) callResult {
			_, a := call(ctx, g.customers.UpdateCustomer, &pelcrov1.UpdateCustomerRequest{Customer: customer, Password: new(canary)})
			return a
		}},
		{"UpdateCustomer, invalid", func(ctx context.Context) callResult {
			_, a := call(ctx, g.customers.UpdateCustomer, &pelcrov1.UpdateCustomerRequest{
				Customer: customer, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{canary, "metadata." + canary}},
			})
			return a
		}},
		{"DeleteCustomer", func(ctx context.Context) callResult {
			_, a := call(ctx, g.customers.DeleteCustomer, &pelcrov1.DeleteCustomerRequest{Id: 42})
			return a
		}},
	}
}

// The log contains neither the requests of callers nor Pelcro's texts about them, and the key is
// nowhere.
func TestLogHoldsNoPersonalData(t *testing.T) {
	const text = `canary@example.com Bearer canary-api-key`
	for name, response := range map[string]http.HandlerFunc{
		"success":         respond(200, `{"data":{"id":42,"email":"`+text+`"}}`),
		"no id":           respond(200, `{"data":{"email":"`+text+`"}}`),
		"no JSON":         respond(200, text),
		"text as data":    respond(200, `{"data":"`+text+`"}`),
		"cut":             cut(200, `{"data":{"email":"`+text),
		"error":           respond(200, `{"error":"`+text+`"}`),
		"field errors":    respond(400, `{"errors":{"email":["`+text+`"],"`+text+`":["x"]}}`),
		"stock":           respond(422, `{"message":"`+text+`","errors":{"email":["`+text+`"]}}`),
		"not found":       respond(404, `{"message":"`+text+`"}`),
		"conflict":        respond(409, `{"message":"`+text+`"}`),
		"debug":           respond(500, `{"message":"`+text+`","exception":"X","file":"`+text+`","trace":[]}`),
		"page":            respond(502, `<html>`+text+`</html>`, "Content-Type", "text/html"),
		"headers":         respond(503, ``, "X-Debug", text, "Content-Type", text, "Retry-After", text, "X-RateLimit-Limit", text),
		"redirect":        respond(302, ``, "Location", "https://canary.example/?"+text),
		"no HTTP":         raw(text + "\r\n\r\n"),
		"status text":     raw("HTTP/1.1 500 " + text + "\r\n\r\n"),
		"long status":     raw("HTTP/1.1 5000 " + text + "\r\n\r\n"),
		"header, no name": raw("HTTP/1.1 200 OK\r\n" + text + "\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t, respondingWith(response))
			ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", text, "x-request-id", text, "user-agent", text)
			calls := g.canaryRequests(t)
			for _, c := range calls {
				if a := c.do(ctx); a.err != nil {
					f := a.failure(t)
					f.mustHide(t, apiKey)
				}
			}
			log := g.log.rest()
			if n := strings.Count(log, "finished call"); n != len(calls) {
				t.Errorf("%d lines for %d calls", n, len(calls))
			}
			for line := range strings.Lines(log) {
				if strings.Contains(line, "canary") {
					t.Errorf("logged %s", line)
				}
			}
		})
	}
}
