package mapping_test

import (
	"bytes"
	"maps"
	"strings"
	"testing"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/vectors"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

func TestMetadata(t *testing.T) {
	caller := func(call mapping.Call) mapping.Call {
		call.Credential = mapping.CredentialCaller
		return call
	}
	for _, test := range []struct {
		name   string
		result mapping.Result
		want   map[string]string
	}{
		{"401", mapping.FromReply(callOf(t, "GetCustomer"), jsonReply(401, `{"message":"Unauthenticated."}`)), map[string]string{
			"httpStatus": "401", "operation": "GetCustomer", "origin": "pelcro", "upstreamMessage": "Unauthenticated.", "credential": "gateway",
		}},
		{"401 to the caller's key", mapping.FromReply(caller(callOf(t, "GetCustomer")), jsonReply(401, message)), map[string]string{
			"httpStatus": "401", "operation": "GetCustomer", "origin": "pelcro", "upstreamMessage": "Some text.", "credential": "caller",
		}},
		{"403 to the caller's key", mapping.FromReply(caller(callOf(t, "GetCustomer")), jsonReply(403, message)), map[string]string{
			"httpStatus": "403", "operation": "GetCustomer", "origin": "pelcro", "upstreamMessage": "Some text.", "credential": "caller",
		}},
		{"401 of an intermediary", mapping.FromReply(callOf(t, "GetCustomer"), jsonReply(401, "{}")), map[string]string{
			"httpStatus": "401", "operation": "GetCustomer", "origin": "intermediary",
		}},
		{"404", mapping.FromReply(callOf(t, "DeleteCustomer"), jsonReply(404, `{"message":"Not found."}`)), map[string]string{
			"httpStatus": "404", "operation": "DeleteCustomer", "origin": "pelcro", "upstreamMessage": "Not found.",
		}},
		{"400 with field errors", mapping.FromReply(callOf(t, "CreateCustomer"), jsonReply(400, fieldErrors)), map[string]string{
			"httpStatus": "400", "operation": "CreateCustomer", "origin": "pelcro", "outcome": "rejected", "upstreamMessage": "The email field is required.",
		}},
		{"500", mapping.FromReply(callOf(t, "CreateCustomer"), jsonReply(500, message)), map[string]string{
			"httpStatus": "500", "operation": "CreateCustomer", "origin": "pelcro", "outcome": "unknown",
		}},
		{"a page", mapping.FromReply(callOf(t, "ListCustomers"), jsonReply(200, page)), map[string]string{
			"httpStatus": "200", "operation": "ListCustomers", "origin": "intermediary", "contentType": "application/json",
		}},
		{"no reply", mapping.FromNoReply(callOf(t, "GetCustomer"), mapping.NoReply{Sent: true}), map[string]string{
			"operation": "GetCustomer",
		}},
		{"refused", mapping.Refuse(callOf(t, "GetCustomer"), mapping.Refusal{Reason: pelcrov1.ErrorReason_GATEWAY_CIRCUIT_OPEN}), map[string]string{
			"operation": "GetCustomer", "outcome": "notSent",
		}},
		{"refused, no operation", mapping.Refuse(mapping.Call{}, mapping.Refusal{Reason: pelcrov1.ErrorReason_GATEWAY_UNKNOWN_METHOD}), map[string]string{
			"outcome": "notSent",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := checkPromises(t, test.result).info.GetMetadata(); !maps.Equal(got, test.want) {
				t.Errorf("metadata %v, want %v", got, test.want)
			}
		})
	}
}

func TestMessages(t *testing.T) {
	two := `{"errors":{"email":["The email field is required.","B."],"phone":["C."]}}`
	for _, test := range []struct {
		operation string
		reply     mapping.Reply
		want      string
	}{
		{"GetCustomer", jsonReply(404, ""), "The response did not come from the Pelcro API (HTTP 404)"},
		{"GetCustomer", jsonReply(410, message), "The customer does not exist or is not accessible (HTTP 410): Some text."},
		{"CreateCustomer", jsonReply(400, fieldErrors), "Pelcro rejected fields of the request (HTTP 400): customer.email: The email field is required."},
		{"CreateCustomer", jsonReply(400, two), "Pelcro rejected fields of the request (HTTP 400): customer.email: The email field is required. (+2 more)"},
		{"UpdateCustomer", jsonReply(405, message), "The RPC exists, but Pelcro rejected its HTTP method (HTTP 405): Some text."},
		{"UpdateCustomer", jsonReply(405, page), "The response did not come from the Pelcro API (HTTP 405)"},
		{"GetCustomer", jsonReply(500, message), "Pelcro failed (HTTP 500)"},
		{"GetCustomer", jsonReply(404, `{"message":"The route api/v1/core/x could not be found."}`), "The response did not come from the Pelcro API (HTTP 404): The route [path] could not be found."},
	} {
		if got := mapping.FromReply(callOf(t, test.operation), test.reply).Status().Message(); got != test.want {
			t.Errorf("message %q, want %q", got, test.want)
		}
	}
	long := mapping.FromReply(callOf(t, "CreateCustomer"), jsonReply(400, manyErrors(t, 2, strings.Repeat("д", 300))))
	if got := long.Status().Message(); !strings.HasSuffix(got, " (+1 more)") || len(got) < 250 {
		t.Errorf("message %q", got)
	}
}

func TestQuotaFailure(t *testing.T) {
	for _, test := range []struct {
		status int
		limit  string
		want   int64
	}{
		{429, "120", 120},
		{429, "1", 1},
		{429, "0", 0},
		{429, "", 0},
		{429, "-1", 0},
		{429, "many", 0},
		{429, "100;w=60", 0},
		{429, "99999999999", 0},
		{503, "60", 0},
		{200, "60", 0},
	} {
		reply := jsonReply(test.status, "")
		reply.Header.Set("X-RateLimit-Limit", test.limit)
		d := checkPromises(t, mapping.FromReply(callOf(t, "CreateCustomer"), reply))
		if test.want == 0 {
			if d.quota != nil {
				t.Errorf("HTTP %d, %q: %v", test.status, test.limit, d.quota)
			}
			continue
		}
		violations := d.quota.GetViolations()
		if words := violations[0].GetDescription(); !strings.Contains(words, test.limit) {
			t.Errorf("the description %q does not say %s", words, test.limit)
		}
		if len(violations) != 1 || violations[0].GetSubject() != "pelcro-api" || violations[0].GetQuotaValue() != test.want {
			t.Errorf("HTTP %d, %q: %v", test.status, test.limit, d.quota)
		}
	}
}

func TestPreconditionFailure(t *testing.T) {
	for status, want := range map[int]string{
		402: "PAYMENT", 412: "PRECONDITION", 423: "LOCK", 424: "DEPENDENCY", 428: "PRECONDITION", 409: "", 400: "",
	} {
		d := checkPromises(t, mapping.FromReply(callOf(t, "UpdateCustomer"), jsonReply(status, message)))
		got := ""
		for _, v := range d.precondition.GetViolations() {
			got += v.GetType()
		}
		if got != want {
			t.Errorf("HTTP %d: %q, want %q", status, got, want)
		}
	}
}

func TestResourceInfo(t *testing.T) {
	for _, test := range []struct {
		name, operation, id string
		reply               mapping.Reply
		want                string
	}{
		{"get", "GetCustomer", "42", jsonReply(404, message), "42"},
		{"update", "UpdateCustomer", "42", jsonReply(410, message), "42"},
		{"update, an intermediary", "UpdateCustomer", "42", jsonReply(410, ""), ""},
		{"delete", "DeleteCustomer", "42", jsonReply(404, message), "42"},
		{"no id", "ListCustomers", "", jsonReply(404, ""), ""},
		{"no route", "GetCustomer", "42", jsonReply(404, page), ""},
		{"field errors", "UpdateCustomer", "42", jsonReply(404, fieldErrors), ""},
		{"texts that are not about a field of the request", "GetCustomer", "42", jsonReply(404, fieldErrors), "42"},
		{"another error", "GetCustomer", "42", jsonReply(403, ""), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			call := callOf(t, test.operation)
			call.ResourceID = test.id
			d := checkPromises(t, mapping.FromReply(call, test.reply))
			if test.want == "" {
				if d.resource != nil {
					t.Errorf("%v", d.resource)
				}
			} else if d.resource.GetResourceType() != "pelcro.v1.Customer" || d.resource.GetResourceName() != test.want {
				t.Errorf("%v", d.resource)
			}
		})
	}
}

