package mapping_test

import (
	"context"
	"fmt"
	"testing"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// TestNoResponse has every failure without a response, before and after the request may have been
// sent.
func TestNoResponse(t *testing.T) {
	for _, test := range []struct {
		name         string
		failure      pelcrov1.ErrorReason
		sent         bool
		code, reason string // on every operation but a create that may have been sent
	}{
		{"no connection", pelcrov1.ErrorReason_PELCRO_UNREACHABLE, false, "UNAVAILABLE", "PELCRO_UNREACHABLE"},
		{"untrusted", pelcrov1.ErrorReason_PELCRO_TLS_UNTRUSTED, false, "INTERNAL", "PELCRO_TLS_UNTRUSTED"},
		{"untrusted after a first attempt", pelcrov1.ErrorReason_PELCRO_TLS_UNTRUSTED, true, "INTERNAL", "PELCRO_TLS_UNTRUSTED"},
		{"our limit while connecting", pelcrov1.ErrorReason_PELCRO_TIMEOUT, false, "UNAVAILABLE", "PELCRO_UNREACHABLE"},
		{"our limit", pelcrov1.ErrorReason_PELCRO_TIMEOUT, true, "UNAVAILABLE", "PELCRO_TIMEOUT"},
		{"broken HTTP", pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE, true, "INTERNAL", "PELCRO_MALFORMED_RESPONSE"},
		{"a reason that is none of these", pelcrov1.ErrorReason_PELCRO_NOT_FOUND, true, "UNAVAILABLE", "PELCRO_CONNECTION_LOST"},
		{"connection lost", pelcrov1.ErrorReason_PELCRO_CONNECTION_LOST, true, "UNAVAILABLE", "PELCRO_CONNECTION_LOST"},
	} {
		t.Run(test.name, func(t *testing.T) {
			none := mapping.NoResponse{Reason: test.failure, Sent: test.sent}
			for _, operation := range mapping.CustomerOperations() {
				result := mapping.FromNoResponse(callOf(t, operation.Name), none)
				code, reason, want := test.code, test.reason, advised{}
				if !test.sent {
					want.outcome = "notSent"
				} else if operation.Kind == mapping.Create {
					code, reason, want = "INTERNAL", "PELCRO_OUTCOME_UNKNOWN", advised{0, "-1", "unknown"}
				}
				checkOutcome(t, operation.Name, result, code, reason)
				if got := adviceOf(t, result); got != want {
					t.Errorf("%s: %+v, want %+v", operation.Name, got, want)
				}
			}
		})
	}
}

// TestCallerComesFirst: whatever failed, the caller no longer waited.
func TestCallerComesFirst(t *testing.T) {
	for _, caller := range []struct {
		name         string
		err          error
		code, reason string
	}{
		{"deadline", context.DeadlineExceeded, "DEADLINE_EXCEEDED", "CALLER_DEADLINE_EXCEEDED"},
		{"deadline, wrapped", fmt.Errorf("x: %w", context.DeadlineExceeded), "DEADLINE_EXCEEDED", "CALLER_DEADLINE_EXCEEDED"},
		{"cancel", context.Canceled, "CANCELLED", "CALLER_CANCELLED"},
	} {
		for _, failure := range []pelcrov1.ErrorReason{
			pelcrov1.ErrorReason_PELCRO_UNREACHABLE, pelcrov1.ErrorReason_PELCRO_TLS_UNTRUSTED, pelcrov1.ErrorReason_PELCRO_TIMEOUT,
			pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE, pelcrov1.ErrorReason_PELCRO_CONNECTION_LOST,
		} {
			for _, sent := range []bool{false, true} {
				for _, operation := range mapping.CustomerOperations() {
					name := fmt.Sprintf("%s, sent %v, %s, %v", caller.name, sent, operation.Name, failure)
					result := mapping.FromNoResponse(callOf(t, operation.Name), mapping.NoResponse{Reason: failure, Sent: sent, Caller: caller.err})
					checkOutcome(t, name, result, caller.code, caller.reason)
					want := advised{}
					if !sent {
						want.outcome = "notSent"
					} else if operation.Kind == mapping.Create {
						want = advised{0, "-1", "unknown"}
					}
					if got := adviceOf(t, result); got != want {
						t.Errorf("%s: %+v, want %+v", name, got, want)
					}
				}
			}
		}
	}
}
