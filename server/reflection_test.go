package server_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	v1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	v1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

func withReflection(s *gatewaytest.Config) { s.Server.Reflection = true }

var services = []string{
	"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection", "pelcro.v1.CustomerService",
}

// The types that a client needs to read responses and errors.
var symbols = map[string]string{
	"pelcro.v1.CustomerService":   "pelcro/v1/customer_service.proto",
	"pelcro.v1.Customer":          "pelcro/v1/customer.proto",
	"pelcro.v1.ErrorReason":       "pelcro/v1/error_reason.proto",
	"google.rpc.ErrorInfo":        "google/rpc/error_details.proto",
	"google.rpc.BadRequest":       "google/rpc/error_details.proto",
	"google.protobuf.Struct":      "google/protobuf/struct.proto",
	"grpc.health.v1.Health.Check": "grpc/health/v1/health.proto",
}

func TestReflectionV1(t *testing.T) {
	g := startSandbox(t, withReflection)
	stream, err := v1.NewServerReflectionClient(g.Conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(req *v1.ServerReflectionRequest) *v1.ServerReflectionResponse {
		if err := stream.Send(req); err != nil {
			t.Fatal(err)
		}
		resp, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	listed := ask(&v1.ServerReflectionRequest{MessageRequest: &v1.ServerReflectionRequest_ListServices{}})
	var names []string
	for _, s := range listed.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	if slices.Sort(names); !slices.Equal(names, services) {
		t.Errorf("services %q", names)
	}
	for symbol, file := range symbols {
		resp := ask(&v1.ServerReflectionRequest{MessageRequest: &v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: symbol}})
		mustHold(t, symbol, file, resp.GetFileDescriptorResponse().GetFileDescriptorProto())
	}
	unknown := ask(&v1.ServerReflectionRequest{MessageRequest: &v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "x.Y"}})
	if unknown.GetErrorResponse() == nil {
		t.Errorf("x.Y: %v", unknown)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	// Not at info: each call of grpcurl begins with one.
	if logged := g.Log.Next(t, finished); logged.Text("level") != "DEBUG" || logged.Text("grpc.code") != "OK" {
		t.Errorf("logged %v", logged)
	}
}

func TestReflectionV1Alpha(t *testing.T) {
	g := startSandbox(t, withReflection)
	stream, err := v1alpha.NewServerReflectionClient(g.Conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for symbol, file := range symbols {
		if err := stream.Send(&v1alpha.ServerReflectionRequest{
			MessageRequest: &v1alpha.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: symbol},
		}); err != nil {
			t.Fatal(err)
		}
		resp, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		mustHold(t, symbol, file, resp.GetFileDescriptorResponse().GetFileDescriptorProto())
	}
}

// mustHold checks that the first of the descriptors is that file; the others are
// what it imports.
func mustHold(t *testing.T, symbol, file string, descriptors [][]byte) {
	t.Helper()
	if len(descriptors) == 0 {
		t.Errorf("%s is unknown", symbol)
		return
	}
	var first descriptorpb.FileDescriptorProto
	if err := proto.Unmarshal(descriptors[0], &first); err != nil || first.GetName() != file {
		t.Errorf("%s is in %s, want %s: %v", symbol, first.GetName(), file, err)
	}
}

func TestReflectionOff(t *testing.T) {
	g := startSandbox(t)
	for _, service := range services {
		if !strings.Contains(service, "reflection") {
			continue
		}
		_, a := call(t.Context(), g.method("/"+service+"/ServerReflectionInfo"), nil)
		f := a.failure(t)
		f.mustBe(t, codes.Unimplemented, pelcrov1.ErrorReason_GATEWAY_UNKNOWN_METHOD)
	}
}
