package mapping

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// The trailers. They repeat the facts that a client needs if it cannot read google.rpc details, and
// control the retries that are built into gRPC clients (gRFC A6).
const (
	TrailerRequestID = "x-request-id"
	trailerReason    = "x-error-reason"
	trailerPushback  = "grpc-retry-pushback-ms"
)

// Result is the gRPC status of a call, with its trailers. The zero value is success.
type Result struct {
	info      *reasonInfo    // nil for a success
	status    *status.Status // nil for a success
	advice    advice
	requestID string
	// private is the text of Pelcro that callers do not see.
	private string
	origin  Origin

	unrecognised []Unrecognised
}

// OK reports whether the call succeeded.
func (r Result) OK() bool { return r.info == nil }

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
	if r.info == nil {
		return nil
	}
	trailer := metadata.Pairs(trailerReason, r.info.reason.String())
	if r.requestID != "" {
		trailer.Set(TrailerRequestID, r.requestID)
	}
	if r.advice.pushback != noPushback {
		trailer.Set(trailerPushback, r.advice.pushback)
	}
	return trailer
}
