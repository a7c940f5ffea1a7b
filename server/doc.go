// Package server is the gRPC server of the resources (internal/customers), with health,
// reflection and a bounded stop.
//
// A request goes down the chain of chain.go to a handler of a resource, which checks
// it, calls Pelcro and converts the response. A handler returns plain errors: those
// of internal/pelcro, or an [InvalidRequestError]. On the way back
// errors.go, the one place that knows statuses, hands them to package mapping.
// Nothing leaves this package as an error that mapping did not make.
//
// The chain, from the outside in:
//
//   - metrics (metrics.go) and logging (log.go), which see the status that the
//     caller gets;
//   - the translation of errors and the time limits (errors.go, limit.go);
//   - recovery, so that a panic is translated and logged like any other failure;
//   - who may call (access.go), before anything is spent on the call;
//   - the limit of concurrent calls (admission.go).
//
// Before the chain gRPC has the headers of a call, and the call gets its record
// (call.go); then its handler is found, and the record its method (method.go). What
// gRPC ends on this way is seen by refused.go.
package server
