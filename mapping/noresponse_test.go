package mapping_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// TestNoResponse has every failure without a response, before and after the request may have been
// sent.
func TestNoResponse(t *testing.T) {
	for _, test := range []struct {
		name         string
		failure      mapping.Failure
		sent         bool
		code, reason string // on every operation but a create that may have been sent
	}{
		{"no connection", mapping.Unreachable, false, "UNAVAILABLE", "PELCRO_UNREACHABLE"},
		{"untrusted", mapping.Untrusted, false, "INTERNAL", "PELCRO_TLS_UNTRUSTED"},
		{"untrusted after a first attempt", mapping.Untrusted, true, "INTERNAL", "PELCRO_TLS_UNTRUSTED"},
		{"our limit while connecting", mapping.TimedOut, false, "UNAVAILABLE", "PELCRO_UNREACHABLE"},
		{"our limit", mapping.TimedOut, true, "UNAVAILABLE", "PELCRO_TIMEOUT"},
		{"broken HTTP", mapping.BadResponse, true, "INTERNAL", "PELCRO_MALFORMED_RESPONSE"},
		{"connection lost", mapping.ConnectionLost, true, "UNAVAILABLE", "PELCRO_CONNECTION_LOST"},
	} {
		t.Run(test.name, func(t *testing.T) {
			none := mapping.NoResponse{Failure: test.failure, Sent: test.sent}
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
		for failure := mapping.ConnectionLost; failure <= mapping.BadResponse; failure++ {
			for _, sent := range []bool{false, true} {
				for _, operation := range mapping.CustomerOperations() {
					name := fmt.Sprintf("%s, sent %v, %s, %v", caller.name, sent, operation.Name, failure)
					result := mapping.FromNoResponse(callOf(t, operation.Name), mapping.NoResponse{Failure: failure, Sent: sent, Caller: caller.err})
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
