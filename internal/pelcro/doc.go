// Package pelcro is a client of the customer endpoints of Pelcro's Core REST API
// (https://docs.pelcro.com/reference/api-core-intro). It speaks HTTP/1.1 and knows nothing of gRPC.
//
// Reads are retried when the connection or a proxy failed, within a retry budget and the time
// limit; changes only when nothing was sent; creates never (retry.go). The retries of net/http
// itself are switched off, so that there are no others (sendguard.go). A circuit breaker spares a
// Pelcro that keeps failing (breaker.go).
//
// Redirects are not followed, no proxy is taken from the environment, and every read is bounded:
// headers, error bodies, and bodies after decompression. The API key goes into the Authorization
// header and nowhere else.
//
// A 2xx that was received whole is a [Response]. Everything else is an [Error], whose [Outcome]
// says what happened. Whether the content of a Response is a success, too, is for the caller to
// decide.
package pelcro
