package server_test

import (
	"testing"

	"google.golang.org/grpc/metadata"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// Without spans of its own, the service still logs the id of the caller's trace.
func TestTraceOfTheCaller(t *testing.T) {
	const id = "0af7651916cd43dd8448eb211c80319c"
	g := start(t, testkit.NewScript(testkit.Succeed))
	for _, test := range []struct {
		header string
		logged any
	}{
		{"00-" + id + "-b7ad6b7169203331-01", id},
		{"00-" + id + "-b7ad6b7169203331-00", id},
		{"00-00000000000000000000000000000000-b7ad6b7169203331-01", nil},
		{"canary@example.com", nil},
		{id, nil},
		{"", nil},
	} {
		ctx := t.Context()
		if test.header != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "traceparent", test.header)
		}
		if _, a := call(ctx, g.Customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 42}); a.err != nil {
			t.Fatal(a.err)
		}
		mustSay(t, g.Log.Next(t, finished), map[string]any{"trace_id": test.logged})
	}
}
