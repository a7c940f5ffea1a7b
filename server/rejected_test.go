package server_test

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/emptypb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// counting registers the metrics of the service in the registry.
func counting(registry *prometheus.Registry) func(*gatewaytest.Config) {
	return func(s *gatewaytest.Config) { s.Server.Metrics = registry }
}

// counters returns the series of a metric that are not 0, by their labels' values.
func counters(t *testing.T, registry *prometheus.Registry, name string) map[string]int {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]int{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, pair := range metric.GetLabel() {
				labels = append(labels, pair.GetValue())
			}
			if n := int(metric.GetCounter().GetValue()); n != 0 {
				values[strings.Join(labels, " ")] = n
			}
		}
	}
	return values
}

// frame is a gRPC message that announces a length.
func frame(announced int, message string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(announced)), message...)
}

// post makes a call without a gRPC client, which would not send most of these requests.
func post(t *testing.T, address, path, encoding string, body io.Reader) error {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	req.Header.Set("X-Request-Id", "callers-own")
	if encoding != "" {
		req.Header.Set("Grpc-Encoding", encoding)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

const (
	customerService = "pelcro.v1.CustomerService"
	getCustomer     = "/" + customerService + "/GetCustomer"
)

// A call that gRPC rejects before the service has its request is counted and logged all the same,
// once.
func TestRejectedByTransport(t *testing.T) {
	for _, test := range []struct {
		name, path, encoding string
		body                 []byte
		counted              string
		service, method      string
		cause                string
	}{
		{
			"too large", getCustomer, "", frame(5<<20, ""),
			"ResourceExhausted GetCustomer " + customerService, customerService, "GetCustomer", "larger than max",
		},
		{
			"no request", getCustomer, "", nil,
			"Internal GetCustomer " + customerService, customerService, "GetCustomer", "no request message",
		},
		{
			"two requests", getCustomer, "", append(frame(0, ""), frame(0, "")...),
			"Internal GetCustomer " + customerService, customerService, "GetCustomer", "multiple request messages",
		},
		{
			"unknown compression", getCustomer, "canary", frame(0, ""),
			"Unimplemented GetCustomer " + customerService, customerService, "GetCustomer", "not installed",
		},
		{
			"unknown compression of an unknown method", "/canary@example.com/x", "canary", frame(0, ""),
			"Unimplemented unknown unknown", "unknown", "unknown", "not installed",
		},
		{
			"malformed path", "/canary", "", frame(0, ""),
			"Unimplemented unknown unknown", "unknown", "unknown", "/package.Service/Method",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			g := start(t, rejectAll(t), counting(registry))
			if err := post(t, g.Address, test.path, test.encoding, bytes.NewReader(test.body)); err != nil {
				t.Fatal(err)
			}
			line := g.Log.Next(t, "rejected call")
			code, _, _ := strings.Cut(test.counted, " ")
			mustSay(t, line, map[string]any{
				"level": "INFO", "grpc.service": test.service, "grpc.method": test.method, "grpc.code": code, "request_id": "callers-own",
			})
			if cause := line.Text("cause"); !strings.Contains(cause, test.cause) || strings.Contains(cause, "canary") {
				t.Errorf("cause %q", cause)
			}
			if line.Text("peer.address") == "" || line["duration_ms"] == nil {
				t.Errorf("logged %v", line)
			}
			want := map[string]int{test.counted: 1}
			if got := counters(t, registry, "pelcro_grpc_rejected_by_transport_total"); !maps.Equal(got, want) {
				t.Errorf("counted %v, want %v", got, want)
			}
			if got := counters(t, registry, "pelcro_grpc_errors_total"); len(got) > 0 {
				t.Errorf("counted as served: %v", got)
			}
			if log := g.Log.Unread(); strings.Contains(log, " call") {
				t.Errorf("logged twice: %s", log)
			}
		})
	}
}

// The lines about calls of unknown clients are limited, and say how many were omitted. The metrics
// count each call.
func TestRejectedLinesAreLimited(t *testing.T) {
	t.Parallel()
	const calls = 100
	for _, test := range []struct {
		name, message, counter, counted string
		do                              func(*testing.T, *gateway)
	}{
		{
			"by gRPC itself", "rejected call", "pelcro_grpc_rejected_by_transport_total", "Unimplemented unknown unknown",
			func(t *testing.T, g *gateway) {
				if err := post(t, g.Address, "/canary", "", bytes.NewReader(frame(0, ""))); err != nil {
					t.Fatal(err)
				}
			},
		},
		{
			"without credentials", "finished call", "pelcro_grpc_errors_total", "GetCustomer " + customerService + " GATEWAY_UNAUTHENTICATED",
			func(t *testing.T, g *gateway) {
				mustFail(t, g.Customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 42})
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			g := start(t, rejectAll(t), counting(registry), func(s *gatewaytest.Config) {
				s.Server.Authorize = func([]string, []*x509.Certificate, string) (server.Caller, error) {
					return server.Caller{}, server.ErrUnauthenticated
				}
			})
			began := time.Now()
			for range calls {
				test.do(t, g)
			}
			if err := g.Stop(); err != nil {
				t.Error(err)
			}
			seconds := int(time.Since(began) / time.Second)
			if got := counters(t, registry, test.counter); got[test.counted] != calls {
				t.Errorf("counted %v", got)
			}
			written, omitted := 0, 0
			for _, line := range g.Log.UnreadLines(t, test.message) {
				n, _ := line["lines_omitted"].(float64)
				written, omitted = written+1, omitted+int(n)
			}
			if written < 10 || written > 10*(seconds+1) || written+omitted > calls {
				t.Errorf("%d lines in %d seconds, %d omitted", written, seconds, omitted)
			}
		})
	}
}

