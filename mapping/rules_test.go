package mapping_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

const (
	fieldErrors = `{"errors":{"email":["The email field is required."]}}`
	message     = `{"message":"Some text."}`
	page        = `<html><body>Some page</body></html>`
)

// TestRules spells the table out a second time, in the words of its readers, so
// that a slip in rules.go cannot confirm itself.
func TestRules(t *testing.T) {
	for _, row := range []struct {
		name       string
		operations []string // none: all of them
		statuses   []int
		bodies     []string
		code       string
		reason     string
	}{
		{
			name:     "2xx with field errors",
			statuses: []int{200, 201, 202, 299},
			bodies:   []string{fieldErrors, `{"errors":{"email":["x"]},"data":null}`},
			code:     "INVALID_ARGUMENT", reason: "PELCRO_VALIDATION_FAILED",
		},
		{
			name:     "2xx with error",
			statuses: []int{200, 201, 202, 299},
			bodies: []string{`{"error":{"message":"x"}}`, `{"error":"x"}`, `{"error":true,"data":null}`, `{"data":[],"error":{"message":"x"}}`,
				`{"success":false}`, `{"ok":false,"data":{}}`, `{"deleted":false}`, `{"result":false}`, `{"result":"Failure"}`,
				`{"status":"error","data":""}`, `{"status":422}`, `{"code":"404"}`, `{"errors":["x"]}`, `{"errors":"x"}`, `{"errorMessage":"x"}`},
			code: "UNKNOWN", reason: "PELCRO_ERROR_IN_SUCCESS",
		},
		{
			name:       "2xx on Delete",
			operations: []string{"DeleteCustomer"},
			statuses:   []int{200, 202, 204},
			bodies: []string{"", "{}", message, `{"data":{"id":42}}`, `{"errors":[],"error":null}`, `[]`, `null`, `true`, `1`,
				`{"error":false}`, `{"error":0,"errors":{}}`, `{"error":"","status":"ok","code":200}`},
			code: "OK",
		},
		{
			name:       "invalid 2xx on Delete",
			operations: []string{"DeleteCustomer"},
			statuses:   []int{200, 202},
			bodies:     []string{page, `[1]`, `"done"`, `{"data":`, "done", "false", "0"},
			code:       "INTERNAL", reason: "PELCRO_MALFORMED_RESPONSE",
		},
		{
			name:       "invalid 2xx",
			operations: []string{"GetCustomer", "ListCustomers", "CreateCustomer", "UpdateCustomer"},
			statuses:   []int{200, 201, 204, 226},
			bodies:     []string{"", page, "{}", message, `{"data":null}`, `{"data":`, `[]`, "done", `{"errors":[]}`, `{"data":""}`},
			code:       "INTERNAL", reason: "PELCRO_MALFORMED_RESPONSE",
		},
		{
			name:       "2xx",
			operations: []string{"GetCustomer", "ListCustomers", "CreateCustomer", "UpdateCustomer"},
			statuses:   []int{200, 201, 202, 203, 206, 299},
			bodies:     []string{`{"data":{"id":42}}`, `{"data":{"id":42},"error":{"message":"x"}}`, "\ufeff{\"data\":{\"id\":1}}"},
			code:       "OK",
		},
		{
			name:     "3xx",
			statuses: []int{300, 301, 302, 303, 304, 307, 308, 399},
			bodies:   []string{"", page, message, fieldErrors, `{"data":{"id":42}}`},
			code:     "INTERNAL", reason: "PELCRO_REDIRECT",
		},
		{
			name:     "400, 422 with field errors",
			statuses: []int{400, 422},
			bodies:   []string{fieldErrors, `{"message":"The route x","errors":{"email":"x"}}`},
			code:     "INVALID_ARGUMENT", reason: "PELCRO_VALIDATION_FAILED",
		},
		{
			name:       "404 with field errors",
			operations: []string{"ListCustomers", "CreateCustomer", "UpdateCustomer"},
			statuses:   []int{404},
			bodies:     []string{fieldErrors, `{"message":"The route x","errors":{"email":"x"}}`},
			code:       "INVALID_ARGUMENT", reason: "PELCRO_VALIDATION_FAILED",
		},
		{
			name:     "400, 422",
			statuses: []int{400, 422},
			bodies:   []string{"", page, message, `{"errors":[]}`, `{"errors":{}}`, `{"errors":["x"]}`, `{"errors":`},
			code:     "INVALID_ARGUMENT", reason: "PELCRO_BAD_REQUEST",
		},
		{
			name:     "401",
			statuses: []int{401},
			code:     "UNAUTHENTICATED", reason: "PELCRO_UNAUTHENTICATED",
		},
		{
			name:     "402",
			statuses: []int{402},
			code:     "FAILED_PRECONDITION", reason: "PELCRO_PAYMENT_REQUIRED",
		},
		{
			name:     "403",
			statuses: []int{403},
			code:     "PERMISSION_DENIED", reason: "PELCRO_PERMISSION_DENIED",
		},
		{
			name:     "404 of no route",
			statuses: []int{404},
			bodies: []string{page, `{"message":"The route api/v1/x could not be found."}`, "  \n<!doctype html>", "", "404 page not found", `{}`,
				`{"message":"no Route matched with those values"}`, `[]`},
			code: "NOT_FOUND", reason: "PELCRO_ROUTE_NOT_FOUND",
		},
		{
			name:     "404",
			statuses: []int{404},
			bodies:   []string{message, `{"message":""}`, `{"error":{"message":"Card declined"}}`, `{"errors":{}}`, `{"message":"cut`},
			code:     "NOT_FOUND", reason: "PELCRO_NOT_FOUND",
		},
		{
			name:     "410",
			statuses: []int{410},
			code:     "NOT_FOUND", reason: "PELCRO_NOT_FOUND",
		},
		{
			name:     "405",
			statuses: []int{405},
			code:     "UNIMPLEMENTED", reason: "PELCRO_METHOD_NOT_ALLOWED",
		},
		{
			name:     "our request at fault",
			statuses: []int{406, 407, 411, 415, 417, 419, 426, 431},
			code:     "INTERNAL", reason: "PELCRO_PROTOCOL_ERROR",
		},
		{
			name:       "a proxy stopped waiting for a create",
			operations: []string{"CreateCustomer"},
			statuses:   []int{408, 499, 502, 503, 504, 509, 511, 520, 522, 524, 527, 529, 598, 599},
			code:       "INTERNAL", reason: "PELCRO_OUTCOME_UNKNOWN",
		},
		{
			name:       "a proxy stopped waiting",
			operations: []string{"GetCustomer", "ListCustomers", "UpdateCustomer", "DeleteCustomer"},
			statuses:   []int{408, 504, 522, 524, 598},
			code:       "UNAVAILABLE", reason: "PELCRO_TIMEOUT",
		},
		{
			name:     "409 of an intermediary",
			statuses: []int{409},
			bodies:   []string{"", page, "error code: 1001", `{"data":{"id":42}}`},
			code:     "FAILED_PRECONDITION", reason: "PELCRO_REQUEST_REFUSED",
		},
		{
			name:       "409 on Create",
			operations: []string{"CreateCustomer"},
			statuses:   []int{409},
			bodies:     []string{message, fieldErrors},
			code:       "ALREADY_EXISTS", reason: "PELCRO_ALREADY_EXISTS",
		},
		{
			name:       "409",
			operations: []string{"GetCustomer", "ListCustomers", "UpdateCustomer", "DeleteCustomer"},
			statuses:   []int{409},
			bodies:     []string{message, fieldErrors},
			code:       "ABORTED", reason: "PELCRO_CONFLICT",
		},
		{
			name:     "preconditions",
			statuses: []int{412, 423, 424, 428},
			code:     "FAILED_PRECONDITION", reason: "PELCRO_PRECONDITION_FAILED",
		},
		{
			name:     "request too large",
			statuses: []int{413, 414},
			code:     "INVALID_ARGUMENT", reason: "PELCRO_REQUEST_TOO_LARGE",
		},
		{
			name:     "416",
			statuses: []int{416},
			code:     "OUT_OF_RANGE", reason: "PELCRO_OUT_OF_RANGE",
		},
		{
			name:     "429",
			statuses: []int{429},
			code:     "RESOURCE_EXHAUSTED", reason: "PELCRO_RATE_LIMITED",
		},
		{
			name:     "451",
			statuses: []int{451},
			code:     "PERMISSION_DENIED", reason: "PELCRO_BLOCKED_FOR_LEGAL_REASONS",
		},
		{
			name:     "not available now",
			statuses: []int{421, 425, 521, 523, 525, 526, 530},
			code:     "UNAVAILABLE", reason: "PELCRO_UNAVAILABLE",
		},
		{
			name:       "not available now, but perhaps created",
			operations: []string{"GetCustomer", "ListCustomers", "UpdateCustomer", "DeleteCustomer"},
			statuses:   []int{499, 502, 503, 509, 511, 520, 527, 529, 599},
			code:       "UNAVAILABLE", reason: "PELCRO_UNAVAILABLE",
		},
		{
			name:     "other 4xx",
			statuses: []int{418, 420, 427, 430, 440, 444, 450, 460, 494, 498},
			code:     "FAILED_PRECONDITION", reason: "PELCRO_REQUEST_REFUSED",
		},
		{
			name:     "500 and other 5xx",
			statuses: []int{500, 501, 505, 506, 507, 508, 510, 512, 519, 528, 531, 540, 561, 597},
			code:     "INTERNAL", reason: "PELCRO_INTERNAL_ERROR",
		},
		{
			name:     "not HTTP",
			statuses: []int{-200, 0, 1, 99, 100, 101, 199, 600, 999, 2000},
			bodies:   []string{"", page, fieldErrors, `{"data":{"id":42}}`},
			code:     "INTERNAL", reason: "PELCRO_MALFORMED_RESPONSE",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.operations == nil {
				row.operations = []string{"GetCustomer", "ListCustomers", "CreateCustomer", "UpdateCustomer", "DeleteCustomer"}
			}
			if row.bodies == nil {
				row.bodies = []string{"", page, message, fieldErrors, `{"errors":{"email"`, `{"data":{"id":42}}`}
			}
			for _, operation := range row.operations {
				for _, status := range row.statuses {
					for _, body := range row.bodies {
						if status == 404 && body == fieldErrors && row.reason != "PELCRO_VALIDATION_FAILED" {
							continue // a row of its own
						}
						result := mapping.FromResponse(callOf(t, operation), jsonResponse(status, body))
						checkOutcome(t, fmt.Sprintf("%s, HTTP %d, %q", operation, status, body), result, row.code, row.reason)
					}
				}
			}
		})
	}
}

