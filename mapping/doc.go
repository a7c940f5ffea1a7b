// Package mapping turns what an HTTP call to Pelcro came to, a reply or the
// absence of one, into the gRPC status that a caller can act on.
//
// Most readers want one of three calls:
//
//   - [FromReply], when Pelcro, or something in front of it, answered;
//   - [FromNoReply], when no whole answer arrived;
//   - [Refuse], when the service itself refuses the call.
//
// All three return a [Result]: the status with its details, and the trailers
// that belong to it.
//
// # What is promised
//
// The code is canonical and follows the table in docs/errors.md, which is
// generated from this package. Every error carries exactly one
// google.rpc.ErrorInfo with the domain [Domain] and a reason from
// pelcro.v1.ErrorReason; a reason always has the same code and, once released,
// keeps its meaning. Each type of detail comes at most once. The message is for
// people and may change.
//
// The whole answer always arrives: it costs at most [MaxWireBytes] on the wire,
// below the 8 KiB that a gRPC client may assume, and every text in it is valid
// UTF-8, because one wrong byte would cost the status all its details.
//
// Nothing leaks: texts of Pelcro are shown for refusals (4xx) only, cleaned and
// cut, and never when they look like a stack, a class name or an address; Go's
// error texts, URLs and hosts are never shown.
//
// The package is pure: no I/O, no clock, no logger, no state that shows. The same input
// gives the same bytes.
//
// # What is lost
//
// Field violations that do not fit are dropped from the end and counted in the
// metadata violationsOmitted. Everything that is not shown (bodies, transport
// errors) is the caller's to log.
package mapping
