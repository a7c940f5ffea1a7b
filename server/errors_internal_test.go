package server

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/grpc/tap"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// An error that nobody expected, as of a request that cannot be built, is the
// gateway's own fault, and its text is for nobody.
func TestUnexpectedError(t *testing.T) {
	resource := Service{
		Desc: &pelcrov1.CustomerService_ServiceDesc, Operations: mapping.CustomerOperations(), ResourceID: func(any) string { return "" },
	}
	s := &Server{config: Config{Logger: slog.New(slog.DiscardHandler), Services: []Service{resource}}}
	for _, operation := range mapping.CustomerOperations() {
		c := newCall(t.Context(), &tap.Info{})
		c.method = s.newMethod("unary", pelcrov1.CustomerService_ServiceDesc.ServiceName, operation.Name)
		result := s.result(c, c, nil, errors.New("canary"))
		if result.Reason() != pelcrov1.ErrorReason_GATEWAY_INTERNAL_ERROR || result.Outcome() != mapping.OutcomeNotSent {
			t.Errorf("%s: %v, %s", operation.Name, result.Reason(), result.Outcome())
		}
		if got := result.Status().String(); strings.Contains(got, "canary") {
			t.Errorf("%s: %s", operation.Name, got)
		}
	}
}