func TestTooLargeSuccess(t *testing.T) {
	for _, operation := range mapping.CustomerOperations() {
		for _, status := range []int{200, 201, 299} {
			result := mapping.FromResponse(callOf(t, operation.Name), mapping.Response{StatusCode: status, TooLarge: true, BodyIncomplete: true})
			checkOutcome(t, operation.Name, result, "INTERNAL", "PELCRO_RESPONSE_TOO_LARGE")
		}
		result := mapping.FromResponse(callOf(t, operation.Name), mapping.Response{StatusCode: 403, TooLarge: true})
		checkOutcome(t, operation.Name+", an error", result, "PERMISSION_DENIED", "PELCRO_PERMISSION_DENIED")
	}
}

// TestBodyNeverReplacesStatus has a body that cannot be read where a readable
// one would have changed the reason.
func TestBodyNeverReplacesStatus(t *testing.T) {
	for _, row := range []struct {
		status       int
		code, reason string
		intermediary string // the reason of a body that does not even begin like Pelcro's
	}{
		{400, "INVALID_ARGUMENT", "PELCRO_BAD_REQUEST", "PELCRO_BAD_REQUEST"},
		{404, "NOT_FOUND", "PELCRO_NOT_FOUND", "PELCRO_ROUTE_NOT_FOUND"},
		{422, "INVALID_ARGUMENT", "PELCRO_BAD_REQUEST", "PELCRO_BAD_REQUEST"},
		{500, "INTERNAL", "PELCRO_INTERNAL_ERROR", "PELCRO_INTERNAL_ERROR"},
		{503, "UNAVAILABLE", "PELCRO_UNAVAILABLE", "PELCRO_UNAVAILABLE"},
	} {
		huge := jsonResponse(row.status, fieldErrors+strings.Repeat(" ", mapping.MaxErrorBody))
		incomplete := jsonResponse(row.status, fieldErrors)
		incomplete.BodyIncomplete = true
		for name, response := range map[string]mapping.Response{
			"truncated":  jsonResponse(row.status, fieldErrors[:30]),
			"unreadable": jsonResponse(row.status, "\x1f\x8b\x08\x00\xff"),
			"huge":       huge,
			"incomplete": incomplete,
		} {
			reason := row.reason
			if name == "unreadable" {
				reason = row.intermediary
			}
			result := mapping.FromResponse(callOf(t, "GetCustomer"), response)
			name = fmt.Sprintf("HTTP %d, %s", row.status, name)
			checkOutcome(t, name, result, row.code, reason)
			if d := detailsOf(t, result.Status()); d.badRequest != nil || d.info.GetMetadata()["upstreamMessage"] != "" {
				t.Errorf("%s: %v", name, result.Status())
			}
		}
	}
}

// checkOutcome checks code and reason, and all that holds of every error.
func checkOutcome(t *testing.T, name string, result mapping.Result, code, reason string) {
	t.Helper()
	d := checkPromises(t, result)
	if got := codeName(result.Code()); got != code || d.info.GetReason() != reason {
		t.Errorf("%s: %s %s, want %s %s", name, got, d.info.GetReason(), code, reason)
	}
}
