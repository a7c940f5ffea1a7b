package mapping

import (
	"net/http"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/retryafter"
)

// Response is an HTTP response of Pelcro, or of something in front of it.
type Response struct {
	StatusCode int
	Header     http.Header
	// Body is decompressed. The body of an error is read if it has at most 256 KiB.
	Body []byte
	// BodyIncomplete says that Body was cut, at a limit or by a failure. The status alone then
	// decides.
	BodyIncomplete bool
	// TooLarge says that the body of a success is larger than the caller reads.
	TooLarge bool
	// Unusable says that the caller could not use the "data" of a success.
	Unusable bool
}

// Violation is a google.rpc.BadRequest.FieldViolation of a gRPC request.
type Violation struct {
	// Field is the path in the request message: proto names, zero-based indexes, quoted map keys.
	Field       string
	Description string
	Reason      pelcrov1.FieldViolationReason
}

// LocalError is an error that the service raises itself.
type LocalError struct {
	// Reason is one of the GATEWAY_ reasons.
	Reason pelcrov1.ErrorReason
	// Violations are the invalid fields, for GATEWAY_INVALID_REQUEST.
	Violations []Violation
	// Omitted counts further violations.
	Omitted int
	// Sent reports whether the request may have reached Pelcro before the service failed or shut
	// down.
	Sent bool
	// Delay is how long the caller should wait before a retry, 0 if it is unknown.
	Delay time.Duration
	// Quota is how many requests Pelcro allows in each time window, for GATEWAY_RATE_LIMITED; 0 if it
	// is unknown.
	Quota int64
}

// FromResponse maps a response. The result of a success has the code OK.
func FromResponse(call Call, response Response) Result {
	call = call.ofRead()
	e := examine(call.Operation, response)
	reason := reasonOf(call.Operation, response, e)
	if reason == noError {
		return Result{}
	}
	b := errorBuilder{
		call:         call,
		unrecognised: unrecognised(call.Operation, response, e, reason),
		info:         infoOf[reason],
		advice:       adviseResponse(call, response, e, reason),
		origin:       e.origin,
		metadata:     map[string]string{metaHTTPStatus: strconv.Itoa(response.StatusCode)},
		precondition: preconditions[response.StatusCode],
	}
	if e.kind != bodyObject {
		b.metadata[metaContentType] = mediaType(response.Header)
	}
	if e.origin == OriginPelcro && (reason == pelcrov1.ErrorReason_PELCRO_UNAUTHENTICATED || reason == pelcrov1.ErrorReason_PELCRO_PERMISSION_DENIED) {
		b.metadata[metaCredential] = credential(call.CallerKey)
	}
	if text := publicText(e.text, maxUpstreamMessage); mayQuote(response.StatusCode, reason) && !e.isDebug {
		b.quote = text
	} else {
		b.private = text
	}
	switch reason {
	case pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE:
	case pelcrov1.ErrorReason_PELCRO_VALIDATION_FAILED, pelcrov1.ErrorReason_PELCRO_ALREADY_EXISTS, pelcrov1.ErrorReason_PELCRO_CONFLICT:
		b.addUpstream(e.fields)
		b.omitted = e.omitted
	default:
		b.omitted = e.omitted + len(e.fields)
	}
	if response.StatusCode == http.StatusTooManyRequests {
		b.quota = retryafter.Limit(response.Header)
	}
	return b.result()
}

// preconditions are the types of google.rpc.PreconditionFailure by HTTP status.
var preconditions = map[int]string{
	http.StatusPaymentRequired:      "PAYMENT",
	http.StatusPreconditionFailed:   "PRECONDITION",
	http.StatusLocked:               "LOCK",
	http.StatusFailedDependency:     "DEPENDENCY",
	http.StatusPreconditionRequired: "PRECONDITION",
}

// credential returns whose API key it is.
func credential(isCallers bool) string {
	if isCallers {
		return "caller"
	}
	return "gateway"
}

// FromNoResponse maps the absence of a response.
func FromNoResponse(call Call, none NoResponse) Result {
	call = call.ofRead()
	b := errorBuilder{
		call:   call,
		info:   infoOf[none.reason(call.Operation.Kind)],
		advice: adviseNoResponse(call, none.Sent),
	}
	return b.result()
}

// FromLocalError maps an error that this service raises itself. A reason that this package does not know
// counts as GATEWAY_INTERNAL_ERROR, a violation's as FIELD_INVALID_VALUE.
func FromLocalError(call Call, local LocalError) Result {
	call = call.ofRead()
	info, known := infoOf[local.Reason]
	if !known {
		info = infoOf[pelcrov1.ErrorReason_GATEWAY_INTERNAL_ERROR]
	}
	if local.Sent && call.Operation.Kind == Create && isRetried(info.code) && info.reason != pelcrov1.ErrorReason_GATEWAY_CREATE_PENDING {
		info = infoOf[pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN]
	}
	b := errorBuilder{
		call:     call,
		info:     info,
		advice:   adviseLocalError(call, local),
		metadata: map[string]string{},
		omitted:  local.Omitted,
		quota:    local.Quota,
	}
	switch info.reason {
	case pelcrov1.ErrorReason_GATEWAY_UNAUTHENTICATED, pelcrov1.ErrorReason_GATEWAY_PERMISSION_DENIED:
		b.metadata[metaCredential] = credential(true) // as with Pelcro's own
	}
	for _, v := range local.Violations {
		if len(b.violations) == maxViolations {
			b.omitted++
			continue
		}
		b.violations = append(b.violations, &errdetails.BadRequest_FieldViolation{
			Field:       clean(v.Field, maxFieldPath),
			Description: clean(v.Description, maxDescription),
			Reason:      fieldReasonName(v.Reason),
		})
	}
	return b.result()
}

// isRetried reports whether clients and meshes retry the code unless told otherwise.
func isRetried(code codes.Code) bool {
	return code == codes.Unavailable || code == codes.ResourceExhausted || code == codes.Aborted
}

// mayQuote reports whether the upstream's text may follow ours: where it blames the request or the
// account, the caller needs it. A server's text is for its own operator.
func mayQuote(status int, reason pelcrov1.ErrorReason) bool {
	switch reason {
	case pelcrov1.ErrorReason_PELCRO_VALIDATION_FAILED, pelcrov1.ErrorReason_PELCRO_ERROR_IN_SUCCESS:
		return true
	}
	return status >= 400 && status <= 499
}

// addUpstream adds Pelcro's field errors; the first text is the one that the message shows, and so
// the upstream message.
func (b *errorBuilder) addUpstream(fields []fieldError) {
	for i, f := range fields {
		reason, _ := fieldReason(f.text)
		description := publicText(f.text, maxDescription)
		if i == 0 && description != "" {
			b.quote = description
		}
		if description == "" {
			description = "Pelcro rejected this value."
		}
		b.violations = append(b.violations, &errdetails.BadRequest_FieldViolation{
			Field:       b.call.Operation.fields.upstreamPath(f.key),
			Description: description,
			Reason:      fieldReasonName(reason),
		})
	}
}
