package mapping_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"google.golang.org/grpc"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

func ExampleFromResponse() {
	create, _ := mapping.CustomerOperation("CreateCustomer")
	result := mapping.FromResponse(
		mapping.Call{Operation: create},
		mapping.Response{
			StatusCode: http.StatusBadRequest,
			Header:     http.Header{"Content-Type": {"application/json"}},
			Body:       []byte(`{"errors": {"email": ["The email has already been taken."]}}`),
		},
	)
	fmt.Println(result.Code(), result.Reason())
	for _, violation := range result.Violations() {
		fmt.Println(violation.Field, violation.Reason)
	}
	// Output:
	// InvalidArgument PELCRO_VALIDATION_FAILED
	// customer.email FIELD_ALREADY_TAKEN
}

// A success is the zero Result.
func ExampleFromResponse_success() {
	get, _ := mapping.CustomerOperation("GetCustomer")
	result := mapping.FromResponse(
		mapping.Call{Operation: get},
		mapping.Response{StatusCode: http.StatusOK, Body: []byte(`{"data": {"id": 42}}`)},
	)
	fmt.Println(result.OK(), result.Err())
	// Output: true <nil>
}

// What was sent matters for a create only: it must not happen twice.
func ExampleFromNoResponse() {
	lost := mapping.NoResponse{Failure: mapping.TimedOut, Sent: true}
	for _, name := range []string{"GetCustomer", "CreateCustomer"} {
		operation, _ := mapping.CustomerOperation(name)
		result := mapping.FromNoResponse(mapping.Call{Operation: operation}, lost)
		fmt.Printf("%s %v %v outcome=%q\n", name, result.Code(), result.Reason(), result.Outcome())
	}
	// Output:
	// GetCustomer Unavailable PELCRO_TIMEOUT outcome=""
	// CreateCustomer Internal PELCRO_OUTCOME_UNKNOWN outcome="unknown"
}

func ExampleFromLocalError() {
	get, _ := mapping.CustomerOperation("GetCustomer")
	result := mapping.FromLocalError(mapping.Call{Operation: get}, mapping.LocalError{
		Reason: pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST,
		Violations: []mapping.Violation{{
			Field:       "id",
			Description: "Must be positive.",
			Reason:      pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE,
		}},
	})
	fmt.Println(result.Err())
	// Output:
	// rpc error: code = InvalidArgument desc = The request is invalid; it was not sent to Pelcro: id: Must be positive.
}

func ExampleCustomerOperation() {
	operation, known := mapping.CustomerOperation("DeleteCustomer")
	fmt.Println(operation.Resource, operation.Kind == mapping.Delete, known)
	// Output: pelcro.v1.Customer true true
}

func ExampleCustomerOperations() {
	for _, operation := range mapping.CustomerOperations() {
		fmt.Println(operation.Name, operation.Kind == mapping.Create)
	}
	// Output:
	// GetCustomer false
	// ListCustomers false
	// BatchGetCustomers false
	// StreamCustomers false
	// CreateCustomer true
	// UpdateCustomer false
	// DeleteCustomer false
}

// A handler sends the trailers and returns the error.
func ExampleResult() {
	list, _ := mapping.CustomerOperation("ListCustomers")
	handle := func(ctx context.Context) error {
		result := mapping.FromResponse(
			mapping.Call{Operation: list, Remaining: 10 * time.Second, RequestID: "7f3c2a90d1e84b65"},
			mapping.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"5"}}},
		)
		if result.OK() {
			return nil
		}
		_ = grpc.SetTrailer(ctx, result.Trailer())
		return result.Err()
	}
	fmt.Println(handle(context.Background()))
	// Output:
	// rpc error: code = Unavailable desc = The response did not come from the Pelcro API (HTTP 503)
}

// A log line says what the caller was told, and what it cost.
func ExampleResult_logging() {
	create, _ := mapping.CustomerOperation("CreateCustomer")
	result := mapping.FromResponse(
		mapping.Call{Operation: create},
		mapping.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"17"}}},
	)
	fmt.Println("code", result.Code())
	fmt.Println("reason", result.Reason())
	fmt.Println("outcome", result.Outcome())
	fmt.Println("delay", result.RetryDelay())
	fmt.Println("fits", result.WireBytes() <= mapping.MaxWireBytes)
	// Output:
	// code ResourceExhausted
	// reason PELCRO_RATE_LIMITED
	// outcome rejected
	// delay 17s
	// fits true
}

// A delay beyond the caller's deadline stops automatic retries; only RetryInfo
// tells it.
func ExampleResult_Trailer() {
	get, _ := mapping.CustomerOperation("GetCustomer")
	response := mapping.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"17"}}}
	for _, remaining := range []time.Duration{time.Minute, time.Second} {
		result := mapping.FromResponse(mapping.Call{Operation: get, Remaining: remaining}, response)
		fmt.Println(result.Trailer().Get(mapping.TrailerPushback), result.RetryDelay())
	}
	// Output:
	// [17000] 17s
	// [-1] 17s
}

// The text is the one of docs/errors.md.
func ExampleResult_Advice() {
	update, _ := mapping.CustomerOperation("UpdateCustomer")
	result := mapping.FromResponse(mapping.Call{Operation: update}, mapping.Response{
		StatusCode: http.StatusConflict, Body: []byte(`{"message":"The customer was changed."}`),
	})
	fmt.Println(result.Advice())
	// Output: Read the customer again, decide again, send again.
}
