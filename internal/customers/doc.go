// Package customers is the resource behind pelcro.v1.CustomerService: it checks requests, calls
// Pelcro and turns the JSON of its responses into protobuf.
//
// A handler (service.go) returns plain errors: those of internal/pelcro, or a
// [server.InvalidRequestError]. Package server makes the statuses of them.
//
//   - check.go, filter.go and write.go check a request and convert it into Pelcro's parameters;
//   - read.go reads a customer by the table in customer.go, and its relations by those in relations.go;
//     attribute.go has what the tables are made of;
//   - page.go is the walk through a list, token.go is its page tokens, paging.go reads what a response
//     says of its page;
//   - batch.go reads customers by their ids, by what idfilter.go knows of Pelcro's filter; stream.go sends
//     all customers, in the order of walk.go.
//
// Another resource is a package like this one, and one line in cmd/pelcro-grpc.
package customers
