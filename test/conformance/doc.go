// Package conformance holds the test that clients in several languages, each with
// its own gRPC library, read the same errors.
//
// The gateway runs as a program in front of a Pelcro that replays
// mapping/testdata/vectors. Each language has a client that makes the calls that its
// input names and prints what it received; one comparator, in Go, checks all of them.
// The test needs the other languages, so it has the build tag e2e: make conformance.
//
// # The clients
//
// A client is called with the address and the file of the service config. Each line
// of its standard input is a call:
//
//	{"name": "laravel-forbidden", "operation": "CreateCustomer", "id": 0, "email": "v17@example.com"}
//
// id is for GetCustomer, UpdateCustomer (which sets first_name to "x", without a
// mask) and DeleteCustomer; email for CreateCustomer, and for ListCustomers, which
// filters by it with OPERATOR_EQUALS. Each call has a deadline of 10 seconds. Each
// line of its standard output is what the client received for a call, in the order of
// the calls, see the type response. The metadata of google.rpc.ErrorInfo is printed
// whole: it holds the origin of the response and the outcome of the request.
package conformance