// A caller that goes before it has sent its request is not rejected.
func TestCallerGoesWhileSending(t *testing.T) {
	registry := prometheus.NewRegistry()
	g := start(t, rejectAll(t), counting(registry))
	body := io.MultiReader(bytes.NewReader(frame(100, "x")), breaks{})
	if err := post(t, g.Address, getCustomer, "", body); err == nil {
		t.Fatal("the request was sent")
	}
	mustSay(t, g.Log.Next(t, finished), map[string]any{
		"level": "INFO", "grpc.method": "GetCustomer", "grpc.code": "Canceled", "reason": "CALLER_CANCELLED", "outcome": "notSent",
	})
	if got := counters(t, registry, "pelcro_grpc_rejected_by_transport_total"); len(got) > 0 {
		t.Errorf("counted %v", got)
	}
}

// breaks is a body that cannot be read.
type breaks struct{}

func (breaks) Read([]byte) (int, error) { return 0, errBroken }

// A larger request than the limit gets gRPC's own status.
func TestTooLargeRequest(t *testing.T) {
	g := start(t, rejectAll(t))
	_, a := call(t.Context(), g.Customers.ListCustomers, &pelcrov1.ListCustomersRequest{OrderBy: strings.Repeat("x", 5<<20)})
	if a.err == nil || !strings.Contains(a.err.Error(), codes.ResourceExhausted.String()) || len(a.trailer.Get("x-error-reason")) > 0 {
		t.Errorf("%v %v", a.err, a.trailer)
	}
}

// Served calls are not counted as rejected, however they end.
func TestServedCallsAreNotRejected(t *testing.T) {
	registry := prometheus.NewRegistry()
	g := start(t, testkit.NewScript(testkit.Respond(500, `{}`)), counting(registry))
	for _, c := range g.calls(42) {
		c.do(t.Context()).failure(t)
	}
	mustFail(t, g.method("/x/y"), &emptypb.Empty{})
	if err := g.Stop(); err != nil {
		t.Error(err)
	}
	if got := counters(t, registry, "pelcro_grpc_rejected_by_transport_total"); len(got) > 0 {
		t.Errorf("counted %v", got)
	}
	if log := g.Log.Unread(); strings.Contains(log, "rejected call") {
		t.Errorf("logged %s", log)
	}
}

// The name of an unknown method could be anything, so it becomes neither label nor log field.
func TestNamesOfUnknownMethods(t *testing.T) {
	registry := prometheus.NewRegistry()
	g := start(t, rejectAll(t), counting(registry))
	names := []string{
		"/canary@example.com/jane.doe@example.com", "/x/y", "/" + strings.Repeat("s", 1000) + "/" + strings.Repeat("m", 1000),
		"/pelcro.v1.CustomerService/Canary",
	}
	for _, name := range names {
		mustFail(t, g.method(name), &emptypb.Empty{})
		mustSay(t, g.Log.Next(t, finished), map[string]any{"grpc.service": "unknown", "grpc.method": "unknown"})
	}
	want := map[string]int{"unknown unknown bidi_stream": len(names)}
	if got := counters(t, registry, "grpc_server_started_total"); !maps.Equal(got, want) {
		t.Errorf("started %v, want %v", got, want)
	}
}
