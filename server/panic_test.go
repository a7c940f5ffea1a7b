package server_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/emptypb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// afterRequest says that a panic came after something may have been sent, beforeRequest that it
// came before.
const (
	afterRequest  = true
	beforeRequest = false
)

// mustBePanic checks the status of a call that panicked.
func (f *failure) mustBePanic(t *testing.T, name string, sent bool) {
	t.Helper()
	f.mustBe(t, codes.Internal, pelcrov1.ErrorReason_GATEWAY_INTERNAL_ERROR)
	f.mustHide(t, "canary", "panic", "goroutine", ".go:")
	switch {
	case !sent:
		f.mustAdvise(t, "notSent", "", 0)
	case name == "CreateCustomer":
		f.mustAdvise(t, "unknown", "-1", 0)
	default:
		f.mustAdvise(t, "", "", 0)
	}
}

// mustSayPanic checks the line of a call that panicked.
func mustSayPanic(t *testing.T, line logLine) {
	t.Helper()
	cause := line.text("cause")
	if line.text("level") != "ERROR" || !strings.Contains(cause, "panic of type ") || !strings.Contains(cause, "panic_test.go:") {
		t.Errorf("logged %v", line)
	}
	if strings.Contains(fmt.Sprint(line), "canary panic") {
		t.Errorf("the value is in the log: %v", line)
	}
}

func TestPanicOfHandler(t *testing.T) {
	for name, value := range map[string]any{
		"text":  "canary panic",
		"error": errors.New("canary panic"),
		"type":  struct{ Email string }{"canary panic"},
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t, respondingWith(succeed), over(tripper(func(*http.Request) (*http.Response, error) { panic(value) })))
			for _, c := range g.calls(42) {
				f := c.do(t.Context()).failure(t)
				f.mustBePanic(t, c.name, afterRequest)
				mustSayPanic(t, g.log.call(t))
			}
		})
	}
	// An error of Go's runtime says what was wrong.
	var missing *http.Request
	g := start(t, respondingWith(succeed), over(tripper(func(*http.Request) (*http.Response, error) { panic(missing.Method) })))
	mustFail(t, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 42})
	if cause := g.log.call(t).text("cause"); !strings.HasPrefix(cause, "panic: runtime error: invalid memory address") {
		t.Errorf("cause %q", cause)
	}
}

// authorizing has the function decide about calls.
func authorizing(authorize func() (server.Caller, error)) func(*setup) {
	return func(s *setup) {
		s.server.Authorize = func([]string, []*x509.Certificate, string) (server.Caller, error) { return authorize() }
	}
}

func TestPanicBeforeRequest(t *testing.T) {
	g := start(t, rejectAll(t), authorizing(func() (server.Caller, error) { panic("canary panic") }))
	for _, c := range g.calls(42) {
		f := c.do(t.Context()).failure(t)
		f.mustBePanic(t, c.name, beforeRequest)
		mustSayPanic(t, g.log.call(t))
	}
}

// resourceIDPanics has the translation of errors panic.
func resourceIDPanics(s *setup) {
	s.services = func(services []server.Service) {
		for i := range services {
			services[i].ResourceID = func(any) string { panic("canary panic") }
		}
	}
}

func TestPanicOfTranslation(t *testing.T) {
	g := start(t, respondingWith(respond(404, `{"message":"x"}`)), resourceIDPanics)
	for _, c := range g.calls(42) {
		f := c.do(t.Context()).failure(t)
		f.mustBePanic(t, c.name, afterRequest)
		if f.metadata["operation"] != c.name {
			t.Errorf("%s: %v", c.name, f.metadata)
		}
		mustSayPanic(t, g.log.call(t))
		if lines := g.log.calls(t); len(lines) > 0 {
			t.Errorf("more lines: %v", lines)
		}
	}
	g = start(t, rejectAll(t), resourceIDPanics)
	for _, c := range g.calls(-1) {
		if c.name == "ListCustomers" || c.name == "CreateCustomer" {
			continue // they are valid
		}
		f := c.do(t.Context()).failure(t)
		f.mustBePanic(t, c.name, beforeRequest)
	}
}

