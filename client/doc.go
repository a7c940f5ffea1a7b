// Package client holds the service config for clients of pelcro-grpc, embedded for Go. Pass
// [ServiceConfig] to grpc.NewClient and calls are spread, retried and bounded as follows:
//
//   - Load balancing: calls go to all addresses in turn (round_robin), and only to instances that
//     report pelcro.v1.CustomerService as serving. Importing this package switches on that health
//     checking, which grpc-go leaves out otherwise.
//   - Retries: GetCustomer, ListCustomers, BatchGetCustomers and StreamCustomers are attempted up to 3
//     times when they fail with UNAVAILABLE or RESOURCE_EXHAUSTED. The trailer
//     grpc-retry-pushback-ms says how long to wait before the next attempt, or that there must be
//     none. A stream is retried only before its first message: after that, the program continues it
//     with its resume_token. No other call is retried, above all not CreateCustomer: an attempt that
//     is lost may have created the customer.
//   - Retry throttling: each failed attempt takes one of 10 tokens, each success returns a tenth
//     of one, and a failure is retried only while more than 5 are left. So two calls that fail
//     one after the other stop the retries, and 61 successes allow them again even after a long
//     outage. While fewer than one attempt in eleven fails, every failure is retried.
//   - Timeouts: a call without a deadline gets 10 s to get a customer, 20 s for a list, 60 s for a
//     batch and 35 s for a change; a stream gets none. A read may be cut short because nothing is lost. A change that is cut short
//     has an unknown outcome, so its limit is longer than the 30 s that the service gives Pelcro
//     by default: the service's own response, which says what is known, arrives first. A shorter
//     deadline of the call itself wins.
//
// [ServiceConfigRequestID] is for programs that set request_id in every create: it also retries
// CreateCustomer up to 5 times on UNAVAILABLE, within 60 s.
//
// Other languages load the same JSON, service-config.json; docs/clients.md says how.
package client
