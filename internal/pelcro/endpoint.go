package pelcro

import "net/http"

// endpoint is one of Pelcro's operations.
type endpoint struct {
	method   string
	template string // the path without values, for logs, metrics and traces
	repeat   repetition
	call     string // names the operation in logs
}

var (
	getCustomer    = newEndpoint(http.MethodGet, "customers/{id}", ifHarmless)
	listCustomers  = newEndpoint(http.MethodGet, "customers", ifHarmless)
	createCustomer = newEndpoint(http.MethodPost, "customers", never)
	updateCustomer = newEndpoint(http.MethodPut, "customers/{id}", ifNotSent)
	deleteCustomer = newEndpoint(http.MethodDelete, "customers/{id}", ifNotSent)
)

var endpoints = []*endpoint{getCustomer, listCustomers, createCustomer, updateCustomer, deleteCustomer}

func newEndpoint(method, template string, repeat repetition) *endpoint {
	return &endpoint{method: method, template: template, repeat: repeat, call: method + " " + template}
}
