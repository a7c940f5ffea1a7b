package mapping_test

import (
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // as the program does
	m.Run()
}

// bodies are all the shapes that a response's body may have.
var bodies = map[string]string{
	"none":               "",
	"blank":              " \r\n",
	"html":               "<!DOCTYPE html><html><body><h1>Secret page</h1></body></html>",
	"field errors":       `{"errors":{"email":["The email field is required."],"phone":["Nope."]}}`,
	"laravel":            `{"message":"The given data was invalid.","errors":{"email":["The email field is required."]}}`,
	"no field errors":    `{"errors":[]}`,
	"errors as text":     `{"errors":"No."}`,
	"message":            `{"message":"Customer not found."}`,
	"missing route":      `{"message":"The route api/v1/core/nothing could not be found."}`,
	"error object":       `{"error":{"status":401,"message":"Invalid or expired token"}}`,
	"error text":         `{"error":"invalid_client","error_description":"no"}`,
	"data":               `{"data":{"id":42}}`,
	"data and errors":    `{"data":{"id":42},"errors":{"email":["x"]},"error":{"message":"x"}}`,
	"data null":          `{"data":null}`,
	"debug":              `{"message":"Secret","exception":"RuntimeException","file":"/var/www/a.php","line":1,"trace":[]}`,
	"empty object":       `{}`,
	"list":               `[{"message":"x"}]`,
	"text":               "Bad Gateway",
	"garbage":            "\x00\xff\xfe\x80garbage",
	"truncated json":     `{"errors":{"email":["The email fie`,
	"json and then some": `{"data":{"id":42}}{"data":{"id":43}}`,
}

// everyStatus is every status of HTTP and some that are none.
func everyStatus(yield func(int) bool) {
	for _, status := range []int{-1, 0, 99} {
		if !yield(status) {
			return
		}
	}
	for status := 100; status <= 600; status++ {
		if !yield(status) {
			return
		}
	}
	yield(999)
}

// commonStatuses are all of 4xx and 5xx, and of the rest those with a name and the first and last of
// each class.
func commonStatuses(yield func(int) bool) {
	for status := range everyStatus {
		isError := 400 <= status && status <= 599
		isBorder := status%100 == 99 || status%100 == 0 || status < 100
		if (isError || isBorder || http.StatusText(status) != "") && !yield(status) {
			return
		}
	}
}

// TestEveryResponseIsCoded has every status for a read and for a create, and to save time only the
// common ones for the other RPCs.
func TestEveryResponseIsCoded(t *testing.T) {
	t.Parallel()
	names := slices.Sorted(maps.Keys(bodies))
	for _, operation := range mapping.CustomerOperations() {
		t.Run(operation.Name, func(t *testing.T) {
			t.Parallel()
			call := callOf(t, operation.Name)
			statuses := commonStatuses
			if operation.Name == "GetCustomer" || operation.Name == "CreateCustomer" {
				statuses = everyStatus
			}
			for status := range statuses {
				for _, name := range names {
					response := jsonResponse(status, bodies[name])
					result := mapping.FromResponse(call, response)
					checkResponse(t, status, result)
					if t.Failed() {
						t.Fatalf("HTTP %d with the body %q", status, name)
					}
				}
				response := jsonResponse(status, bodies["field errors"])
				response.BodyIncomplete = true
				result := mapping.FromResponse(call, response)
				checkResponse(t, status, result)
				if result.OK() || detailsOf(t, result.Status()).badRequest != nil {
					t.Fatalf("HTTP %d with an incomplete body: %v", status, result.Status())
				}
			}
		})
	}
}

// checkResponse checks what is promised of the code by the class of the status.
func checkResponse(t testing.TB, status int, result mapping.Result) {
	t.Helper()
	d := checkPromises(t, result)
	switch code := result.Code(); {
	case result.OK():
		if status < 200 || status > 299 {
			t.Errorf("success")
		}
	case d.info.GetMetadata()["outcome"] == "notSent":
		t.Errorf("not sent, but there is a response")
	case status >= 400 && status <= 499:
		if code == codes.Unavailable && !slices.Contains([]int{408, 421, 425, 499}, status) {
			t.Errorf("4xx is %v", code)
		}
	case status >= 500 && status <= 599:
		if code != codes.Internal && code != codes.Unavailable {
			t.Errorf("5xx is %v", code)
		}
		if text := d.info.GetMetadata()["upstreamMessage"]; text != "" || d.badRequest != nil {
			t.Errorf("5xx shows %q, %v", text, d.badRequest)
		}
	case status < 200 || status > 299:
		if code != codes.Internal {
			t.Errorf("neither success nor failure is %v", code)
		}
	}
}

