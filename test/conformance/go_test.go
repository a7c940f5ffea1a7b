//go:build e2e

package conformance_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// callInGo is the client in Go. Its limit for headers is that of the other languages.
func callInGo(t *testing.T, address, configFile string, calls []request) []response {
	t.Helper()
	config, err := os.ReadFile(configFile)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(string(config)), grpc.WithMaxHeaderListSize(8<<10))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	customers := pelcrov1.NewCustomerServiceClient(conn)
	responses := make([]response, 0, len(calls))
	for _, call := range calls {
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		var trailer metadata.MD
		err := do(ctx, customers, call, grpc.Trailer(&trailer))
		cancel()
		responses = append(responses, responseOf(call.Name, err, trailer))
	}
	return responses
}

func do(ctx context.Context, customers pelcrov1.CustomerServiceClient, call request, option grpc.CallOption) (err error) {
	switch call.Operation {
	case "GetCustomer":
		_, err = customers.GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: call.ID}, option)
	case "UpdateCustomer":
		_, err = customers.UpdateCustomer(ctx, &pelcrov1.UpdateCustomerRequest{Customer: &pelcrov1.Customer{Id: call.ID, FirstName: new("x")}}, option)
	case "DeleteCustomer":
		_, err = customers.DeleteCustomer(ctx, &pelcrov1.DeleteCustomerRequest{Id: call.ID}, option)
	case "CreateCustomer":
		_, err = customers.CreateCustomer(ctx, &pelcrov1.CreateCustomerRequest{Customer: &pelcrov1.Customer{Email: &call.Email}}, option)
	case "ListCustomers":
		_, err = customers.ListCustomers(ctx, &pelcrov1.ListCustomersRequest{Filters: []*pelcrov1.CustomerFilter{{
			Attribute: "email", Operator: pelcrov1.CustomerFilter_OPERATOR_EQUALS, Values: []string{call.Email},
		}}}, option)
	}
	return err
}

// addedPrefix is what grpc-go puts before the message after the last attempt.
var addedPrefix = regexp.MustCompile(`^max retries exhausted: failed after 3 attempts: rpc error: code = \w+ desc = `)

func responseOf(name string, err error, trailer metadata.MD) response {
	failure := status.Convert(err)
	r := response{
		Name: name, Code: code.Code(failure.Code()).String(), Message: addedPrefix.ReplaceAllString(failure.Message(), ""),
		ErrorReason: strings.Join(trailer.Get("x-error-reason"), ","),
		Pushback:    strings.Join(trailer.Get("grpc-retry-pushback-ms"), ","),
	}
	for _, detail := range failure.Details() {
		if message, ok := detail.(proto.Message); ok {
			r.DetailTypes = append(r.DetailTypes, string(message.ProtoReflect().Descriptor().FullName()))
		}
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			r.Domain, r.Reason, r.Metadata = d.GetDomain(), d.GetReason(), d.GetMetadata()
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				r.Violations = append(r.Violations, violation{v.GetField(), v.GetDescription(), v.GetReason()})
			}
		case *errdetails.PreconditionFailure:
			for _, v := range d.GetViolations() {
				r.Precondition = v.GetType()
			}
		case *errdetails.RetryInfo:
			r.RetryDelaySeconds = new(d.GetRetryDelay().AsDuration().Seconds())
		case *errdetails.QuotaFailure:
			for _, v := range d.GetViolations() {
				r.Quota = new(v.GetQuotaValue())
			}
		case *errdetails.ResourceInfo:
			r.Resource = d.GetResourceName()
		case *errdetails.RequestInfo:
			r.RequestID = d.GetRequestId()
		}
	}
	return r
}
