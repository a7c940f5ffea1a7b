package mapping

import (
	"context"
	"net/http"
	"strings"
	"time"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// fieldMeanings say what docs/errors.md has of each field reason.
var fieldMeanings = map[pelcrov1.FieldViolationReason]string{
	pelcrov1.FieldViolationReason_FIELD_REQUIRED:       "A value is required.",
	pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT: "The value does not have the required form.",
	pelcrov1.FieldViolationReason_FIELD_INVALID_TYPE:   "The value is of the wrong type.",
	pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE:  "The value is rejected for a reason without a constant.",
	pelcrov1.FieldViolationReason_FIELD_ALREADY_TAKEN:  "Another customer already has this value.",
	pelcrov1.FieldViolationReason_FIELD_TOO_LONG:       "The value is too long.",
	pelcrov1.FieldViolationReason_FIELD_TOO_SHORT:      "The value is too short.",
	pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE:   "The value is too small or too large.",
	pelcrov1.FieldViolationReason_FIELD_PROHIBITED:     "The field is not allowed here.",
}

// samples runs the mapping once for every reason.
func samples() map[pelcrov1.ErrorReason]Result {
	const page = "<html><body>Moved</body></html>"
	results := map[pelcrov1.ErrorReason]Result{}
	add := func(result Result) { results[result.Reason()] = result }
	response := func(operation string, status int, body string, headers ...string) {
		header := http.Header{"Content-Type": {"application/json"}}
		if strings.HasPrefix(body, "<") {
			header.Set("Content-Type", "text/html; charset=UTF-8")
		}
		for i := 0; i < len(headers); i += 2 {
			header.Set(headers[i], headers[i+1])
		}
		add(FromResponse(sampleCall(operation), Response{StatusCode: status, Header: header, Body: []byte(body)}))
	}

	response("CreateCustomer", 400, `{"errors":{"email":["The email must be a valid email address."],"metadata.color":["The metadata.color must be a string."]}}`)
	response("CreateCustomer", 400, `{"error":{"status":400,"message":"Cannot import payment methods for this site"}}`)
	response("GetCustomer", 401, `{"message":"Unauthenticated."}`)
	response("CreateCustomer", 402, `{"message":"The account has an unpaid invoice."}`)
	response("DeleteCustomer", 403, `{"message":"This action is unauthorized."}`)
	response("GetCustomer", 404, `{"message":"No query results for model [App\\Models\\Customer] 42"}`)
	response("GetCustomer", 404, page)
	response("UpdateCustomer", 405, `{"message":"The PUT method is not supported for this route."}`)
	response("CreateCustomer", 415, `{"message":"Unsupported Media Type"}`)
	response("CreateCustomer", 409, `{"errors":{"email":["The email has already been taken."]}}`)
	response("UpdateCustomer", 409, `{"message":"The customer is being merged."}`)
	response("UpdateCustomer", 423, `{"message":"Locked."}`)
	response("CreateCustomer", 413, page)
	response("ListCustomers", 416, `{"message":"There is no such page."}`)
	response("ListCustomers", 429, `{"message":"Too Many Attempts."}`, "Retry-After", "17", "X-RateLimit-Limit", "120")
	response("GetCustomer", 451, `{"message":"Unavailable For Legal Reasons"}`)
	response("GetCustomer", 418, `{"message":"Refused by policy."}`)
	response("GetCustomer", 500, `{"message":"Server Error"}`)
	response("GetCustomer", 503, `{"message":"Service Unavailable"}`, "Retry-After", "120")
	response("GetCustomer", 504, page)
	response("CreateCustomer", 502, page)
	response("CreateCustomer", 200, page)
	add(FromResponse(sampleCall("ListCustomers"), Response{StatusCode: 200, TooLarge: true}))
	response("GetCustomer", 200, `{"error":{"status":404,"message":"Customer is archived."}}`)
	response("GetCustomer", 302, page)

	add(FromNoResponse(sampleCall("CreateCustomer"), NoResponse{Reason: pelcrov1.ErrorReason_PELCRO_UNREACHABLE}))
	add(FromNoResponse(sampleCall("GetCustomer"), NoResponse{Reason: pelcrov1.ErrorReason_PELCRO_TLS_UNTRUSTED}))
	add(FromNoResponse(sampleCall("GetCustomer"), NoResponse{Reason: pelcrov1.ErrorReason_PELCRO_CONNECTION_LOST, Sent: true}))
	add(FromNoResponse(sampleCall("CreateCustomer"), NoResponse{Sent: true, Caller: context.DeadlineExceeded}))
	add(FromNoResponse(sampleCall("GetCustomer"), NoResponse{Sent: true, Caller: context.Canceled}))

	for _, reason := range []pelcrov1.ErrorReason{
		pelcrov1.ErrorReason_GATEWAY_UNAUTHENTICATED,
		pelcrov1.ErrorReason_GATEWAY_PERMISSION_DENIED,
		pelcrov1.ErrorReason_GATEWAY_UNKNOWN_METHOD,
		pelcrov1.ErrorReason_GATEWAY_OVERLOADED,
		pelcrov1.ErrorReason_GATEWAY_CIRCUIT_OPEN,
		pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN,
		pelcrov1.ErrorReason_GATEWAY_INTERNAL_ERROR,
		pelcrov1.ErrorReason_GATEWAY_UNKNOWN_SERVICE,
		pelcrov1.ErrorReason_GATEWAY_REQUEST_INCOMPLETE,
	} {
		call := sampleCall("GetCustomer")
		switch reason {
		case pelcrov1.ErrorReason_GATEWAY_UNKNOWN_METHOD:
			call.Operation = Operation{Name: "FrobnicateCustomer"}
		case pelcrov1.ErrorReason_GATEWAY_UNKNOWN_SERVICE:
			call.Operation = Operation{Name: "Check"}
		}
		add(FromLocalError(call, LocalError{Reason: reason}))
	}
	add(FromLocalError(sampleCall("GetCustomer"), LocalError{
		Reason: pelcrov1.ErrorReason_GATEWAY_RATE_LIMITED, Delay: 20 * time.Second, Quota: 120,
	}))
	add(FromLocalError(sampleCall("CreateCustomer"), LocalError{Reason: pelcrov1.ErrorReason_GATEWAY_CREATE_PENDING, Delay: 5 * time.Second}))
	add(FromLocalError(sampleCall("CreateCustomer"), LocalError{
		Reason: pelcrov1.ErrorReason_GATEWAY_REQUEST_ID_REUSED,
		Violations: []Violation{{
			Field:       "request_id",
			Description: "A different request used this id. Send a new UUID for a new customer, or the unchanged request.",
			Reason:      pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
		}},
	}))
	add(FromLocalError(sampleCall("UpdateCustomer"), LocalError{
		Reason: pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST,
		Violations: []Violation{{
			Field:       "update_mask",
			Description: "Name top-level fields of the customer, for example \"email\".",
			Reason:      pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
		}},
	}))
	return results
}

// sampleCall is a call with some time left.
func sampleCall(name string) Call {
	operation, _ := CustomerOperation(name)
	call := Call{
		Operation: operation,
		Remaining: 30 * time.Second,
		RequestID: "7f3c2a90d1e84b65",
	}
	if operation.Kind != Create && name != "ListCustomers" {
		call.ResourceID = "42"
	}
	return call
}
