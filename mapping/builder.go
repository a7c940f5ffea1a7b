package mapping

import (
	"cmp"
	"fmt"
	"maps"
	"strconv"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/wiresize"
)

// The keys of google.rpc.ErrorInfo's metadata.
const (
	metaContentType       = "contentType"
	metaCredential        = "credential"
	metaHTTPStatus        = "httpStatus"
	metaOperation         = "operation"
	metaOrigin            = "origin"
	metaOutcome           = "outcome"
	metaUpstreamMessage   = "upstreamMessage"
	metaViolationsOmitted = "violationsOmitted"
)

// quotaSubject is the subject of google.rpc.QuotaFailure.
const quotaSubject = "pelcro-api"

// errorBuilder puts an error together.
type errorBuilder struct {
	call   Call
	info   *reasonInfo
	advice advice
	origin Origin

	quote        string            // the upstream's text, safe to show
	private      string            // the upstream's text where callers do not see it
	metadata     map[string]string // what the constructor knows; empty values are left out
	violations   []*errdetails.BadRequest_FieldViolation
	omitted      int   // violations that are not in violations
	quota        int64 // X-RateLimit-Limit, 0 if unknown
	unrecognised []Unrecognised
	precondition string // type of the google.rpc.PreconditionFailure, empty for none
}

// result builds the status within the budget: violations are dropped from the end, never the first
// one. That is always enough, because every other text is bounded so that one violation fits beside
// them (TestWorstCaseFits).
func (b *errorBuilder) result() Result {
	b.advice.outcome = cmp.Or(b.call.Lookup, b.advice.outcome)
	r := Result{
		info:      b.info,
		advice:    b.advice,
		origin:    b.origin,
		requestID: clean(b.call.RequestID, maxMetadataValue),
		private:   b.private,

		unrecognised: b.unrecognised,
	}
	message, trailer := b.message(), r.Trailer()
	for {
		s := &spb.Status{Code: int32(b.info.code), Message: message, Details: b.details(r.requestID)}
		excess := wiresize.Of(s, trailer).Excess()
		if excess <= 0 || len(b.violations) <= 1 {
			r.status = status.FromProto(s)
			return r
		}
		b.drop(excess)
	}
}

// drop removes violations of at least so many bytes from the end, but never the first one.
func (b *errorBuilder) drop(bytes int) {
	for bytes > 0 && len(b.violations) > 1 {
		last := len(b.violations) - 1
		bytes -= proto.Size(b.violations[last])
		b.violations = b.violations[:last]
		b.omitted++
	}
}

// details returns the details of the status, each type at most once.
func (b *errorBuilder) details(requestID string) (details []*anypb.Any) {
	add := func(detail proto.Message) {
		packed := new(anypb.Any)
		// The same error gives the same bytes, although ErrorInfo has a map. Marshalling fails
		// only for invalid UTF-8, and every text was cleaned.
		if err := anypb.MarshalFrom(packed, detail, proto.MarshalOptions{Deterministic: true}); err == nil {
			details = append(details, packed)
		}
	}
	add(&errdetails.ErrorInfo{Reason: b.info.reason.String(), Domain: domain, Metadata: b.allMetadata()})
	if len(b.violations) > 0 {
		add(&errdetails.BadRequest{FieldViolations: b.violations})
	}
	if b.precondition != "" {
		add(&errdetails.PreconditionFailure{Violations: []*errdetails.PreconditionFailure_Violation{{
			Type: b.precondition, Subject: quotaSubject, Description: b.info.message + ".",
		}}})
	}
	if b.advice.delay > 0 {
		add(&errdetails.RetryInfo{RetryDelay: durationpb.New(b.advice.delay)})
	}
	if b.quota > 0 {
		// Clients with an old error_details.proto drop quota_value and read only the description.
		add(&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{
			Subject:     quotaSubject,
			Description: fmt.Sprintf("Pelcro allows %d requests in each time window.", b.quota),
			QuotaValue:  b.quota,
		}}})
	}
	if b.info.reason == pelcrov1.ErrorReason_PELCRO_NOT_FOUND && b.call.ResourceID != "" && b.origin != OriginIntermediary {
		add(&errdetails.ResourceInfo{
			ResourceType: clean(b.call.Operation.Resource, maxMetadataValue),
			ResourceName: clean(b.call.ResourceID, maxMetadataValue),
		})
	}
	if requestID != "" {
		add(&errdetails.RequestInfo{RequestId: requestID})
	}
	return details
}

func (b *errorBuilder) allMetadata() map[string]string {
	all := map[string]string{
		metaOperation:       clean(b.call.Operation.Name, maxMetadataValue),
		metaOrigin:          string(b.origin),
		metaOutcome:         string(b.advice.outcome),
		metaUpstreamMessage: b.quote,
	}
	maps.Copy(all, b.metadata)
	if b.omitted > 0 {
		all[metaViolationsOmitted] = strconv.Itoa(b.omitted)
	}
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}

// message returns the status message: our own words, and the upstream's text.
func (b *errorBuilder) message() string {
	own := b.info.message
	if b.origin == OriginIntermediary {
		own = intermediaryMessage
	}
	if httpStatus := b.metadata[metaHTTPStatus]; httpStatus != "" {
		own += " (HTTP " + httpStatus + ")"
	}
	switch {
	case len(b.violations) > 0:
		first := b.violations[0]
		separator := ": "
		if first.GetField() == "" {
			separator = ""
		}
		more := ""
		if total := len(b.violations) + b.omitted; total > 1 {
			more = " (+" + strconv.Itoa(total-1) + " more)"
		}
		return cut(own+": "+first.GetField()+separator+first.GetDescription(), maxMessage-len(more)) + more
	case b.quote != "":
		return cut(own+": "+b.quote, maxMessage)
	}
	return cut(own, maxMessage)
}
