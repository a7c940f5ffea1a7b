package mapping_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
	"github.com/pelcro-grpc/pelcro-grpc/test/vectors"
)

func TestLocalErrors(t *testing.T) {
	for _, test := range []struct {
		reason       pelcrov1.ErrorReason
		code, onWire string
		createSent   string // the reason on a create that may have been sent
	}{
		{pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST, "INVALID_ARGUMENT", "GATEWAY_INVALID_REQUEST", "GATEWAY_INVALID_REQUEST"},
		{pelcrov1.ErrorReason_GATEWAY_UNAUTHENTICATED, "UNAUTHENTICATED", "GATEWAY_UNAUTHENTICATED", "GATEWAY_UNAUTHENTICATED"},
		{pelcrov1.ErrorReason_GATEWAY_PERMISSION_DENIED, "PERMISSION_DENIED", "GATEWAY_PERMISSION_DENIED", "GATEWAY_PERMISSION_DENIED"},
		{pelcrov1.ErrorReason_GATEWAY_UNKNOWN_METHOD, "UNIMPLEMENTED", "GATEWAY_UNKNOWN_METHOD", "GATEWAY_UNKNOWN_METHOD"},
		{pelcrov1.ErrorReason_GATEWAY_UNKNOWN_SERVICE, "NOT_FOUND", "GATEWAY_UNKNOWN_SERVICE", "GATEWAY_UNKNOWN_SERVICE"},
		{pelcrov1.ErrorReason_GATEWAY_REQUEST_INCOMPLETE, "DEADLINE_EXCEEDED", "GATEWAY_REQUEST_INCOMPLETE", "GATEWAY_REQUEST_INCOMPLETE"},
		{pelcrov1.ErrorReason_GATEWAY_OVERLOADED, "RESOURCE_EXHAUSTED", "GATEWAY_OVERLOADED", "PELCRO_OUTCOME_UNKNOWN"},
		{pelcrov1.ErrorReason_GATEWAY_RATE_LIMITED, "RESOURCE_EXHAUSTED", "GATEWAY_RATE_LIMITED", "PELCRO_OUTCOME_UNKNOWN"},
		{pelcrov1.ErrorReason_GATEWAY_REQUEST_ID_REUSED, "INVALID_ARGUMENT", "GATEWAY_REQUEST_ID_REUSED", "GATEWAY_REQUEST_ID_REUSED"},
		{pelcrov1.ErrorReason_GATEWAY_CIRCUIT_OPEN, "UNAVAILABLE", "GATEWAY_CIRCUIT_OPEN", "PELCRO_OUTCOME_UNKNOWN"},
		{pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN, "UNAVAILABLE", "GATEWAY_SHUTTING_DOWN", "PELCRO_OUTCOME_UNKNOWN"},
		{pelcrov1.ErrorReason_GATEWAY_INTERNAL_ERROR, "INTERNAL", "GATEWAY_INTERNAL_ERROR", "GATEWAY_INTERNAL_ERROR"},
		{0, "INTERNAL", "GATEWAY_INTERNAL_ERROR", "GATEWAY_INTERNAL_ERROR"},
		{9999, "INTERNAL", "GATEWAY_INTERNAL_ERROR", "GATEWAY_INTERNAL_ERROR"},
	} {
		for _, operation := range mapping.CustomerOperations() {
			for _, sent := range []bool{false, true} {
				name := fmt.Sprintf("%v, %s, sent %v", test.reason, operation.Name, sent)
				result := mapping.FromLocalError(callOf(t, operation.Name), mapping.LocalError{Reason: test.reason, Sent: sent})
				code, reason, want := test.code, test.onWire, advised{}
				switch {
				case !sent && reason == "GATEWAY_OVERLOADED":
					want = advised{0, "-1", "notSent"}
				case !sent:
					want.outcome = "notSent"
				case operation.Kind == mapping.Create:
					reason = test.createSent
					if reason == "PELCRO_OUTCOME_UNKNOWN" {
						code = "INTERNAL"
					}
					want = advised{0, "-1", "unknown"}
				}
				checkOutcome(t, name, result, code, reason)
				if got := adviceOf(t, result); got != want {
					t.Errorf("%s: %+v, want %+v", name, got, want)
				}
			}
		}
	}
}

