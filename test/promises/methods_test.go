package promises_test

import (
	"context"
	"slices"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/emptypb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

const (
	customersPath     = "/pelcro.v1.CustomerService/"
	healthPath        = "/grpc.health.v1.Health/"
	reflectionPath    = "/grpc.reflection.v1.ServerReflection/"
	oldReflectionPath = "/grpc.reflection.v1alpha.ServerReflection/"
)

// requests has a request that succeeds for every method of the service.
var requests = map[string]proto.Message{
	customersPath + "GetCustomer":       &pelcrov1.GetCustomerRequest{Id: 42},
	customersPath + "ListCustomers":     &pelcrov1.ListCustomersRequest{},
	customersPath + "BatchGetCustomers": &pelcrov1.BatchGetCustomersRequest{Ids: []int64{42}},
	customersPath + "StreamCustomers":   &pelcrov1.StreamCustomersRequest{},
	customersPath + "CreateCustomer":    &pelcrov1.CreateCustomerRequest{Customer: &pelcrov1.Customer{DisplayName: new("x")}},
	customersPath + "UpdateCustomer":    &pelcrov1.UpdateCustomerRequest{Customer: &pelcrov1.Customer{Id: 42, Title: new("x")}},
	customersPath + "DeleteCustomer":    &pelcrov1.DeleteCustomerRequest{Id: 42},

	healthPath + "Check": &healthpb.HealthCheckRequest{},
	healthPath + "List":  &healthpb.HealthListRequest{},
	healthPath + "Watch": &healthpb.HealthCheckRequest{},

	reflectionPath + "ServerReflectionInfo":    listServices,
	oldReflectionPath + "ServerReflectionInfo": listServices, // identical on the wire
}

var listServices = &reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}

// unknownMethods do not exist, although some resemble existing ones.
var unknownMethods = []string{
	customersPath + "GetCustomers", customersPath + "getCustomer", customersPath + "GetCustomer/", customersPath + "*", customersPath,
	"/pelcro.v1.customerservice/GetCustomer", "/pelcro.v2.CustomerService/GetCustomer", "/CustomerService/GetCustomer",
	"//pelcro.v1.CustomerService/GetCustomer", "/pelcro.v1.CustomerService//GetCustomer", "/x/pelcro.v1.CustomerService/GetCustomer",
	"/pelcro.v1.CustomerService/GetCustomer?x=1", "/pelcro.v1.CustomerService/Get%43ustomer",
	"/grpc.health.v1.Health/../pelcro.v1.CustomerService/GetCustomer",
	reflectionPath + "ServerReflectionInf", "/no.such.Service/Method",
}

// openUnknown do not exist and belong to the health service, which needs no token.
var openUnknown = []string{healthPath + "GetCustomer", healthPath + "check"}

// methodsOf reads the methods of the service by reflection, as an operator may.
func methodsOf(t *testing.T, conn *grpc.ClientConn, token string) (methods []string) {
	t.Helper()
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token)
	stream, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	must(t, err)
	exchange := func(req *reflectionpb.ServerReflectionRequest) *reflectionpb.ServerReflectionResponse {
		must(t, stream.Send(req))
		resp, err := stream.Recv()
		must(t, err)
		return resp
	}
	for _, service := range exchange(listServices).GetListServicesResponse().GetService() {
		name := service.GetName()
		resp := exchange(&reflectionpb.ServerReflectionRequest{
			MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: name},
		})
		file := &descriptorpb.FileDescriptorProto{}
		must(t, proto.Unmarshal(resp.GetFileDescriptorResponse().GetFileDescriptorProto()[0], file))
		for _, described := range file.GetService() {
			if file.GetPackage()+"."+described.GetName() != name {
				continue
			}
			for _, method := range described.GetMethod() {
				methods = append(methods, "/"+name+"/"+method.GetName())
			}
		}
	}
	must(t, stream.CloseSend())
	slices.Sort(methods)
	return methods
}

// outcome is how a call ended.
type outcome struct {
	code   codes.Code
	reason string
}

// The possible outcomes.
var (
	unauthenticated = outcome{codes.Unauthenticated, "GATEWAY_UNAUTHENTICATED"}
	forbidden       = outcome{codes.PermissionDenied, "GATEWAY_PERMISSION_DENIED"}
	unknownMethod   = outcome{codes.Unimplemented, "GATEWAY_UNKNOWN_METHOD"}
	succeeded       = outcome{codes.OK, ""}
	noConnection    = outcome{codes.Unavailable, ""}
)

// invoke calls any method with any headers, and checks that a rejection has the same
// parts as every other error.
func invoke(t *testing.T, conn *grpc.ClientConn, method string, headers ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Timeout)
	defer cancel() // ends streams like Watch
	stream, err := conn.NewStream(metadata.AppendToOutgoingContext(ctx, headers...),
		&grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method)
	if err == nil {
		request := requests[method]
		if request == nil {
			request = &emptypb.Empty{}
		}
		_ = stream.SendMsg(request) // RecvMsg reports the error
		_ = stream.CloseSend()
		err = stream.RecvMsg(&emptypb.Empty{})
	}
	got := outcome{status.Code(err), gatewaytest.Reason(err)}
	if err == nil || got.reason == "" {
		return got
	}
	trailer := stream.Trailer()
	if reason := trailer.Get("x-error-reason"); len(reason) != 1 || reason[0] != got.reason {
		t.Errorf("%s: the trailer has %q, the details %s", method, reason, got.reason)
	}
	header, _ := stream.Header()
	delete(header, "content-type")
	if len(header) > 0 && len(trailer.Get("x-request-id")) != 1 {
		t.Errorf("%s: headers %v, trailers %v", method, header, trailer)
	}
	for _, detail := range status.Convert(err).Details() {
		info, ok := detail.(*errdetails.ErrorInfo)
		if ok && (got == unauthenticated || got == forbidden) && info.GetMetadata()["credential"] != "caller" {
			t.Errorf("%s: metadata %v", method, info.GetMetadata())
		}
	}
	return got
}
