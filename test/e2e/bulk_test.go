//go:build e2e

package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// stream reads a stream from the token on, and returns the ids and the token of each message.
func stream(t *testing.T, g *gateway, token string) (ids []int64, tokens []string) {
	t.Helper()
	messages, err := g.customers.StreamCustomers(t.Context(), &pelcrov1.StreamCustomersRequest{ResumeToken: token})
	if err != nil {
		t.Fatal(err)
	}
	for {
		message, err := messages.Recv()
		if errors.Is(err, io.EOF) {
			return ids, tokens
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, customer := range message.GetCustomers() {
			ids = append(ids, customer.GetId())
		}
		tokens = append(tokens, message.GetResumeToken())
	}
}

// Laravel filters by a hundred ids, and a stream over its pages has every customer once, also when rows
// move between two streams.
func TestBulkReads(t *testing.T) {
	t.Parallel()
	g := startGateway(t, startLaravel(t).url, gatewaySettings{})
	want := []int64{1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008}
	for i := range 120 {
		response, got := call(t, g, g.customers.CreateCustomer, newCustomer(&pelcrov1.Customer{Email: new(fmt.Sprintf("bulk-%d@example.com", i))}))
		got.must(t, "OK", "")
		want = append(want, response.GetCustomer().GetId())
	}
	asked := append([]int64{9999, 8888}, want...)
	slices.Reverse(asked)
	response, got := call(t, g, g.customers.BatchGetCustomers, &pelcrov1.BatchGetCustomersRequest{Ids: asked})
	got.must(t, "OK", "")
	var found []int64
	for _, customer := range response.GetCustomers() {
		found = append(found, customer.GetId())
	}
	if !slices.Equal(found, asked[:len(want)]) || !slices.Equal(response.GetMissingIds(), []int64{8888, 9999}) {
		t.Errorf("found %v, missing %v", found, response.GetMissingIds())
	}

	ids, tokens := stream(t, g, "")
	if !slices.Equal(ids, want) || len(tokens) != 2 {
		t.Fatalf("%d customers in %d messages: %v", len(ids), len(tokens), ids)
	}
	for _, id := range want[:20] {
		_, got := call(t, g, g.customers.DeleteCustomer, &pelcrov1.DeleteCustomerRequest{Id: id})
		got.must(t, "OK", "")
	}
	if rest, _ := stream(t, g, tokens[0]); !slices.Equal(rest, want[100:]) {
		t.Errorf("after 20 deletions the stream continues with %v, want %v", rest, want[100:])
	}
}