// TestLocalErrorWithDelay: the breaker knows when it will try again.
func TestLocalErrorWithDelay(t *testing.T) {
	call := callOf(t, "CreateCustomer")
	local := mapping.LocalError{Reason: pelcrov1.ErrorReason_GATEWAY_CIRCUIT_OPEN, Delay: 700 * time.Millisecond}
	if got, want := adviceOf(t, mapping.FromLocalError(call, local)), (advised{700 * time.Millisecond, "700", "notSent"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	call.Remaining = 500 * time.Millisecond
	if got, want := adviceOf(t, mapping.FromLocalError(call, local)), (advised{700 * time.Millisecond, "-1", "notSent"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestQuotaSpent: a call that the quota has no place for gets the true wait, also where that does not
// fit its deadline, and the limit.
func TestQuotaSpent(t *testing.T) {
	for _, test := range []struct {
		name      string
		wait      time.Duration
		remaining time.Duration
		quota     int64
		pushback  string
	}{
		{"the wait fits", 12 * time.Second, 0, 120, "12000"},
		{"the wait is longer than the deadline", 12 * time.Second, 10 * time.Second, 120, "-1"},
		{"the limit is unknown", 500 * time.Millisecond, 0, 0, "500"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, operation := range mapping.CustomerOperations() {
				call := callOf(t, operation.Name)
				call.Remaining = test.remaining
				result := mapping.FromLocalError(call, mapping.LocalError{
					Reason: pelcrov1.ErrorReason_GATEWAY_RATE_LIMITED, Delay: test.wait, Quota: test.quota,
				})
				d := checkPromises(t, result)
				if got, want := adviceOf(t, result), (advised{test.wait, test.pushback, "notSent"}); got != want {
					t.Errorf("%s: %+v, want %+v", operation.Name, got, want)
				}
				switch violations := d.quota.GetViolations(); {
				case test.quota == 0:
					if d.quota != nil {
						t.Errorf("%s: %v", operation.Name, violations)
					}
				case len(violations) != 1 || violations[0].GetQuotaValue() != test.quota || !strings.Contains(violations[0].GetDescription(), "120"):
					t.Errorf("%s: %v", operation.Name, violations)
				}
			}
		})
	}
}

// TestCreatePending: a create that may still complete is retried, although it may have been sent.
func TestCreatePending(t *testing.T) {
	for _, sent := range []bool{false, true} {
		call := callOf(t, "CreateCustomer")
		local := mapping.LocalError{Reason: pelcrov1.ErrorReason_GATEWAY_CREATE_PENDING, Delay: 5 * time.Second, Sent: sent}
		result := mapping.FromLocalError(call, local)
		checkOutcome(t, "pending", result, "UNAVAILABLE", "GATEWAY_CREATE_PENDING")
		if got, want := adviceOf(t, result), (advised{5 * time.Second, "5000", "pending"}); got != want {
			t.Errorf("sent %v: %+v, want %+v", sent, got, want)
		}
		call.Remaining = 4 * time.Second
		if got, want := adviceOf(t, mapping.FromLocalError(call, local)), (advised{5 * time.Second, "-1", "pending"}); got != want {
			t.Errorf("sent %v: %+v, want %+v", sent, got, want)
		}
	}
}

// TestLookup: the failure of a read that a create needed has the code, reason and advice of a read,
// and the outcome of the create. With an unknown outcome no client may retry it.
func TestLookup(t *testing.T) {
	lost := mapping.NoResponse{Sent: true}
	for _, test := range []struct {
		name         string
		lookup       mapping.Outcome
		result       func(mapping.Call) mapping.Result
		code, reason string
		want         advised
	}{
		{"503", mapping.OutcomeNotSent, func(c mapping.Call) mapping.Result { return mapping.FromResponse(c, mapping.Response{StatusCode: 503}) },
			"UNAVAILABLE", "PELCRO_UNAVAILABLE", advised{0, "", "notSent"}},
		{"429", mapping.OutcomeNotSent, func(c mapping.Call) mapping.Result { return mapping.FromResponse(c, mapping.Response{StatusCode: 429}) },
			"RESOURCE_EXHAUSTED", "PELCRO_RATE_LIMITED", advised{time.Minute, "-1", "notSent"}},
		{"404", mapping.OutcomeApplied, func(c mapping.Call) mapping.Result {
			return mapping.FromResponse(c, mapping.Response{StatusCode: 404, Body: []byte(`{"message":"No query results"}`)})
		}, "NOT_FOUND", "PELCRO_NOT_FOUND", advised{0, "", "applied"}},
		{"lost", mapping.OutcomeNotSent, func(c mapping.Call) mapping.Result { return mapping.FromNoResponse(c, lost) },
			"UNAVAILABLE", "PELCRO_CONNECTION_LOST", advised{0, "", "notSent"}},
		{"lost, after a create", mapping.OutcomeUnknown, func(c mapping.Call) mapping.Result { return mapping.FromNoResponse(c, lost) },
			"INTERNAL", "PELCRO_OUTCOME_UNKNOWN", advised{0, "-1", "unknown"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			call := callOf(t, "CreateCustomer")
			call.Lookup = test.lookup
			result := test.result(call)
			checkOutcome(t, test.name, result, test.code, test.reason)
			if got := adviceOf(t, result); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}

func TestInvalidFields(t *testing.T) {
	result := mapping.FromLocalError(callOf(t, "UpdateCustomer"), mapping.LocalError{
		Reason: pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST,
		Violations: []mapping.Violation{
			{Field: "update_mask", Description: "Name fields of customer.", Reason: pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE},
			{Field: "site_id", Description: "Must be positive, see https://docs.pelcro.com.", Reason: pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE},
			{Field: "x\xff", Description: "a\nb", Reason: 0},
			{Field: "y", Description: "c", Reason: 9999},
		},
	})
	d := checkPromises(t, result)
	if got, want := result.Status().Message(), "The request is invalid; it was not sent to Pelcro: update_mask: Name fields of customer. (+3 more)"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	if _, has := d.info.GetMetadata()["upstreamMessage"]; has {
		t.Errorf("an upstream message that Pelcro never said: %v", d.info)
	}
	for i, want := range []vectors.Violation{
		{Field: "update_mask", Description: "Name fields of customer.", Reason: "FIELD_INVALID_VALUE"},
		{Field: "site_id", Description: "Must be positive, see https://docs.pelcro.com.", Reason: "FIELD_OUT_OF_RANGE"},
		{Field: "x\ufffd", Description: "a b", Reason: "FIELD_INVALID_VALUE"},
		{Field: "y", Description: "c", Reason: "FIELD_INVALID_VALUE"},
	} {
		v := d.badRequest.GetFieldViolations()[i]
		if got := (vectors.Violation{Field: v.GetField(), Description: v.GetDescription(), Reason: v.GetReason()}); got != want {
			t.Errorf("violation %d is %+v, want %+v", i, got, want)
		}
	}
}

func TestInvalidFieldsWithinBudget(t *testing.T) {
	violations := make([]mapping.Violation, 1000)
	for i := range violations {
		violations[i] = mapping.Violation{Field: strings.Repeat("п", 200), Description: strings.Repeat("т", 2000)}
	}
	result := mapping.FromLocalError(callOf(t, "CreateCustomer"), mapping.LocalError{
		Reason:     pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST,
		Violations: violations,
	})
	checkCounted(t, result, len(violations))
}
