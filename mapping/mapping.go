package mapping

import (
	"errors"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// Reply is an HTTP reply of Pelcro's, or of whatever stands in front of it.
type Reply struct {
	StatusCode int
	Header     http.Header
	// Body is the body, decompressed. An error's that is longer than
	// [MaxErrorBody] is not looked at.
	Body []byte
	// BodyIncomplete says that Body is not all of it: cut at the limit, or the
	// reading failed. It is then not looked at, and the status alone decides.
	BodyIncomplete bool
	// TooLarge says that a success had a larger body than the caller reads.
	TooLarge bool
	// Unusable says that a success had "data" that the caller could not use.
	Unusable bool
}

// Violation is one thing wrong with one field of a gRPC request.
type Violation struct {
	// Field is the path in the request message: proto names, zero-based indexes,
	// quoted map keys.
	Field       string
	Description string
	Reason      pelcrov1.FieldViolationReason
}

// Refusal is the service's own no.
type Refusal struct {
	// Reason is one of the GATEWAY_ reasons.
	Reason pelcrov1.ErrorReason
	// Violations are what is wrong with the request, for
	// GATEWAY_INVALID_REQUEST.
	Violations []Violation
	// Omitted counts what is wrong besides.
	Omitted int
	// Sent reports whether the request may have reached Pelcro before, as it may
	// when the service fails or shuts down in the middle of a call.
	Sent bool
	// Delay is how long the caller should wait before a retry, 0 if that is not known.
	Delay time.Duration
}

// FromReply maps a reply. The result of a success has the code OK.
func FromReply(call Call, reply Reply) Result {
	if len(reply.Body) > MaxErrorBody && !isSuccess(reply.StatusCode) {
		reply.BodyIncomplete = true
	}
	var b body
	if !reply.BodyIncomplete {
		b = readBody(reply.Body, reply.Header.Get("Content-Type"))
	}
	if !slices.ContainsFunc(showsErrors, func(s span) bool { return s.has(reply.StatusCode) }) {
		b.fields, b.omitted = nil, 0
	} else if strings.TrimSpace(b.text) == "" {
		b.text = b.errorsText
	}
	reason := reasonOf(call, reply, &b)
	if reason == noError {
		return Result{}
	}
	info := infoOf[reason]
	a := answer{
		call:    call,
		info:    info,
		advice:  adviseReply(call, reply, reason, info.code),
		omitted: b.omitted,
	}
	a.metadata[metaHTTPStatus] = strconv.Itoa(reply.StatusCode)
	if b.form != formObject {
		a.metadata[metaContentType] = mediaType(reply.Header)
	}
	switch reason {
	case pelcrov1.ErrorReason_PELCRO_UNAUTHENTICATED, pelcrov1.ErrorReason_PELCRO_PERMISSION_DENIED:
		a.metadata[metaCredential] = clean(string(call.Credential), maxMetadataValue)
	}
	if text := quotable(b.text, maxUpstreamMessage); mayQuote(reply.StatusCode, reason) && !b.isDebug {
		a.quote = text
	} else {
		a.private = text
	}
	a.addUpstream(b.fields)
	if reply.StatusCode == http.StatusTooManyRequests {
		a.quota, _ = digits(single(reply.Header, headerLimit))
	}
	return a.result()
}

// IsSuccess reports whether the reply is a success of the operation, as far as that can be told
// without reading its data.
func IsSuccess(operation Operation, reply Reply) bool {
	return FromReply(Call{Operation: operation}, reply).OK()
}

// FromNoReply maps the absence of a reply.
func FromNoReply(call Call, none NoReply) Result {
	info := infoOf[none.reason(call.Operation.Kind)]
	a := answer{call: call, info: info, advice: adviseNoReply(call, none.Sent, info.code)}
	return a.result()
}

// Refuse maps the service's own refusal or failure. A reason that this package
// does not know counts as GATEWAY_INTERNAL_ERROR, a violation's as
// FIELD_INVALID_VALUE.
func Refuse(call Call, refusal Refusal) Result {
	info, known := infoOf[refusal.Reason]
	if !known {
		info = infoOf[pelcrov1.ErrorReason_GATEWAY_INTERNAL_ERROR]
	}
	if refusal.Sent && call.Operation.Kind == Create && info.code == codes.Unavailable {
		info = infoOf[pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN]
	}
	a := answer{call: call, info: info, advice: adviseNoReply(call, refusal.Sent, info.code), omitted: refusal.Omitted}
	switch info.reason {
	case pelcrov1.ErrorReason_GATEWAY_UNAUTHENTICATED, pelcrov1.ErrorReason_GATEWAY_PERMISSION_DENIED:
		a.metadata[metaCredential] = string(CredentialCaller) // as with Pelcro's own
	}
	for _, v := range refusal.Violations {
		if len(a.violations) == maxViolations {
			a.omitted++
			continue
		}
		a.violations = append(a.violations, violation{
			field:       clean(v.Field, maxFieldPath),
			description: clean(v.Description, maxDescription),
			reason:      fieldReasonName(v.Reason),
		})
	}
	return a.result()
}

// mayQuote reports whether Pelcro's text may follow ours: where it blames the
// request or the account, the caller is the one who needs it. A server's text is
// for its own operator, and the text of a missing route names our URL.
func mayQuote(status int, reason pelcrov1.ErrorReason) bool {
	switch reason {
	case pelcrov1.ErrorReason_PELCRO_VALIDATION_FAILED, pelcrov1.ErrorReason_PELCRO_ERROR_IN_SUCCESS:
		return true
	case pelcrov1.ErrorReason_PELCRO_ROUTE_NOT_FOUND:
		return false
	}
	return status >= 400 && status <= 499
}

// addUpstream adds Pelcro's field errors; the first text is the one that the
// message shows, and so the upstream message.
func (a *answer) addUpstream(fields []fieldError) {
	if len(fields) == 0 {
		return
	}
	a.violations = make([]violation, len(fields))
	for i, f := range fields {
		description := quotable(f.text, maxDescription)
		if i == 0 && description != "" {
			a.quote = description
		}
		if description == "" {
			description = "Pelcro refused this value."
		}
		a.violations[i] = violation{
			field:       a.call.Operation.Fields.upstreamPath(f.key),
			description: description,
			reason:      fieldReasonName(fieldReason(f.text)),
		}
	}
}

// mediaType returns the reply's Content-Type without parameters, for example
// "text/html", empty if it is none of IANA's top-level types: then it could be
// anything.
func mediaType(header http.Header) string {
	value := header.Get("Content-Type")
	switch value {
	case "application/json", "text/html":
		return value
	case "text/html; charset=UTF-8", "text/html; charset=utf-8": // as nearly every page is sent
		return htmlType
	}
	parsed, _, err := mime.ParseMediaType(value)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return ""
	}
	switch kind, _, _ := strings.Cut(parsed, "/"); kind {
	case "application", "audio", "font", "image", "message", "model", "multipart", "text", "video":
		return clean(parsed, maxMetadataValue)
	}
	return ""
}
