package server

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

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
