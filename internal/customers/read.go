package customers

import (
	"errors"
	"strings"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

var (
	errNoID        = errors.New("the customer has no usable id")
	errNotCustomer = errors.New("the data is not a customer")
	errNotList     = errors.New("the data is not a list")
)

// readCustomer reads a customer as Pelcro sends it. Only a missing or unusable id is an error.
func readCustomer(object rawjson.Value) (*pelcrov1.Customer, error) {
	if object.Kind() != '{' {
		return nil, errNotCustomer
	}
	customer := customerSchema.read(object)
	if customer.GetId() <= 0 {
		return nil, errNoID
	}
	return customer, nil
}

// readCustomers reads the rows of a list. A row without a usable id makes the whole list unusable:
// without it, a client would take the list for complete.
func readCustomers(list rawjson.Value) ([]*pelcrov1.Customer, error) {
	rows, err := rowsOf(list)
	if err != nil {
		return nil, err
	}
	customers := make([]*pelcrov1.Customer, 0, len(rows))
	for _, row := range rows {
		customer, err := readCustomer(row)
		if err != nil {
			return nil, err
		}
		customers = append(customers, customer)
	}
	return customers, nil
}

// rowsOf returns the elements of a list. An object with numeric keys counts as a list, because PHP
// prints a list like that when elements were removed from it (array_filter), and {} as an empty one.
func rowsOf(list rawjson.Value) (rows []rawjson.Value, err error) {
	switch list.Kind() {
	case '[':
		for row := range list.Elements() {
			rows = append(rows, row)
		}
	case '{':
		for key, row := range list.Members() {
			if key == "" || strings.Trim(key, "0123456789") != "" {
				return nil, errNotList
			}
			rows = append(rows, row)
		}
	default:
		return nil, errNotList
	}
	return rows, nil
}

// Readable reports whether the handler of the operation can use the body of a success. It is for
// tools that explain a response.
func Readable(operation mapping.Operation, body []byte) bool {
	document, err := rawjson.Parse(body)
	if err != nil {
		return false
	}
	data := document.Member("data")
	if operation.Name == "ListCustomers" {
		_, err = readCustomers(data)
	} else {
		_, err = readCustomer(data)
	}
	return err == nil
}
