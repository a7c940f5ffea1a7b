// Package pelcro is a client of the customer endpoints of Pelcro's Core REST API
// (https://docs.pelcro.com/reference/api-core-intro). It speaks HTTP and has
// never heard of gRPC.
//
// Reads are repeated when the connection or a proxy failed, within a retry budget
// and the time limit; changes only when nothing was sent; creates never (retry.go).
// net/http's own repetitions are switched off, so that this is all there is
// (sending.go). A circuit breaker spares a Pelcro that keeps failing (breaker.go).
//
// Redirects are not followed, no proxy is taken from the environment, and every
// read is bounded: headers, error bodies, and bodies after decompression. The key
// goes into the Authorization header and nowhere else.
//
// A success gives the JSON under "data" as Pelcro sent it. Everything else is an
// [*Error], which holds what arrived and whether the request may have reached
// Pelcro.
package pelcro
