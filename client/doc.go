// Package client holds what a Go client of pelcro-grpc wants besides the generated
// code: the service config, which tells grpc-go how to spread calls, which backends
// to leave out, what to repeat, and how long to wait.
//
//   - Calls go to all addresses in turn (round_robin), and only to those that say
//     of pelcro.v1.CustomerService that they serve. Importing this package is what
//     switches that health checking on.
//   - GetCustomer and ListCustomers are attempted up to 3 times when they fail with
//     UNAVAILABLE. Nothing else is ever repeated. A trailer
//     grpc-retry-pushback-ms of the service is obeyed.
//   - While more than half of the recent calls fail, nothing is repeated.
//   - A call without a deadline gets one: 10 s to get a customer, 20 s for a list,
//     35 s for a change. Reads may be cut short, for nothing is lost. A change that
//     is cut short has an unknown outcome, so its limit is longer than the 30 s
//     that the service gives Pelcro: the service's own answer, which says what is
//     known, arrives first. A shorter deadline of the call itself wins.
//
// Other languages load the same JSON, service-config.json; docs/clients.md says
// how.
package client
