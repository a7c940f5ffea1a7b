package pelcro

import "net/http"

// endpoint is one of Pelcro's operations.
type endpoint struct {
	method   string
	template string // the path without values, for logs, metrics and traces
	repeat   repetition
}

var (
	getCustomer    = &endpoint{http.MethodGet, "customers/{id}", ifHarmless}
	listCustomers  = &endpoint{http.MethodGet, "customers", ifHarmless}
	createCustomer = &endpoint{http.MethodPost, "customers", never}
	updateCustomer = &endpoint{http.MethodPut, "customers/{id}", ifNotSent}
	deleteCustomer = &endpoint{http.MethodDelete, "customers/{id}", ifNotSent}
)

var endpoints = []*endpoint{getCustomer, listCustomers, createCustomer, updateCustomer, deleteCustomer}

// call names the operation in logs.
func (e *endpoint) call() string { return e.method + " " + e.template }
