package server

import (
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
)

// room is a customer and the free places for what its fields point to. All of it is
// one allocation: one for each field would be most of what a list costs.
type room struct {
	customer *pelcrov1.Customer
	texts    []string
	integers []int64
	flags    []bool
	times    []timestamppb.Timestamp
}

// fewFields is the length of a customer in JSON, in bytes, below which the places
// would mostly stay free: a long list of such would fill the memory with them.
const fewFields = 256

// newRoom returns a room for a customer of that length in JSON.
func newRoom(length int) *room {
	if length < fewFields {
		return &room{customer: &pelcrov1.Customer{}}
	}
	// As many places as there are attributes of each kind; a field that finds none
	// costs an allocation, nothing else.
	all := &struct {
		room
		customer pelcrov1.Customer
		texts    [11]string
		integers [2]int64
		flags    [7]bool
		times    [5]timestamppb.Timestamp
	}{}
	all.room = room{&all.customer, all.texts[:], all.integers[:], all.flags[:], all.times[:]}
	return &all.room
}

// keep puts into extra what the customer's other fields have no place for.
func (r *room) keep(name string, v rawjson.Value) {
	if r.customer.Extra == nil {
		r.customer.Extra = &structpb.Struct{Fields: map[string]*structpb.Value{}}
	}
	r.customer.Extra.Fields[name] = extraValue(v)
}

// place has the field point to v, in the next of the free places.
func place[T any](field **T, free *[]T, v T) {
	*field = next(free)
	**field = v
}

// next takes the first of the free places, a new one if there is none.
func next[T any](free *[]T) *T {
	if len(*free) == 0 {
		return new(T)
	}
	first := &(*free)[0]
	*free = (*free)[1:]
	return first
}
