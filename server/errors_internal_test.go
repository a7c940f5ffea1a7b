package server

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// An unexpected error, as of a request that cannot be built, is the gateway's own fault, and its
// text is not shown.
func TestUnexpectedError(t *testing.T) {
	s := &Server{config: Config{Logger: slog.New(slog.DiscardHandler),
		Services: []Service{{Desc: &pelcrov1.CustomerService_ServiceDesc, Operations: mapping.CustomerOperations()}},
		Upstream: Upstream{Failure: func(error) (f UpstreamFailure, ok bool) { return f, false }},
	}}
	for _, operation := range mapping.CustomerOperations() {
		r := &rpc{method: s.newMethod(pelcrov1.CustomerService_ServiceDesc.ServiceName, operation.Name)}
		result := s.result(context.WithValue(t.Context(), rpcKey{}, r), errors.New("canary"), nil)
		if result.Reason() != pelcrov1.ErrorReason_GATEWAY_INTERNAL_ERROR || result.Outcome() != mapping.OutcomeNotSent {
			t.Errorf("%s: %v, %s", operation.Name, result.Reason(), result.Outcome())
		}
		if got := result.Status().String(); strings.Contains(got, "canary") {
			t.Errorf("%s: %s", operation.Name, got)
		}
	}
}

// At the deadline of a call grpc-go also cancels its context, sometimes before the context notices
// the deadline. That is not the caller's cancellation.
func TestEndedByDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if err := endedBy(ctx, ctx); err != nil {
			t.Errorf("while it runs: %v", err)
		}
		cancel()
		if err := endedBy(ctx, ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled before the deadline: %v", err)
		}
		time.Sleep(time.Second)
		if err := endedBy(ctx, ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled at the deadline: %v", err)
		}
	})
}