func TestSuccess(t *testing.T) {
	for _, test := range []struct {
		name, operation string
		response        mapping.Response
		ok              bool
	}{
		{"get", "GetCustomer", jsonResponse(200, `{"data":{"id":42}}`), true},
		{"get with another 2xx", "GetCustomer", jsonResponse(203, `{"data":{"id":42}}`), true},
		{"list", "ListCustomers", jsonResponse(200, `{"data":[],"links":{},"meta":{}}`), true},
		{"create", "CreateCustomer", jsonResponse(201, `{"data":{"id":42}}`), true},
		{"update", "UpdateCustomer", jsonResponse(200, `{"data":{"id":42},"error":null,"errors":[]}`), true},
		{"update with data and errors", "UpdateCustomer", jsonResponse(200, bodies["data and errors"]), true},
		{"update with errors and data that is not usable", "UpdateCustomer", mapping.Response{
			StatusCode: 200, Body: []byte(bodies["data and errors"]), Unusable: true,
		}, false},
		{"list, empty", "ListCustomers", jsonResponse(200, `{"data":[]}`), true},
		{"list, empty object", "ListCustomers", jsonResponse(200, `{"data":{}}`), true},
		{"list, empty text", "ListCustomers", jsonResponse(200, `{"data":""}`), false},
		{"list, empty with an error", "ListCustomers", jsonResponse(200, `{"data":[],"success":false}`), false},
		{"get, empty data", "GetCustomer", jsonResponse(200, `{"data":[]}`), false},
		{"delete, 204", "DeleteCustomer", mapping.Response{StatusCode: 204}, true},
		{"delete, empty 200", "DeleteCustomer", mapping.Response{StatusCode: 200}, true},
		{"delete, object", "DeleteCustomer", jsonResponse(200, `{"status":200,"message":"Deleted"}`), true},
		{"delete, null", "DeleteCustomer", jsonResponse(200, `null`), true},
		{"delete, true", "DeleteCustomer", jsonResponse(200, `true`), true},
		{"delete, 1", "DeleteCustomer", jsonResponse(200, `1`), true},
		{"delete, false", "DeleteCustomer", jsonResponse(200, `false`), false},
		{"delete, 0", "DeleteCustomer", jsonResponse(200, `0`), false},
		{"delete, challenge of AWS", "DeleteCustomer", mapping.Response{StatusCode: 202, Header: http.Header{"X-Amzn-Waf-Action": {"challenge"}}}, false},
		{"delete, challenge of Cloudflare", "DeleteCustomer", mapping.Response{StatusCode: 200, Header: http.Header{"Cf-Mitigated": {"challenge"}}}, false},
		{"delete, status 404 in the body", "DeleteCustomer", jsonResponse(200, `{"status":"404"}`), false},
		{"delete, deleted false", "DeleteCustomer", jsonResponse(200, `{"data":{"id":42},"deleted":false}`), false},
		{"delete, null error", "DeleteCustomer", jsonResponse(200, `{"error":null}`), true},
		{"sent as text/html", "GetCustomer", mapping.Response{
			StatusCode: 200,
			Header:     http.Header{"Content-Type": {"text/html"}},
			Body:       []byte(`{"data":{"id":42}}`),
		}, true},
		{"delete, incomplete", "DeleteCustomer", mapping.Response{StatusCode: 200, BodyIncomplete: true}, false},
		{"delete, empty list", "DeleteCustomer", jsonResponse(200, `[]`), true},
		{"delete, a page", "DeleteCustomer", jsonResponse(200, bodies["html"]), false},
		{"get, 204", "GetCustomer", mapping.Response{StatusCode: 204}, false},
		{"get, data not usable", "GetCustomer", mapping.Response{StatusCode: 200, Body: []byte(`{"data":7}`), Unusable: true}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			result := mapping.FromResponse(callOf(t, test.operation), test.response)
			checkPromises(t, result)
			if result.OK() != test.ok {
				t.Errorf("OK is %v: %v", result.OK(), result.Status())
			}
		})
	}
}

