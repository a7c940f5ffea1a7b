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
	reply := func(operation string, status int, body string, headers ...string) {
		header := http.Header{"Content-Type": {"application/json"}}
		if strings.HasPrefix(body, "<") {
			header.Set("Content-Type", "text/html; charset=UTF-8")
		}
		for i := 0; i < len(headers); i += 2 {
			header.Set(headers[i], headers[i+1])
		}
		add(FromReply(sampleCall(operation), Reply{StatusCode: status, Header: header, Body: []byte(body)}))
	}

	reply("CreateCustomer", 400, `{"errors":{"email":["The email must be a valid email address."],"metadata.color":["The metadata.color must be a string."]}}`)
	reply("CreateCustomer", 400, `{"error":{"status":400,"message":"Cannot import payment methods for this site"}}`)
	reply("GetCustomer", 401, `{"message":"Unauthenticated."}`)
	reply("CreateCustomer", 402, `{"message":"The account has an unpaid invoice."}`)
	reply("DeleteCustomer", 403, `{"message":"This action is unauthorized."}`)
	reply("GetCustomer", 404, `{"message":"No query results for model [App\\Models\\Customer] 42"}`)
	reply("GetCustomer", 404, page)
	reply("UpdateCustomer", 405, `{"message":"The PUT method is not supported for this route."}`)
	reply("CreateCustomer", 415, `{"message":"Unsupported Media Type"}`)
	reply("CreateCustomer", 409, `{"errors":{"email":["The email has already been taken."]}}`)
	reply("UpdateCustomer", 409, `{"message":"The customer is being merged."}`)
	reply("UpdateCustomer", 423, `{"message":"Locked."}`)
	reply("CreateCustomer", 413, page)
	reply("ListCustomers", 416, `{"message":"There is no such page."}`)
	reply("ListCustomers", 429, `{"message":"Too Many Attempts."}`, "Retry-After", "17", "X-RateLimit-Limit", "120")
	reply("GetCustomer", 451, `{"message":"Unavailable For Legal Reasons"}`)
	reply("GetCustomer", 418, `{"message":"Refused by policy."}`)
	reply("GetCustomer", 500, `{"message":"Server Error"}`)
	reply("GetCustomer", 503, `{"message":"Service Unavailable"}`, "Retry-After", "120")
	reply("GetCustomer", 504, page)
	reply("CreateCustomer", 502, page)
	reply("CreateCustomer", 200, page)
	add(FromReply(sampleCall("ListCustomers"), Reply{StatusCode: 200, TooLarge: true}))
	reply("GetCustomer", 200, `{"error":{"status":404,"message":"Customer is archived."}}`)
	reply("GetCustomer", 302, page)

	add(FromNoReply(sampleCall("CreateCustomer"), NoReply{Failure: Unreachable}))
	add(FromNoReply(sampleCall("GetCustomer"), NoReply{Failure: Untrusted}))
	add(FromNoReply(sampleCall("GetCustomer"), NoReply{Failure: ConnectionLost, Sent: true}))
	add(FromNoReply(sampleCall("CreateCustomer"), NoReply{Sent: true, Caller: context.DeadlineExceeded}))
	add(FromNoReply(sampleCall("GetCustomer"), NoReply{Sent: true, Caller: context.Canceled}))

	for _, reason := range []pelcrov1.ErrorReason{
		pelcrov1.ErrorReason_GATEWAY_UNAUTHENTICATED,
		pelcrov1.ErrorReason_GATEWAY_PERMISSION_DENIED,
		pelcrov1.ErrorReason_GATEWAY_UNKNOWN_METHOD,
		pelcrov1.ErrorReason_GATEWAY_OVERLOADED,
		pelcrov1.ErrorReason_GATEWAY_CIRCUIT_OPEN,
		pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN,
		pelcrov1.ErrorReason_GATEWAY_INTERNAL_ERROR,
		pelcrov1.ErrorReason_GATEWAY_UNKNOWN_SERVICE,
	} {
		call := sampleCall("GetCustomer")
		switch reason {
		case pelcrov1.ErrorReason_GATEWAY_UNKNOWN_METHOD:
			call.Operation = Operation{Name: "FrobnicateCustomer"}
		case pelcrov1.ErrorReason_GATEWAY_UNKNOWN_SERVICE:
			call.Operation = Operation{Name: "Check"}
		}
		add(Refuse(call, Refusal{Reason: reason}))
	}
	add(Refuse(sampleCall("UpdateCustomer"), Refusal{
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
		Operation:  operation,
		Credential: CredentialGateway,
		Remaining:  30 * time.Second,
		RequestID:  "7f3c2a90d1e84b65",
	}
	if operation.Kind != Create && name != "ListCustomers" {
		call.ResourceID = "42"
	}
	return call
}
