package mapping

import (
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// quotaSubject is whose quota a 429 is about.
const quotaSubject = "pelcro-api"

// answer is an error while it is put together.
type answer struct {
	call   Call
	info   *reasonInfo
	advice advice

	suffix     string                    // follows the reason's own message
	quote      string                    // Pelcro's text, safe to show
	private    string                    // Pelcro's text where callers do not see it
	metadata   [len(metadataKeys)]string // empty: absent
	violations []violation
	omitted    int   // violations that are not in violations
	quota      int64 // X-RateLimit-Limit, 0 if unknown
}

// violation is a google.rpc.BadRequest.FieldViolation, safe to send.
type violation struct{ field, description, reason string }

// The metadata of google.rpc.ErrorInfo, in the order on the wire.
const (
	metaContentType = iota
	metaCredential
	metaHTTPStatus
	metaOperation
	metaOutcome
	metaUpstreamMessage
	metaViolationsOmitted
)

var metadataKeys = [...]string{
	metaContentType:       "contentType",
	metaCredential:        "credential",
	metaHTTPStatus:        "httpStatus",
	metaOperation:         "operation",
	metaOutcome:           "outcome",
	metaUpstreamMessage:   "upstreamMessage",
	metaViolationsOmitted: "violationsOmitted",
}

// result builds the status, within the budget: violations are dropped from the
// end, never the first one. That is always enough, because every other text is
// bounded so that one violation fits beside them (TestWorstCaseFits).
func (a *answer) result() Result {
	a.metadata[metaOperation] = clean(a.call.Operation.Name, maxMetadataValue)
	a.metadata[metaOutcome] = string(a.advice.outcome)
	a.metadata[metaUpstreamMessage] = a.quote
	r := Result{
		reason:    a.info.reason,
		advice:    a.advice,
		requestID: clean(a.call.RequestID, maxMetadataValue),
		private:   a.private,
	}
	total := len(a.violations) + a.omitted
	rest := a.details(r.requestID)
	for {
		s := a.build(total, rest)
		size := proto.Size(s)
		r.wireBytes = wireBytes(s, size, r)
		over := max(size-MaxStatusBytes, (3*(r.wireBytes-MaxWireBytes)+3)/4)
		if over <= 0 || len(a.violations) <= 1 {
			r.status = status.FromProto(s)
			return r
		}
		a.drop(over)
	}
}

// drop removes violations of at least so many bytes from the end, but never the
// first one.
func (a *answer) drop(bytes int) {
	for bytes > 0 && len(a.violations) > 1 {
		last := len(a.violations) - 1
		bytes -= a.violations[last].size()
		a.violations = a.violations[:last]
		a.omitted++
	}
}

func (a *answer) build(total int, rest []*anypb.Any) *spb.Status {
	if a.omitted > 0 {
		a.metadata[metaViolationsOmitted] = strconv.Itoa(a.omitted)
	}
	details := make([]*anypb.Any, 0, 2+len(rest))
	details = append(details, packErrorInfo(a.info.name, a.metadata))
	if len(a.violations) > 0 {
		details = append(details, packBadRequest(a.violations))
	}
	return &spb.Status{
		Code:    int32(a.info.code),
		Message: a.message(total),
		Details: append(details, rest...),
	}
}

// message returns the status message: our own words, and what Pelcro said.
func (a *answer) message(total int) string {
	switch {
	case len(a.violations) > 0:
		first := a.violations[0]
		separator := ": "
		if first.field == "" {
			separator = ""
		}
		more := ""
		if total > 1 {
			more = " (+" + strconv.Itoa(total-1) + " more)"
		}
		return cut(a.info.message+a.suffix+": "+first.field+separator+first.description, maxMessage-len(more)) + more
	case a.quote != "":
		return cut(a.info.message+a.suffix+": "+a.quote, maxMessage)
	}
	return cut(a.info.message+a.suffix, maxMessage)
}

// details returns the details whose size does not depend on the violations.
func (a *answer) details(requestID string) []*anypb.Any {
	details := make([]*anypb.Any, 0, 4)
	if a.advice.delay > 0 {
		details = append(details, packRetryInfo(a.advice.delay))
	}
	if a.quota > 0 {
		details = append(details, packQuotaFailure(a.quota))
	}
	if a.info.reason == pelcrov1.ErrorReason_PELCRO_NOT_FOUND && a.call.ResourceID != "" {
		details = append(details, packResourceInfo(
			clean(a.call.Operation.Resource, maxMetadataValue),
			clean(a.call.ResourceID, maxMetadataValue),
		))
	}
	if requestID != "" {
		details = append(details, packRequestInfo(requestID))
	}
	return details
}

func packRetryInfo(delay time.Duration) *anypb.Any {
	return pack(typeURL+"RetryInfo", &errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
}

func packQuotaFailure(quota int64) *anypb.Any {
	return pack(typeURL+"QuotaFailure", &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{
		Subject:     quotaSubject,
		Description: "Requests that Pelcro allows in one of its time windows.",
		QuotaValue:  quota,
	}}})
}
