// Package server is the gRPC runtime: it serves the services of resources, with health, reflection
// and a bounded stop. It knows neither a resource nor the client of Pelcro (config.go).
//
// A call goes through the interceptors of chain.go, then to the handler of its resource. A handler
// returns plain errors: those that [Upstream] describes, or an [InvalidRequestError]. On the way
// back errors.go, the one place that makes statuses, hands them to package mapping. Every error that
// leaves this package is a status of package mapping, except the responses of gRPC itself to calls
// that it rejects (observe.go).
package server