func TestRequestID(t *testing.T) {
	call := callOf(t, "GetCustomer")
	for _, id := range []string{"7f3c2a90d1e84b65", "A.b_c-9", ""} {
		call.RequestID = id
		for name, result := range map[string]mapping.Result{
			"reply":    mapping.FromReply(call, jsonReply(500, "")),
			"no reply": mapping.FromNoReply(call, mapping.NoReply{}),
			"refusal":  mapping.Refuse(call, mapping.Refusal{}),
		} {
			d := checkPromises(t, result)
			if d.request.GetRequestId() != id || (d.request == nil) != (id == "") {
				t.Errorf("%s: RequestInfo %v, want %q", name, d.request, id)
			}
			if got := strings.Join(result.Trailer().Get("x-request-id"), ","); got != id {
				t.Errorf("%s: trailer %q, want %q", name, got, id)
			}
		}
	}
}

// TestSameInputSameBytes guards against the random order of Go's maps, on the
// way in and on the way out.
func TestSameInputSameBytes(t *testing.T) {
	for _, v := range vectors.Read(t, vectorFiles) {
		var first []byte
		for range 50 {
			raw := bytesOf(t, mapping.FromReply(callOf(t, v.Operation), replyOf(v)))
			if first == nil {
				first = raw
			}
			if !bytes.Equal(raw, first) {
				t.Fatalf("%s: different bytes", v.Name)
			}
		}
	}
}

// TestAnswersShareNothing: no answer changes when later ones are made.
func TestAnswersShareNothing(t *testing.T) {
	var results []mapping.Result
	var want [][]byte
	for _, v := range vectors.Read(t, vectorFiles) {
		result := mapping.FromReply(callOf(t, v.Operation), replyOf(v))
		results, want = append(results, result), append(want, bytesOf(t, result))
	}
	for i, result := range results {
		if !bytes.Equal(bytesOf(t, result), want[i]) {
			t.Errorf("%v was another error before", result.Status())
		}
	}
}

// TestTrailersAreTheCallers: adding to one must not change another.
func TestTrailersAreTheCallers(t *testing.T) {
	call := callOf(t, "CreateCustomer")
	result := mapping.FromReply(call, jsonReply(500, ""))
	first := result.Trailer()
	for name := range first {
		first.Append(name, "x")
	}
	checkPromises(t, result)
	for name, values := range first {
		if len(values) != 2 || values[1] != "x" {
			t.Errorf("%s: %q", name, values)
		}
	}
}
