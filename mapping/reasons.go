package mapping

import (
	"google.golang.org/grpc/codes"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// reasonInfo is what is said of a reason, on the wire and in docs/errors.md.
type reasonInfo struct {
	reason pelcrov1.ErrorReason
	// code is the one code of the reason.
	code codes.Code
	// message is the beginning of the status message.
	message string
	// when says when it comes, for reasons that are not in the rule table or need
	// more than the table says.
	when string
	// advice says what the caller should do.
	advice string

	name string // the reason on the wire
}

// catalog has every reason, in the order of docs/errors.md.
var catalog = []reasonInfo{
	{
		reason: pelcrov1.ErrorReason_PELCRO_VALIDATION_FAILED, code: codes.InvalidArgument,
		message: "Pelcro refused fields of the request",
		advice:  "Correct the fields that BadRequest names and send the request again. Branch on the violation's `reason`, not on its text.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_BAD_REQUEST, code: codes.InvalidArgument,
		message: "Pelcro refused the request",
		advice:  "Read `upstreamMessage`, correct the request and send it again. Repeating it unchanged cannot succeed.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_UNAUTHENTICATED, code: codes.Unauthenticated,
		message: "Pelcro refused the API key",
		advice:  "Check the key: it is missing, wrong or expired. Metadata `credential` says whose it was; `gateway` is for the operator of this service to cure, not for the caller.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_PAYMENT_REQUIRED, code: codes.FailedPrecondition,
		message: "Pelcro wants a payment to be settled first",
		advice:  "Settle the payment, then send the request again.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_PERMISSION_DENIED, code: codes.PermissionDenied,
		message: "Pelcro does not allow this to the API key",
		advice:  "Ask the account's owner for the right. Pelcro also answers so to a key of another site or a blocked key.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_NOT_FOUND, code: codes.NotFound,
		message: "What was asked for does not exist or is not accessible",
		advice:  "Check the id and the site. Pelcro also reports some business rules this way: read `upstreamMessage`. A repeated delete answers so because the first one took effect.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_ROUTE_NOT_FOUND, code: codes.NotFound,
		message: "The answer came from no Pelcro API",
		when:    "Pelcro itself answers in JSON about the missing resource. A page or a missing route means a wrong base URL, or something in front of Pelcro.",
		advice:  "Tell the operator of this service to check `--pelcro-url`. It says nothing about the customer.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_METHOD_NOT_ALLOWED, code: codes.Unimplemented,
		message: "The RPC exists, but Pelcro refused its HTTP method",
		advice:  "Report it to the operator of this service: Pelcro's API has changed, or something in front of it refuses the verb.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_PROTOCOL_ERROR, code: codes.Internal,
		message: "Pelcro, or a proxy in front of it, found fault with this service's HTTP request",
		advice:  "Report it to the operator of this service; the caller cannot cure it.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_ALREADY_EXISTS, code: codes.AlreadyExists,
		message: "Pelcro says that the customer exists already",
		advice:  "Look for the existing customer and update it. Field errors, if there are any, name the value that is taken.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_CONFLICT, code: codes.Aborted,
		message: "The request conflicts with the present state of the customer",
		advice:  "Read the customer again, decide again, send again.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_PRECONDITION_FAILED, code: codes.FailedPrecondition,
		message: "A precondition or a lock stands in the way at Pelcro",
		advice:  "Change the state that stands in the way first; repeating alone does not help.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_REQUEST_TOO_LARGE, code: codes.InvalidArgument,
		message: "The request is too large for Pelcro, or for a proxy in front of it",
		advice:  "Send less, usually less metadata.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_OUT_OF_RANGE, code: codes.OutOfRange,
		message: "The requested range lies outside what Pelcro has",
		advice:  "Begin again with the first page.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_RATE_LIMITED, code: codes.ResourceExhausted,
		message: "Pelcro's rate limit is reached",
		advice:  "Slow down. Wait as long as RetryInfo says, then retry; without RetryInfo back off for long. Nothing was done, so even a create may be repeated.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_BLOCKED_FOR_LEGAL_REASONS, code: codes.PermissionDenied,
		message: "Access is refused for legal reasons",
		advice:  "Do not retry; ask the account's owner.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_REQUEST_REFUSED, code: codes.FailedPrecondition,
		message: "Pelcro refused the request",
		advice:  "Read `httpStatus` and `upstreamMessage`. Repeating alone does not help.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_INTERNAL_ERROR, code: codes.Internal,
		message: "Pelcro failed",
		advice:  "Pelcro knows already; try again later. After a create look first whether the customer is there (`outcome` is `unknown`).",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_UNAVAILABLE, code: codes.Unavailable,
		message: "Pelcro, or a proxy in front of it, is not able to answer now",
		advice:  "Retry with backoff, after the delay of RetryInfo if there is one; if it lasts, look at Pelcro's status page. After a create look first whether the customer is there.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_TIMEOUT, code: codes.Unavailable,
		message: "Pelcro did not answer in time",
		when:    "Also when this service's own time limit (`--request-timeout`) ends the call, on every RPC but Create.",
		advice:  "Retry with backoff. It was not the caller's deadline that passed.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN, code: codes.Internal,
		message: "The customer may or may not have been created",
		when:    "Also when a create may have been sent and no whole reply came: connection lost, time limit, malformed HTTP, shutdown of this service.",
		advice:  "Do not repeat the create blindly. Look for the customer (for example by email), and create it only if it is not there.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE, code: codes.Internal,
		message: "Pelcro's answer is no use",
		when:    "The body of a success is empty, a page, cut, or not what Pelcro documents; or the status is none of HTTP's.",
		advice:  "Report it to the operator of this service. A change that was answered with success probably took effect (after a create `outcome` is `applied`): look before repeating it.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_RESPONSE_TOO_LARGE, code: codes.Internal,
		message: "Pelcro's answer is larger than this service accepts",
		advice:  "Ask for less: a smaller page_size, fewer relations in expand.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_ERROR_IN_SUCCESS, code: codes.Unknown,
		message: "Pelcro answered success with an error in the body",
		advice:  "Read `upstreamMessage`; look whether a change took effect before repeating it.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_REDIRECT, code: codes.Internal,
		message: "Pelcro answered with a redirect, which is never followed",
		advice:  "Tell the operator of this service to check `--pelcro-url`; Pelcro in maintenance may redirect, too.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_UNREACHABLE, code: codes.Unavailable,
		message: "There is no connection to Pelcro; nothing was sent",
		when:    "Name resolution, connecting or the TLS handshake failed or took too long.",
		advice:  "Retry with backoff; any call may be repeated, also a create.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_TLS_UNTRUSTED, code: codes.Internal,
		message: "Pelcro did not prove that it is Pelcro; nothing was sent",
		when:    "The certificate is not trusted or belongs to another host, or the answer was not TLS.",
		advice:  "Report it to the operator of this service at once. Repeating does not help.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_CONNECTION_LOST, code: codes.Unavailable,
		message: "The connection to Pelcro broke before the answer was whole",
		when:    "Reset, cut reply, HTTP/2 GOAWAY, malformed HTTP or oversized headers, on every RPC but Create.",
		advice:  "Retry with backoff. A repeated delete may answer NOT_FOUND, because the first one took effect.",
	},
	{
		reason: pelcrov1.ErrorReason_CALLER_DEADLINE_EXCEEDED, code: codes.DeadlineExceeded,
		message: "The call's own deadline passed before Pelcro had answered",
		when:    "The deadline that the caller set ended the call, or a limit derived from it so that the answer arrives first.",
		advice:  "Allow more time. After a create look first whether the customer is there, unless `outcome` is `notSent`.",
	},
	{
		reason: pelcrov1.ErrorReason_CALLER_CANCELLED, code: codes.Canceled,
		message: "The caller cancelled the call",
		when:    "The caller cancelled, or its connection went away.",
		advice:  "Nothing. After a create look whether the customer is there, unless `outcome` is `notSent`.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST, code: codes.InvalidArgument,
		message: "The request was refused before any call to Pelcro",
		when:    "A field of the request is missing or impossible.",
		advice:  "Correct the fields that BadRequest names; each description says how.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_UNAUTHENTICATED, code: codes.Unauthenticated,
		message: "This service does not know the caller",
		when:    "The call has no credential for this service, or a wrong one; or none for Pelcro, where the service forwards its callers' own.",
		advice: "Send the token or certificate that the operator of this service gave you, and your own Pelcro key " +
			"(`authorization: Bearer KEY`) where the service forwards those.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_PERMISSION_DENIED, code: codes.PermissionDenied,
		message: "The caller may not use this method",
		when:    "The caller is known, but no rule allows it the method.",
		advice:  "Ask the operator of this service for the right.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_UNKNOWN_METHOD, code: codes.Unimplemented,
		message: "This service has no such method",
		when:    "The service or method of the call is not offered here.",
		advice:  "Check the name and the version; server reflection lists what there is.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_OVERLOADED, code: codes.ResourceExhausted,
		message: "This service has too many calls in flight",
		when:    "The limit of concurrent calls is reached.",
		advice:  "Slow down, or ask the operator of this service for more replicas. Nothing was sent to Pelcro.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_CIRCUIT_OPEN, code: codes.Unavailable,
		message: "Pelcro kept failing, so it is not called just now",
		when:    "The circuit breaker is open.",
		advice:  "Retry with backoff. Nothing was sent to Pelcro, so any call may be repeated.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN, code: codes.Unavailable,
		message: "This service is shutting down",
		when:    "The call was still running when the time for draining was over.",
		advice:  "Retry; another replica will answer.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_INTERNAL_ERROR, code: codes.Internal,
		message: "This service failed",
		when:    "A fault of this service, for example a panic or a request that it could not build.",
		advice:  "Report it to the operator of this service with the request id.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_UNKNOWN_SERVICE, code: codes.NotFound,
		message: "The health of that service is not known here",
		when:    "grpc.health.v1.Health was asked for a service that this server does not have.",
		advice:  "Ask for the empty name (the whole server) or for pelcro.v1.CustomerService.",
	},
}

// infoOf finds a reason in the catalog.
var infoOf = func() map[pelcrov1.ErrorReason]*reasonInfo {
	index := make(map[pelcrov1.ErrorReason]*reasonInfo, len(catalog))
	for i := range catalog {
		catalog[i].name = catalog[i].reason.String()
		index[catalog[i].reason] = &catalog[i]
	}
	return index
}()

// Code returns the one gRPC code of a reason, codes.OK for the unspecified one
// and codes.Unknown for a reason that this version does not know.
func Code(reason pelcrov1.ErrorReason) codes.Code {
	if reason == noError {
		return codes.OK
	}
	if info, known := infoOf[reason]; known {
		return info.code
	}
	return codes.Unknown
}

// Advice returns what a caller should do about a reason: the text of
// docs/errors.md, in Markdown with nothing but `code`. It is empty for the
// unspecified reason and for one that this version does not know.
func Advice(reason pelcrov1.ErrorReason) string {
	if info, known := infoOf[reason]; known {
		return info.advice
	}
	return ""
}
