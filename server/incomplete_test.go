package server_test

import (
	"bytes"
	"context"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// incompleteRequest is the beginning of a message of 100 bytes.
var incompleteRequest = []byte{0, 0, 0, 0, 100, 8, 42}

// startStreams begins a call of each method, with incompleteRequest, on a connection of its own, and
// returns the reasons with which the calls ended, in any order.
func startStreams(t *testing.T, address string, methods []string) (reasons []string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(testkit.Timeout)); err != nil {
		t.Fatal(err)
	}
	var out, block bytes.Buffer
	out.WriteString(http2.ClientPreface)
	framer := http2.NewFramer(&out, conn)
	_ = framer.WriteSettings()
	encoder := hpack.NewEncoder(&block)
	for i, method := range methods {
		block.Reset()
		for _, field := range [][2]string{
			{":method", "POST"}, {":scheme", "http"}, {":path", method},
			{":authority", "pelcro-grpc"}, {"content-type", "application/grpc"}, {"te", "trailers"},
		} {
			_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
		}
		stream := uint32(2*i + 1)
		_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true})
		_ = framer.WriteData(stream, false, incompleteRequest)
	}
	if _, err := conn.Write(out.Bytes()); err != nil {
		t.Fatal(err)
	}
	reason := ""
	decoder := hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		if f.Name == "x-error-reason" {
			reason = f.Value
		}
	})
	for len(reasons) < len(methods) {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatalf("after %d of %d: %v", len(reasons), len(methods), err)
		}
		headers, ok := frame.(*http2.HeadersFrame)
		if !ok {
			continue
		}
		reason = "none"
		if _, err := decoder.Write(headers.HeaderBlockFragment()); err != nil {
			t.Fatal(err)
		}
		if headers.StreamEnded() {
			reasons = append(reasons, reason)
		}
	}
	return reasons
}

// TestIncompleteRequests: a request that does not arrive completely ends its call, of any method, so
// it takes memory for a limited time.
func TestIncompleteRequests(t *testing.T) {
	g := start(t, rejectAll(t), withReflection, func(s *gatewaytest.Config) { s.Server.SetReadTimeout(50 * time.Millisecond) })
	methods := []string{
		healthpb.Health_Check_FullMethodName,
		healthpb.Health_Watch_FullMethodName,
		reflectionpb.ServerReflection_ServerReflectionInfo_FullMethodName,
	}
	for len(methods) < 250 {
		methods = append(methods, pelcrov1.CustomerService_GetCustomer_FullMethodName, pelcrov1.CustomerService_CreateCustomer_FullMethodName)
	}
	methods = methods[:250]
	for _, reason := range startStreams(t, g.Address, methods) {
		if reason != "GATEWAY_REQUEST_INCOMPLETE" {
			t.Errorf("reason %s", reason)
		}
	}
	for range methods {
		mustSay(t, g.Log.Next(t, finished), map[string]any{"grpc.code": "DeadlineExceeded", "reason": "GATEWAY_REQUEST_INCOMPLETE"})
	}
}

// TestBuiltinCallLimits: health and reflection have limits of their own, for a connection and in all,
// and calls of resources are served beside them.
func TestBuiltinCallLimits(t *testing.T) {
	g := startSandbox(t, func(s *gatewaytest.Config) { s.Server.MaxConcurrentCalls = 1 })
	watch := func(ctx context.Context, conn *grpc.ClientConn) error {
		stream, err := healthpb.NewHealthClient(conn).Watch(ctx, &healthpb.HealthCheckRequest{})
		if err != nil {
			return err
		}
		_, err = stream.Recv()
		return err
	}
	mustReject := func(conn *grpc.ClientConn) {
		t.Helper()
		_, result := call(t.Context(), healthpb.NewHealthClient(conn).Check, &healthpb.HealthCheckRequest{})
		f := result.failure(t)
		f.mustBe(t, codes.ResourceExhausted, pelcrov1.ErrorReason_GATEWAY_OVERLOADED)
	}
	watching, end := context.WithCancel(t.Context())
	defer end()
	for n := range 100 {
		conn := g.Conn
		if n > 0 {
			conn = gatewaytest.Dial(t, g.Address, grpc.WithTransportCredentials(insecure.NewCredentials()))
			defer conn.Close()
		}
		for range 10 {
			if err := watch(watching, conn); err != nil {
				t.Fatal(err)
			}
		}
		mustReject(conn)
	}
	another := gatewaytest.Dial(t, g.Address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	defer another.Close()
	mustReject(another)
	mustSucceed(t, g.Customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 1001})
	end()
	deadline := time.Now().Add(testkit.Timeout)
	for watch(t.Context(), another) != nil {
		if time.Now().After(deadline) {
			t.Fatal("the streams that have ended still count")
		}
	}
}
