package server

import (
	"strconv"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// CustomerService returns the customer service until it moves to its own package.
func CustomerService(client *pelcro.Client) Service {
	return Service{
		Desc:       &pelcrov1.CustomerService_ServiceDesc,
		Handler:    &customerService{pelcro: client},
		Operations: mapping.CustomerOperations(),
		ResourceID: resourceID,
	}
}

// resourceID returns the id of the customer that the request names, empty for none.
func resourceID(req any) string {
	switch req := req.(type) {
	case *pelcrov1.UpdateCustomerRequest:
		return idText(req.GetCustomer().GetId())
	case interface{ GetId() int64 }:
		return idText(req.GetId())
	}
	return ""
}

func idText(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}
