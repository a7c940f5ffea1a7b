// Package explorer shows what an HTTP reply becomes for a gRPC caller: to people
// as a web page ([Handler]), to programs and terminals as JSON ([Gateway.Explain],
// which is also the command explain).
//
// What is shown is what [mapping] says, nothing is computed twice: the status and
// the trailers are the mapping's result, the advice is the text of docs/errors.md,
// and the sandbox's failures are recorded from the sandbox itself.
//
// # What the page promises
//
// It works offline, with the files that are embedded here, and sends what is typed
// into it to this process only, which keeps and logs none of it. It asks for no
// origin but its own, stores nothing in the browser, and refuses requests that
// pages of other origins make. Whoever mounts it refuses foreign Host headers, as
// the admin address does.
//
// # What is not shown
//
// The service's own refusals (reasons that begin with GATEWAY_): they follow from
// no reply. What a client library does is what its documentation and
// docs/conformance.md say; the page runs none.
package explorer
