package mapping

import (
	"strconv"

	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// answer is an error while it is put together.
type answer struct {
	call   Call
	info   *reasonInfo
	advice advice

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
		info:      a.info,
		advice:    a.advice,
		requestID: clean(a.call.RequestID, maxMetadataValue),
		private:   a.private,
	}
	message := a.message()
	d := takeDraft()
	defer drafts.Put(d)
	for {
		a.write(d, message, r.requestID)
		size := d.size()
		r.wireBytes = wireBytes(&d.status, size, r)
		over := max(size-MaxStatusBytes, (3*(r.wireBytes-MaxWireBytes)+3)/4)
		if over <= 0 || len(a.violations) <= 1 {
			r.status = status.FromProto(&d.status)
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

// write writes the whole status.
func (a *answer) write(d *draft, message, requestID string) {
	if a.omitted > 0 {
		a.metadata[metaViolationsOmitted] = strconv.Itoa(a.omitted)
	}
	d.begin(int32(a.info.code), message)
	d.add(typeURL+"ErrorInfo", appendErrorInfo(d.values, a.info.name, &a.metadata))
	if len(a.violations) > 0 {
		d.add(typeURL+"BadRequest", appendBadRequest(d.values, a.violations))
	}
	if a.advice.delay > 0 {
		d.add(typeURL+"RetryInfo", appendRetryInfo(d.values, a.advice.delay))
	}
	if a.quota > 0 {
		d.add(typeURL+"QuotaFailure", appendQuotaFailure(d.values, a.quota))
	}
	if a.info.reason == pelcrov1.ErrorReason_PELCRO_NOT_FOUND && a.call.ResourceID != "" {
		d.add(typeURL+"ResourceInfo", appendResourceInfo(d.values,
			clean(a.call.Operation.Resource, maxMetadataValue),
			clean(a.call.ResourceID, maxMetadataValue),
		))
	}
	if requestID != "" {
		d.add(typeURL+"RequestInfo", appendRequestInfo(d.values, requestID))
	}
}

// message returns the status message: our own words, and what Pelcro said.
func (a *answer) message() string {
	open, status, end := "", a.metadata[metaHTTPStatus], ""
	if status != "" {
		open, end = " (HTTP ", ")"
	}
	switch {
	case len(a.violations) > 0:
		first := a.violations[0]
		separator := ": "
		if first.field == "" {
			separator = ""
		}
		more := ""
		if total := len(a.violations) + a.omitted; total > 1 {
			more = " (+" + strconv.Itoa(total-1) + " more)"
		}
		return cut(a.info.message+open+status+end+": "+first.field+separator+first.description, maxMessage-len(more)) + more
	case a.quote != "":
		return cut(a.info.message+open+status+end+": "+a.quote, maxMessage)
	}
	return cut(a.info.message+open+status+end, maxMessage)
}
