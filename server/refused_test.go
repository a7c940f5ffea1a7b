package server_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/emptypb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// counting makes the service count in the registry.
func counting(registry *prometheus.Registry) func(*setup) {
	return func(s *setup) { s.server.Metrics = registry }
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

// frame is a message of gRPC that announces so many bytes.
func frame(announced int, message string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(announced)), message...)
}

// post makes a call without a gRPC client, which would not send most of what is
// tested here.
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

// A call that gRPC refuses before anything of ours sees it is counted and logged all
// the same.
func TestCallsThatDoNotArrive(t *testing.T) {
	const getCustomer = "/pelcro.v1.CustomerService/GetCustomer"
	for _, test := range []struct {
		name, path, encoding string
		body                 []byte
		gone                 bool // the caller goes before it has sent everything
		counted              string
		service, method      string
		cause                string
	}{
		{
			"too large", getCustomer, "", frame(5<<20, ""), false,
			"ResourceExhausted GetCustomer pelcro.v1.CustomerService", "pelcro.v1.CustomerService", "GetCustomer", "larger than max",
		},
		{
			"undecodable", getCustomer, "", frame(2, "\xff\xff"), false,
			"Internal GetCustomer pelcro.v1.CustomerService", "pelcro.v1.CustomerService", "GetCustomer", "unmarshal",
		},
		{
			"unknown compression", getCustomer, "canary", frame(0, ""), false,
			"Unimplemented GetCustomer pelcro.v1.CustomerService", "pelcro.v1.CustomerService", "GetCustomer", "not supported",
		},
		{
			"unknown method, too", "/canary@example.com/x", "canary", frame(0, ""), false,
			"Unimplemented unknown unknown", "unknown", "unknown", "not supported",
		},
		{
			"gone half-way", getCustomer, "", frame(100, "x"), true,
			"Canceled GetCustomer pelcro.v1.CustomerService", "pelcro.v1.CustomerService", "GetCustomer", "cancel",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			g := start(t, untouchable(t), counting(registry))
			body := io.Reader(bytes.NewReader(test.body))
			if test.gone {
				body = io.MultiReader(body, breaks{})
			}
			if err := post(t, g.address, test.path, test.encoding, body); err != nil && !test.gone {
				t.Fatal(err)
			}
			line := g.journal.line(t, "refused call")
			code, _, _ := strings.Cut(test.counted, " ")
			mustSay(t, line, map[string]any{
				"level": "INFO", "grpc.service": test.service, "grpc.method": test.method, "grpc.code": code, "request_id": "callers-own",
			})
			if cause := line.text("cause"); !strings.Contains(cause, test.cause) || strings.Contains(cause, "canary") {
				t.Errorf("cause %q", cause)
			}
			if line.text("peer.address") == "" || line["duration_ms"] == nil {
				t.Errorf("logged %v", line)
			}
			want := map[string]int{test.counted: 1}
			if got := counters(t, registry, "pelcro_grpc_refused_by_transport_total"); !maps.Equal(got, want) {
				t.Errorf("counted %v, want %v", got, want)
			}
			if got := counters(t, registry, "pelcro_grpc_errors_total"); len(got) > 0 {
				t.Errorf("counted as seen: %v", got)
			}
		})
	}
}

// breaks is a body that cannot be read.
type breaks struct{}

func (breaks) Read([]byte) (int, error) { return 0, errBroken }

// Calls that did arrive are not counted a second time, however they end. (That they are
// not a second later either is TestArrival's subject.)
func TestCallsThatArrive(t *testing.T) {
	registry := prometheus.NewRegistry()
	g := start(t, answering(reply(500, `{}`)), counting(registry))
	for _, c := range g.calls(42) {
		c.do(t.Context()).failure(t)
	}
	mustFail(t, g.method("/x/y"), &emptypb.Empty{})
	if got := counters(t, registry, "pelcro_grpc_refused_by_transport_total"); len(got) > 0 {
		t.Errorf("counted %v", got)
	}
	if log := g.journal.rest(); strings.Contains(log, "refused call") {
		t.Errorf("logged %s", log)
	}
}

// Whoever names a method that does not exist can write anything there, and none of it
// is taken on.
func TestNamesOfStrangers(t *testing.T) {
	g := start(t, untouchable(t))
	for _, called := range []string{
		"/canary@example.com/jane.doe@example.com", "/x/y", "/" + strings.Repeat("s", 1000) + "/" + strings.Repeat("m", 1000),
		"/pelcro.v1.CustomerService/Canary",
	} {
		mustFail(t, g.method(called), &emptypb.Empty{})
		mustSay(t, g.journal.call(t), map[string]any{"grpc.service": "unknown", "grpc.method": "unknown"})
	}
}

// Without traces of its own, the service still logs the id of the caller's.
func TestTraceOfTheCaller(t *testing.T) {
	const id = "0af7651916cd43dd8448eb211c80319c"
	g := start(t, answering(fine))
	for _, test := range []struct {
		header string
		logged any
	}{
		{"00-" + id + "-b7ad6b7169203331-01", id},
		{"00-" + id + "-b7ad6b7169203331-00", id},
		{"00-00000000000000000000000000000000-b7ad6b7169203331-01", nil},
		{"canary@example.com", nil},
		{id, nil},
		{"", nil},
	} {
		ctx := t.Context()
		if test.header != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "traceparent", test.header)
		}
		if _, a := call(ctx, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 42}); a.err != nil {
			t.Fatal(a.err)
		}
		mustSay(t, g.journal.call(t), map[string]any{"trace_id": test.logged})
	}
}

// Nobody is sent here before calls are taken.
func TestNotReadyBeforeServe(t *testing.T) {
	s := newServer(t, nil)
	if err := s.Ready(); err == nil || err.Error() != "the service is starting" {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Serve(ctx, listen(t)); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(); err == nil || err.Error() != "the service is stopping" {
		t.Errorf("got %v", err)
	}
}
