package server

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// TestCountFields compares the count with messages of a known size.
func TestCountFields(t *testing.T) {
	list, err := structpb.NewStruct(map[string]any{"a": []any{1, "b", nil, map[string]any{"c": true}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		message proto.Message
		want    int
	}{
		{"nothing", &pelcrov1.GetCustomerRequest{}, 0},
		{"scalars", &pelcrov1.GetCustomerRequest{Id: 1, SiteId: new(int32(2))}, 2},
		{"empty messages", &pelcrov1.ListCustomersRequest{Filters: []*pelcrov1.CustomerFilter{{}, {}, {}}}, 3},
		{"nested", &pelcrov1.ListCustomersRequest{Filters: []*pelcrov1.CustomerFilter{{Attribute: "id", Values: []string{"1", "2"}}}}, 4},
		// customer, metadata, entry, key, value, list, 4 elements (each with its kind), and within the
		// last one a struct with an entry, key, value and bool.
		{"metadata", &pelcrov1.CreateCustomerRequest{Customer: &pelcrov1.Customer{Metadata: list}}, 18},
	} {
		raw, err := proto.Marshal(test.message)
		if err != nil {
			t.Fatal(err)
		}
		if got := countFields(test.message.ProtoReflect().Descriptor(), raw, maxRequestFields); got != test.want {
			t.Errorf("%s: %d fields, want %d", test.name, got, test.want)
		}
	}
}

// TestTooManyFields has the cheapest messages to send that are expensive to decode.
func TestTooManyFields(t *testing.T) {
	descriptor := (&pelcrov1.ListCustomersRequest{}).ProtoReflect().Descriptor()
	empty := "\x22\x00" // filters, without content
	if _, err := checkFields(descriptor, []byte(strings.Repeat(empty, maxRequestFields))); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := checkFields(descriptor, []byte(strings.Repeat(empty, maxRequestFields+1))); !errors.Is(err, errTooManyFields) {
		t.Errorf("beyond the limit: %v", err)
	}
	for _, raw := range []string{"\xff", "\x22\x05a", "\x08", "\x0b"} {
		if _, err := checkFields(descriptor, []byte(raw)); err != nil {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

// FuzzCountFields: any bytes are counted within the limit, and what decodes has at least as many
// fields as the decoded message.
func FuzzCountFields(f *testing.F) {
	f.Add([]byte("\x22\x00\x22\x02\x0a\x00"))
	f.Add([]byte("\x0a\x04\x0a\x02id"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		message := &pelcrov1.CreateCustomerRequest{}
		count := countFields(message.ProtoReflect().Descriptor(), raw, 100)
		if count < 0 || count > len(raw)+1 {
			t.Errorf("%d fields in %d bytes", count, len(raw))
		}
	})
}
