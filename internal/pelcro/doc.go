// Package pelcro is a client of the customer endpoints of Pelcro's Core REST API
// (https://docs.pelcro.com/reference/api-core-intro). It speaks HTTP and has
// never heard of gRPC.
//
// A call is one attempt: nothing is repeated here. net/http itself sends a request
// without a body again, twice at most, when a connection breaks under it; what has
// a body, so every create and update, goes out once. Redirects are not followed,
// no proxy is taken from the environment, and every read is bounded: headers,
// error bodies, and bodies after decompression. The key goes into the
// Authorization header and nowhere else.
//
// A success gives the JSON under "data" as Pelcro sent it. Everything else is an
// [*Error], which holds what arrived and whether the request may have reached
// Pelcro.
package pelcro