// TestEvidence has successes whose data only looks like errors, or the other way round.
func TestEvidence(t *testing.T) {
	for _, test := range []struct {
		name, operation string
		response        mapping.Response
		reason, outcome string
	}{
		{"a failure beside the request's values", "CreateCustomer", mapping.Response{StatusCode: 200, Unusable: true,
			Body: []byte(`{"status":"error","message":"Mail failed.","data":{"email":"ada@example.com","first_name":"Ada"}}`)},
			"PELCRO_ERROR_IN_SUCCESS", "unknown"},
		{"a failure beside metadata", "CreateCustomer", mapping.Response{StatusCode: 200, Unusable: true,
			Body: []byte(`{"success":false,"data":{"email":"ada@example.com","metadata":{"a":["b"]}}}`)},
			"PELCRO_ERROR_IN_SUCCESS", "unknown"},
		{"JSend's fail", "CreateCustomer", mapping.Response{StatusCode: 200, Unusable: true,
			Body: []byte(`{"status":"fail","data":{"email":"The email is required."}}`)},
			"PELCRO_VALIDATION_FAILED", "rejected"},
		{"a message of PHP that holds JSON", "DeleteCustomer", jsonResponse(200, "Warning: deletion failed: []"),
			"PELCRO_MALFORMED_RESPONSE", ""},
		{"a cut success after a message of PHP", "DeleteCustomer", jsonResponse(200, "Warning: x\n{\"success\":false,\"data\":{\"id\":42}"),
			"PELCRO_MALFORMED_RESPONSE", ""},
		{"a list without usable data", "ListCustomers", mapping.Response{StatusCode: 200, Unusable: true,
			Body: []byte(`{"errors":{"email":["A"]},"data":[{"email":"x"}]}`)},
			"PELCRO_MALFORMED_RESPONSE", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			result := mapping.FromResponse(callOf(t, test.operation), test.response)
			d := checkPromises(t, result)
			if d.info.GetReason() != test.reason || d.info.GetMetadata()["outcome"] != test.outcome {
				t.Errorf("%s, outcome %q", d.info.GetReason(), d.info.GetMetadata()["outcome"])
			}
			if got := everyText(t, result); strings.Contains(got, "Ada") || strings.Contains(got, "ada@") {
				t.Errorf("a value of the request is shown: %s", got)
			}
		})
	}
}

// TestNotFoundTexts: under 404, errors about the customer's id are not about a field.
func TestNotFoundTexts(t *testing.T) {
	for _, body := range []string{
		`{"errors":{"customer":["Customer not found."]}}`,
		`{"errors":[{"status":"404","detail":"Customer not found.","source":{"pointer":"/data/id"}}]}`,
		`{"errors":[{"detail":"Customer not found.","source":{"parameter":"id"}}]}`,
		`{"errors":[{"field":"customer_id","message":"Customer not found."}]}`,
		`{"message":{"id":["Customer not found."]}}`,
		`{"error":{"user_id":["Customer not found."]}}`,
	} {
		for _, operation := range []string{"GetCustomer", "UpdateCustomer", "DeleteCustomer"} {
			result := mapping.FromResponse(callOf(t, operation), jsonResponse(404, body))
			checkOutcome(t, operation+" "+body, result, "NOT_FOUND", "PELCRO_NOT_FOUND")
			if got := result.Status().Message(); !strings.HasSuffix(got, ": Customer not found.") {
				t.Errorf("%s: %q", body, got)
			}
		}
	}
	for _, operation := range []string{"GetCustomer", "DeleteCustomer"} {
		result := mapping.FromResponse(callOf(t, operation), jsonResponse(404, `{"errors":{"password":["Wrong password."]}}`))
		checkOutcome(t, operation, result, "NOT_FOUND", "PELCRO_NOT_FOUND")
	}
}

// TestReadingIsLinear: the largest body of the costliest kind is read in a moment. Without a bound it
// took two minutes.
func TestReadingIsLinear(t *testing.T) {
	for _, frame := range []string{`{"errors":{%s}}`, `{"error":{%s}}`, `{%s}`, `{"errors":[{%s}]}`} {
		members := strings.Repeat(`"title":0,`, (mapping.MaxErrorBody-100)/len(`"title":0,`)) + `"title":0`
		done := make(chan struct{})
		go func() {
			defer close(done)
			mapping.FromResponse(callOf(t, "CreateCustomer"), jsonResponse(422, strings.Replace(frame, "%s", members, 1)))
		}()
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			t.Fatalf("%s: not read within 30 seconds", frame)
		}
	}
}
