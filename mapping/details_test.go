package mapping_test

import (
	"bytes"
	"maps"
	"strings"
	"testing"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
	"github.com/pelcro-grpc/pelcro-grpc/test/vectors"
)

func TestMetadata(t *testing.T) {
	caller := func(call mapping.Call) mapping.Call {
		call.CallerKey = true
		return call
	}
	for _, test := range []struct {
		name   string
		result mapping.Result
		want   map[string]string
	}{
		{"401", mapping.FromResponse(callOf(t, "GetCustomer"), jsonResponse(401, `{"message":"Unauthenticated."}`)), map[string]string{
			"httpStatus": "401", "operation": "GetCustomer", "origin": "pelcro", "upstreamMessage": "Unauthenticated.", "credential": "gateway",
		}},
		{"401 to the caller's key", mapping.FromResponse(caller(callOf(t, "GetCustomer")), jsonResponse(401, message)), map[string]string{
			"httpStatus": "401", "operation": "GetCustomer", "origin": "pelcro", "upstreamMessage": "Some text.", "credential": "caller",
		}},
		{"403 to the caller's key", mapping.FromResponse(caller(callOf(t, "GetCustomer")), jsonResponse(403, message)), map[string]string{
			"httpStatus": "403", "operation": "GetCustomer", "origin": "pelcro", "upstreamMessage": "Some text.", "credential": "caller",
		}},
		{"401 of an intermediary", mapping.FromResponse(callOf(t, "GetCustomer"), jsonResponse(401, "{}")), map[string]string{
			"httpStatus": "401", "operation": "GetCustomer", "origin": "intermediary",
		}},
		{"404", mapping.FromResponse(callOf(t, "DeleteCustomer"), jsonResponse(404, `{"message":"Not found."}`)), map[string]string{
			"httpStatus": "404", "operation": "DeleteCustomer", "origin": "pelcro", "upstreamMessage": "Not found.",
		}},
		{"400 with field errors", mapping.FromResponse(callOf(t, "CreateCustomer"), jsonResponse(400, fieldErrors)), map[string]string{
			"httpStatus": "400", "operation": "CreateCustomer", "origin": "pelcro", "outcome": "rejected", "upstreamMessage": "The email field is required.",
		}},
		{"500", mapping.FromResponse(callOf(t, "CreateCustomer"), jsonResponse(500, message)), map[string]string{
			"httpStatus": "500", "operation": "CreateCustomer", "origin": "pelcro", "outcome": "unknown",
		}},
		{"a page", mapping.FromResponse(callOf(t, "ListCustomers"), jsonResponse(200, page)), map[string]string{
			"httpStatus": "200", "operation": "ListCustomers", "origin": "intermediary", "contentType": "application/json",
		}},
		{"no response", mapping.FromNoResponse(callOf(t, "GetCustomer"), mapping.NoResponse{Sent: true}), map[string]string{
			"operation": "GetCustomer",
		}},
		{"local", mapping.FromLocalError(callOf(t, "GetCustomer"), mapping.LocalError{Reason: pelcrov1.ErrorReason_GATEWAY_CIRCUIT_OPEN}), map[string]string{
			"operation": "GetCustomer", "outcome": "notSent",
		}},
		{"local, no operation", mapping.FromLocalError(mapping.Call{}, mapping.LocalError{Reason: pelcrov1.ErrorReason_GATEWAY_UNKNOWN_METHOD}), map[string]string{
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
		response  mapping.Response
		want      string
	}{
		{"GetCustomer", jsonResponse(404, ""), "The response did not come from the Pelcro API (HTTP 404)"},
		{"GetCustomer", jsonResponse(410, message), "The customer does not exist or is not accessible (HTTP 410): Some text."},
		{"CreateCustomer", jsonResponse(400, fieldErrors), "Pelcro rejected fields of the request (HTTP 400): customer.email: The email field is required."},
		{"CreateCustomer", jsonResponse(400, two), "Pelcro rejected fields of the request (HTTP 400): customer.email: The email field is required. (+2 more)"},
		{"UpdateCustomer", jsonResponse(405, message), "The RPC exists, but Pelcro rejected its HTTP method (HTTP 405): Some text."},
		{"UpdateCustomer", jsonResponse(405, page), "The response did not come from the Pelcro API (HTTP 405)"},
		{"GetCustomer", jsonResponse(500, message), "Pelcro failed (HTTP 500)"},
		{"GetCustomer", jsonResponse(404, `{"message":"The route api/v1/core/x could not be found."}`), "Pelcro has no route for this request; the base URL may be wrong (HTTP 404): The route [path] could not be found."},
	} {
		if got := mapping.FromResponse(callOf(t, test.operation), test.response).Status().Message(); got != test.want {
			t.Errorf("message %q, want %q", got, test.want)
		}
	}
	long := mapping.FromResponse(callOf(t, "CreateCustomer"), jsonResponse(400, manyErrors(t, 2, strings.Repeat("д", 300))))
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
		response := jsonResponse(test.status, "")
		response.Header.Set("X-RateLimit-Limit", test.limit)
		d := checkPromises(t, mapping.FromResponse(callOf(t, "CreateCustomer"), response))
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
		d := checkPromises(t, mapping.FromResponse(callOf(t, "UpdateCustomer"), jsonResponse(status, message)))
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
		response            mapping.Response
		want                string
	}{
		{"get", "GetCustomer", "42", jsonResponse(404, message), "42"},
		{"update", "UpdateCustomer", "42", jsonResponse(410, message), "42"},
		{"update, an intermediary", "UpdateCustomer", "42", jsonResponse(410, ""), ""},
		{"delete", "DeleteCustomer", "42", jsonResponse(404, message), "42"},
		{"no id", "ListCustomers", "", jsonResponse(404, ""), ""},
		{"no route", "GetCustomer", "42", jsonResponse(404, page), ""},
		{"field errors", "UpdateCustomer", "42", jsonResponse(404, fieldErrors), ""},
		{"texts that are not about a field of the request", "GetCustomer", "42", jsonResponse(404, fieldErrors), "42"},
		{"another error", "GetCustomer", "42", jsonResponse(403, ""), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			call := callOf(t, test.operation)
			call.ResourceID = test.id
			d := checkPromises(t, mapping.FromResponse(call, test.response))
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
			"response":    mapping.FromResponse(call, jsonResponse(500, "")),
			"no response": mapping.FromNoResponse(call, mapping.NoResponse{}),
			"local":       mapping.FromLocalError(call, mapping.LocalError{}),
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
		for range 10 {
			raw := bytesOf(t, mapping.FromResponse(callOf(t, v.Operation), responseOf(v)))
			if first == nil {
				first = raw
			}
			if !bytes.Equal(raw, first) {
				t.Fatalf("%s: different bytes", v.Name)
			}
		}
	}
}

// TestErrorsShareNothing: no error changes when later ones are made.
func TestErrorsShareNothing(t *testing.T) {
	var results []mapping.Result
	var want [][]byte
	for _, v := range vectors.Read(t, vectorFiles) {
		result := mapping.FromResponse(callOf(t, v.Operation), responseOf(v))
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
	result := mapping.FromResponse(call, jsonResponse(500, ""))
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
