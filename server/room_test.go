package server

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
)

// TestRoom: a customer has room for each of its scalars and times.
func TestRoom(t *testing.T) {
	object := `{"id":1,"organization":1`
	fields := new(pelcrov1.Customer).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		switch field := fields.Get(i); {
		case field.Kind() == protoreflect.StringKind:
			object += fmt.Sprintf(`,%q:"x"`, field.Name())
		case field.Kind() == protoreflect.BoolKind, field.Name() == "default_source_id",
			field.Message() != nil && field.Message().Name() == "Timestamp":
			object += fmt.Sprintf(`,%q:1`, field.Name())
		}
	}
	object += `}`
	allocations := testing.AllocsPerRun(100, func() {
		if customer, err := readCustomer(rawjson.Value(object)); err != nil || customer.Extra != nil {
			t.Fatal(customer, err)
		}
	})
	if allocations > 1 {
		t.Errorf("%v allocations for %s", allocations, object)
	}
}

// TestRoomOfFewFields: a list of customers with little more than an id, as many as
// Pelcro's reply may hold, does not fill the memory with places for what is not there.
func TestRoomOfFewFields(t *testing.T) {
	const rows = 10_000
	list := rawjson.Value("[" + strings.Repeat(`{"id":1,"email":"a@example.com"},`, rows-1) + `{"id":1}]`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	customers, err := readCustomers(list)
	runtime.ReadMemStats(&after)
	if err != nil || len(customers) != rows || customers[0].GetEmail() != "a@example.com" {
		t.Fatal(len(customers), err)
	}
	if each := (after.TotalAlloc - before.TotalAlloc) / rows; each > 700 {
		t.Errorf("%d bytes a customer", each)
	}
}

// TestRoomBeyond: what finds no place is kept all the same.
func TestRoomBeyond(t *testing.T) {
	room := newRoom(fewFields)
	var fields [20]*string
	for i := range fields {
		place(&fields[i], &room.texts, fmt.Sprint(i))
	}
	for i, field := range fields {
		if *field != fmt.Sprint(i) {
			t.Errorf("%q and not %d", *field, i)
		}
	}
}
