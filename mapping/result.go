package mapping

import (
	"iter"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// The trailers. They repeat the facts that a client needs if it cannot read google.rpc details, and
// control the retries that are built into gRPC clients (gRFC A6).
const (
	TrailerRequestID = "x-request-id"
	TrailerReason    = "x-error-reason"
	TrailerPushback  = "grpc-retry-pushback-ms"
	// TrailerReplayed is "true" with a customer that an earlier attempt of the create has created.
	TrailerReplayed = "x-request-replayed"
)

// The budget of an error, in bytes. A gRPC client may reject more than 8 KiB of trailers, and then
// the caller loses the code itself; the rest is left to proxies.
const (
	MaxWireBytes   = 6 << 10
	MaxStatusBytes = 4 << 10
)

// Result is the gRPC status of a call, with its trailers. The zero value is success.
type Result struct {
	info      *reasonInfo    // nil for a success
	status    *status.Status // nil for a success
	advice    advice
	requestID string
	// private is the text of Pelcro that callers do not see.
	private   string
	wireBytes int
	origin    Origin

	unrecognised []Unrecognised
}

// OK reports whether the call succeeded.
func (r Result) OK() bool { return r.status == nil }

// Reason returns the reason, the unspecified one for a success.
func (r Result) Reason() pelcrov1.ErrorReason {
	if r.OK() {
		return noError
	}
	return r.info.reason
}

// Code returns the gRPC code.
func (r Result) Code() codes.Code { return r.status.Code() }

// Outcome returns what became of the request upstream, empty if the code says enough.
func (r Result) Outcome() Outcome { return r.advice.outcome }

// Origin returns who wrote the response, empty if there was none or the call succeeded.
func (r Result) Origin() Origin { return r.origin }

// Advice returns what the caller should do: the text of docs/errors.md, in Markdown with nothing but
// `code`; empty for a success.
func (r Result) Advice() string {
	switch {
	case r.OK():
		return ""
	case r.origin == OriginIntermediary:
		return intermediaryAdvice
	}
	return r.info.advice
}

// RetryDelay returns how long Pelcro asked to wait, 0 if that is not known.
func (r Result) RetryDelay() time.Duration { return r.advice.delay }

// PrivateText returns the text of Pelcro about a failure of its own, which callers do not see, for the
// operator's log. It is cleaned like a public text, but may repeat values of the request.
func (r Result) PrivateText() string { return r.private }

// Unrecognised returns what is unknown in the response: for operators, because callers already get
// the best that can be made of it.
func (r Result) Unrecognised() []Unrecognised { return r.unrecognised }

// Status returns the status with its details.
func (r Result) Status() *status.Status {
	if r.OK() {
		return status.New(codes.OK, "")
	}
	return r.status
}

// Violations returns the field violations of the error, as the caller gets them.
func (r Result) Violations() (violations []Violation) {
	for _, detail := range r.Status().Details() {
		badRequest, ok := detail.(*errdetails.BadRequest)
		if !ok {
			continue
		}
		for _, v := range badRequest.GetFieldViolations() {
			reason := pelcrov1.FieldViolationReason(pelcrov1.FieldViolationReason_value[v.GetReason()])
			violations = append(violations, Violation{Field: v.GetField(), Description: v.GetDescription(), Reason: reason})
		}
	}
	return violations
}

// Err returns the error that a gRPC handler returns, nil for a success.
func (r Result) Err() error { return r.status.Err() }

// Trailer returns the trailers of an error, for grpc.SetTrailer. They must not be sent as headers: a
// response header switches off the retries built into every gRPC client.
func (r Result) Trailer() metadata.MD {
	if r.OK() {
		return nil
	}
	trailer := metadata.MD{}
	for name, value := range r.trailers() {
		trailer.Set(name, value)
	}
	return trailer
}

func (r Result) trailers() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		_ = yield(TrailerReason, r.info.name) &&
			(r.requestID == "" || yield(TrailerRequestID, r.requestID)) &&
			(r.advice.pushback == noPushback || yield(TrailerPushback, r.advice.pushback))
	}
}

// WireBytes returns the size of an error in HTTP/2 header list bytes, which clients limit (RFC 9113,
// section 6.5.2): every name and value plus 32 for each field, binary values in base64. The message
// counts twice, percent-encoded as grpc-message and within grpc-status-details-bin. It is 0 for a
// success.
func (r Result) WireBytes() int { return r.wireBytes }

// wireBytes returns the cost of a status of that size, with the trailers of r.
func wireBytes(s *spb.Status, size int, r Result) int {
	cost := field(len(":status"), len("200")) +
		field(len("content-type"), len("application/grpc")) +
		field(len("grpc-status"), len(strconv.Itoa(int(s.Code)))) +
		field(len("grpc-message"), percentEncoded(s.Message)) +
		field(len("grpc-status-details-bin"), (4*size+2)/3)
	for name, value := range r.trailers() {
		cost += field(len(name), len(value))
	}
	return cost
}

// field returns the cost of a field with a name and value of those lengths.
func field(name, value int) int { return name + value + 32 }

// percentEncoded returns the length of a grpc-message: '%' and everything except printable ASCII take
// three bytes.
func percentEncoded(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] >= ' ' && s[i] <= '~' && s[i] != '%' {
			n++
		} else {
			n += 3
		}
	}
	return n
}
