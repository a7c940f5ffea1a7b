// Package explorer shows the gRPC error that a caller gets for an HTTP response: to people as a web
// page ([Handler]), to programs and terminals as JSON ([Gateway.Explain], which is also the command
// explain).
//
// Everything shown comes from the service itself: the status and the trailers are the result of
// [mapping], the advice is the text of docs/errors.md, the policies of client libraries are those of
// the published service config, and the sandbox's failures come from the sandbox.
//
// # What the page promises
//
// It works offline, with the files that are embedded here. It sends what is typed into it to this
// process only, which neither keeps nor logs it. It requests nothing from other origins, stores
// nothing in the browser, and rejects requests from pages of other origins. The server that mounts
// it rejects foreign Host headers, as the admin address does.
//
// # What is not shown
//
// Errors of the service itself (reasons that begin with GATEWAY_) except GATEWAY_RATE_LIMITED and
// GATEWAY_CREATE_PENDING: they do not depend on Pelcro. What a client library does follows its
// documentation and docs/conformance.md; the page runs none.
package explorer
