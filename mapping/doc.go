// Package mapping turns the result of an HTTP call to Pelcro, a response or its absence, into the
// gRPC status that a caller can act on.
//
// Most readers want one of three functions:
//
//   - [FromResponse] for a response of Pelcro or of something in front of it;
//   - [FromNoResponse] for a call without a whole response;
//   - [FromLocalError] for an error that the service raises itself.
//
// All three take a [Call], whose RPC [CustomerOperation] describes, and return a [Result]: the status
// with its details, and the trailers that belong to it.
//
// # What is promised
//
// The code is canonical and follows the table in docs/errors.md, which is generated from this
// package. Every error carries exactly one google.rpc.ErrorInfo with the domain "pelcro-grpc" and a
// reason from pelcro.v1.ErrorReason; a reason always has the same code and, once released, keeps
// its meaning. Each type of detail occurs at most once. The message is for people and may change.
//
// A response is attributed to Pelcro only if it looks like Pelcro's, and a success needs evidence.
// A create whose outcome is unknown never has a code that clients retry by default.
//
// The whole error always arrives: it costs at most 6 KiB on the wire, below the 8 KiB that a gRPC
// client may assume, and every text in it is valid UTF-8, because one invalid byte would cost the
// status all its details.
//
// Texts of Pelcro are shown for 4xx only, cleaned and cut, without the parts that look like an
// address, a key, a class name or a path. Go's error texts, URLs and hosts are never shown.
//
// What this package does not know in a response is for operators: [Result.Unrecognised] and
// [UnrecognisedInSuccess] name it, without any value.
//
// The package is pure: no I/O, no clock, no logger, no visible state. The same input gives the same
// bytes.
//
// # What is lost
//
// Field violations that do not fit are dropped from the end and counted in the metadata
// violationsOmitted, as are those that cannot be read. Everything that is not shown (bodies,
// transport errors) is the caller's to log.
package mapping