// panickingLog is a handler that panics instead of writing the next lines.
type panickingLog struct {
	slog.Handler
	panics *int // how many lines panic yet
}

func (h panickingLog) Handle(ctx context.Context, record slog.Record) error {
	if *h.panics > 0 && strings.HasSuffix(record.Message, " call") {
		*h.panics--
		panic("canary panic")
	}
	return h.Handler.Handle(ctx, record)
}

func (h panickingLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return panickingLog{h.Handler.WithAttrs(attrs), h.panics}
}

func logPanics(lines int) func(*setup) {
	return func(s *setup) { s.server.Logger = slog.New(panickingLog{s.server.Logger.Handler(), &lines}) }
}

func TestPanicOfLogging(t *testing.T) {
	for _, test := range []struct {
		name     string
		upstream http.HandlerFunc
	}{
		{"success", succeed},
		{"failure", respond(404, `{"message":"x"}`)}, // its trailers were set already
	} {
		for call := range 5 {
			g := start(t, respondingWith(test.upstream), logPanics(1))
			c := g.calls(42)[call]
			t.Run(test.name+" of "+c.name, func(t *testing.T) {
				f := c.do(t.Context()).failure(t)
				f.mustBePanic(t, c.name, afterRequest)
				mustSayPanic(t, g.log.call(t))
			})
		}
	}
	// A log that cannot be written at all changes the calls, and nothing more.
	g := start(t, respondingWith(succeed), logPanics(4))
	for range 2 {
		f := g.calls(42)[0].do(t.Context()).failure(t)
		f.mustBePanic(t, "GetCustomer", afterRequest)
	}
	mustSucceed(t, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 42})
}

// Prometheus panics on a label that is not UTF-8.
func TestPanicOfMetrics(t *testing.T) {
	g := start(t, respondingWith(succeed), authorizing(func() (server.Caller, error) { return server.Caller{Name: "canary\xff"}, nil }))
	for _, c := range g.calls(42) {
		f := c.do(t.Context()).failure(t)
		f.mustBePanic(t, c.name, afterRequest)
		if line := g.log.call(t); line.text("level") != "ERROR" || !strings.Contains(line.text("cause"), "panic of type ") {
			t.Errorf("logged %v", line)
		}
		if lines := g.log.calls(t); len(lines) > 0 {
			t.Errorf("more lines: %v", lines)
		}
	}
}

// The line of a call that gRPC itself rejects is written by the stats handler.
func TestPanicOfStatsHandler(t *testing.T) {
	g := start(t, respondingWith(succeed), logPanics(1))
	if err := post(t, g.address, getCustomer, "canary", http.NoBody); err != nil {
		t.Fatal(err)
	}
	mustSayPanic(t, g.log.line(t, "panic outside of the interceptors"))
	mustSucceed(t, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 42})
}

// unencodable is a response whose encoding panics.
type unencodable struct{}

func (unencodable) ProtoReflect() protoreflect.Message { panic("canary panic") }

func TestPanicOfEncoding(t *testing.T) {
	service := server.Service{
		Desc: &grpc.ServiceDesc{ServiceName: "test.v1.Unencodable", HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{{
			MethodName: "Get",
			Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				return unencodable{}, decode(&emptypb.Empty{})
			},
		}}},
		Handler: struct{}{}, ResourceID: func(any) string { return "" },
	}
	g := start(t, respondingWith(succeed), func(s *setup) {
		s.services = func(services []server.Service) { services[0] = service }
	})
	_, a := call(t.Context(), g.method("/test.v1.Unencodable/Get"), &emptypb.Empty{})
	if status.Code(a.err) != codes.Internal || strings.Contains(a.err.Error(), "canary") {
		t.Errorf("ended with %v", a.err)
	}
	mustSayPanic(t, g.log.line(t, "panic outside of the interceptors"))
}

// The service continues after a panic.
func TestAfterPanic(t *testing.T) {
	first := true
	g := start(t, respondingWith(succeed), over(tripper(func(r *http.Request) (*http.Response, error) {
		if first {
			first = false
			panic("once")
		}
		return http.DefaultTransport.RoundTrip(r)
	})))
	mustFail(t, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 42})
	mustSucceed(t, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 42})
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}
