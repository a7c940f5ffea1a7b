package mapping

import (
	"google.golang.org/grpc/codes"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// reasonInfo is what the wire and docs/errors.md say about a reason.
type reasonInfo struct {
	reason pelcrov1.ErrorReason
	// code is the one code of the reason.
	code codes.Code
	// message is the beginning of the status message.
	message string
	// when says when the reason occurs, if the rule table does not say everything.
	when string
	// advice says what the caller should do.
	advice string

	name string // the reason on the wire
}

// intermediaryMessage begins the message of every error that was made of an intermediary's response,
// and intermediaryAdvice is what a caller should do about it.
const (
	intermediaryMessage = "The response did not come from the Pelcro API"
	intermediaryAdvice  = "Something between this service and Pelcro (a proxy, a firewall, a CDN) wrote the response, or the base URL is wrong. " +
		"Report it to the operator of this service with the request id. Retry only what is UNAVAILABLE or RESOURCE_EXHAUSTED, and as RetryInfo says."
)

// catalog has every reason, in the order of docs/errors.md.
var catalog = []reasonInfo{
	{
		reason: pelcrov1.ErrorReason_PELCRO_VALIDATION_FAILED, code: codes.InvalidArgument,
		message: "Pelcro rejected fields of the request",
		advice:  "Correct the fields that BadRequest names and send the request again. Branch on the `reason` of the violation, not on its text.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_BAD_REQUEST, code: codes.InvalidArgument,
		message: "Pelcro rejected the request",
		advice:  "Read `upstreamMessage`, correct the request and send it again. An unchanged retry cannot succeed.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_UNAUTHENTICATED, code: codes.Unauthenticated,
		message: "Pelcro rejected the API key",
		advice:  "Check the key: it is missing, wrong or expired. Metadata `credential` says whose key it is; with `gateway` only the operator of this service can fix it.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_PAYMENT_REQUIRED, code: codes.FailedPrecondition,
		message: "Pelcro requires payment",
		advice:  "Settle the payment, then send the request again.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_PERMISSION_DENIED, code: codes.PermissionDenied,
		message: "Pelcro does not allow this with the API key",
		advice:  "Ask the owner of the account for the permission. Pelcro also sends this for a key of another site and for a blocked key.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_NOT_FOUND, code: codes.NotFound,
		message: "The customer does not exist or is not accessible",
		advice:  "Check the id and the site. Pelcro also reports some business rules this way: read `upstreamMessage`. A retried delete gets this reason because the first attempt took effect.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_ROUTE_NOT_FOUND, code: codes.NotFound,
		message: "Pelcro has no route for this request; the base URL may be wrong",
		when:    "Pelcro itself sends JSON about the missing customer. Anything else means a wrong base URL, or something in front of Pelcro.",
		advice:  "Ask the operator of this service to check `--pelcro-url`. It says nothing about the customer, so a delete is not done.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_METHOD_NOT_ALLOWED, code: codes.Unimplemented,
		message: "The RPC exists, but Pelcro rejected its HTTP method",
		advice:  "Report it to the operator of this service: the API of Pelcro has changed, or something in front of it rejects the method.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_PROTOCOL_ERROR, code: codes.Internal,
		message: "Pelcro, or a proxy in front of it, rejected the HTTP request of this service",
		advice:  "Report it to the operator of this service: only the operator can fix it.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_ALREADY_EXISTS, code: codes.AlreadyExists,
		message: "The customer already exists",
		advice:  "Look up the existing customer and update it. Field errors, if there are any, name the value that is taken.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_CONFLICT, code: codes.Aborted,
		message: "The request conflicts with the current state of the customer",
		advice:  "Read the customer again, decide again, send again.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_PRECONDITION_FAILED, code: codes.FailedPrecondition,
		message: "Pelcro rejected the request because of a precondition or a lock",
		advice:  "Change that state first; a retry alone does not help.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_REQUEST_TOO_LARGE, code: codes.InvalidArgument,
		message: "The request is too large for Pelcro, or for a proxy in front of it",
		advice:  "Send less, usually less metadata.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_OUT_OF_RANGE, code: codes.OutOfRange,
		message: "The requested range is outside the data of Pelcro",
		advice:  "Begin again with the first page.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_RATE_LIMITED, code: codes.ResourceExhausted,
		message: "The rate limit of Pelcro is exhausted",
		advice:  "Slow down. Wait as long as RetryInfo says, then retry. Nothing was done, so even a create may be retried.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_BLOCKED_FOR_LEGAL_REASONS, code: codes.PermissionDenied,
		message: "Access is denied for legal reasons",
		advice:  "Do not retry; ask the owner of the account.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_REQUEST_REFUSED, code: codes.FailedPrecondition,
		message: "Pelcro rejected the request",
		advice:  "Read `httpStatus` and `upstreamMessage`. A retry alone does not help.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_INTERNAL_ERROR, code: codes.Internal,
		message: "Pelcro failed",
		advice:  "Pelcro knows already; try again later. After a create (`outcome` is `unknown`) look first whether the customer exists.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_UNAVAILABLE, code: codes.Unavailable,
		message: "Pelcro, or a proxy in front of it, is unavailable",
		advice:  "Retry with backoff, after the delay of RetryInfo if there is one. If it lasts, look at the status page of Pelcro. A create whose `outcome` is `rejected` or `notSent` was not done.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_TIMEOUT, code: codes.Unavailable,
		message: "Pelcro did not respond in time",
		when:    "Also when the time limit of this service (`--request-timeout`) ends the call, on every RPC except Create.",
		advice:  "Retry with backoff. The deadline of the caller has not expired.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN, code: codes.Internal,
		message: "The customer may or may not have been created",
		when:    "Also when a create may have been sent and no whole response came: connection lost, time limit, broken HTTP, shutdown of this service.",
		advice:  "Do not retry the create blindly. Look for the customer (for example by email), and create it only if it does not exist. With a `request_id`, this service does that itself.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE, code: codes.Internal,
		message: "Pelcro returned an invalid response",
		when:    "The body of a success is empty, HTML, undecodable or not what Pelcro documents; a list is not the page that was requested; the response breaks HTTP; or the status is not an HTTP status.",
		advice:  "Report it to the operator of this service. A change may have taken effect (after a create, `outcome` says what is known): look before you retry it.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_RESPONSE_TOO_LARGE, code: codes.Internal,
		message: "The response of Pelcro is larger than this service accepts",
		advice:  "Request less: a smaller page_size, fewer relations in expand.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_ERROR_IN_SUCCESS, code: codes.Unknown,
		message: "Pelcro returned an error with a success status",
		advice:  "Read `upstreamMessage`; look whether a change took effect before you retry it.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_REDIRECT, code: codes.Internal,
		message: "Pelcro returned a redirect, which is never followed",
		advice:  "Ask the operator of this service to check `--pelcro-url`; Pelcro may also redirect during maintenance.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_UNREACHABLE, code: codes.Unavailable,
		message: "No connection to Pelcro; the request was not sent",
		when:    "Name resolution, connecting or the TLS handshake failed or took too long.",
		advice:  "Retry with backoff; any call may be retried, also a create.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_TLS_UNTRUSTED, code: codes.Internal,
		message: "TLS verification of Pelcro failed; the request was not sent",
		when:    "The certificate is not trusted or belongs to another host, or the server does not speak TLS.",
		advice:  "Report it to the operator of this service immediately. A retry does not help.",
	},
	{
		reason: pelcrov1.ErrorReason_PELCRO_CONNECTION_LOST, code: codes.Unavailable,
		message: "The connection to Pelcro broke before the response was complete",
		when:    "A reset or a cut response, on every RPC except Create.",
		advice:  "Retry with backoff. A retried delete may get PELCRO_NOT_FOUND, because the first attempt took effect.",
	},
	{
		reason: pelcrov1.ErrorReason_CALLER_DEADLINE_EXCEEDED, code: codes.DeadlineExceeded,
		message: "The deadline of the call expired before Pelcro responded",
		when:    "The deadline that the caller set ended the call, or a limit derived from it so that the error arrives first.",
		advice:  "Allow more time. After a create look first whether the customer exists, unless `outcome` is `notSent`.",
	},
	{
		reason: pelcrov1.ErrorReason_CALLER_CANCELLED, code: codes.Canceled,
		message: "The caller cancelled the call",
		when:    "The caller cancelled, or its connection was closed.",
		advice:  "Nothing. After a create look whether the customer exists, unless `outcome` is `notSent`.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST, code: codes.InvalidArgument,
		message: "The request is invalid; it was not sent to Pelcro",
		when:    "A field of the request is missing or invalid, the request cannot be decoded, or it has more than 20,000 fields (elements of lists and nested fields included).",
		advice:  "Correct the fields that BadRequest names; each description says how. A violation without a field is about the whole request.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_UNAUTHENTICATED, code: codes.Unauthenticated,
		message: "The caller is not authenticated",
		when:    "The call has no credential for this service, or a wrong one; or none for Pelcro, where the service forwards the credentials of its callers.",
		advice:  "Send the token or certificate that the operator of this service gave you, and your own Pelcro key (`authorization: Bearer KEY`) where the service forwards credentials.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_PERMISSION_DENIED, code: codes.PermissionDenied,
		message: "The caller may not call this method",
		when:    "The caller is known, but no rule allows it the method.",
		advice:  "Ask the operator of this service for the permission.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_UNKNOWN_METHOD, code: codes.Unimplemented,
		message: "This service has no such method",
		when:    "The service or method of the call is not offered here.",
		advice:  "Check the name and the version; server reflection lists the methods.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_OVERLOADED, code: codes.ResourceExhausted,
		message: "This service has too many concurrent calls",
		when:    "The limit of concurrent calls is reached.",
		advice:  "Slow down, or ask the operator of this service for more replicas. Nothing was sent to Pelcro.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_RATE_LIMITED, code: codes.ResourceExhausted,
		message: "Pelcro's quota has no place for this call before its deadline",
		when: "Pelcro allows an account so many requests in each time window. This service spends them before Pelcro has to reject any, " +
			"in order and fairly between callers; this call would have had to wait for longer than its deadline (60 s without one).",
		advice: "Wait as long as RetryInfo says, then retry; any call may be, because nothing was sent to Pelcro. " +
			"A longer deadline lets the call wait here. If it happens often, ask for fewer, larger reads, or the operator of this service for a larger share.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_CIRCUIT_OPEN, code: codes.Unavailable,
		message: "Circuit breaker open: Pelcro is failing",
		when:    "The circuit breaker is open.",
		advice:  "Retry with backoff, after the delay of RetryInfo if there is one. Nothing was sent to Pelcro, so any call may be retried.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN, code: codes.Unavailable,
		message: "This service is shutting down",
		when:    "The call was still running when the time for draining was over, or a stream when the service stopped or its connection was too old.",
		advice:  "Retry, a stream with its resume_token; another replica will respond.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_INTERNAL_ERROR, code: codes.Internal,
		message: "This service failed",
		when:    "A fault of this service, for example a panic or a request that it could not build.",
		advice:  "Report it to the operator of this service with the request id.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_UNKNOWN_SERVICE, code: codes.NotFound,
		message: "This server does not have that service",
		when:    "grpc.health.v1.Health was asked for a service that this server does not have.",
		advice:  "Ask for the empty name (the whole server) or for pelcro.v1.CustomerService.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_REQUEST_INCOMPLETE, code: codes.DeadlineExceeded,
		message: "The request did not arrive completely; it was not sent to Pelcro",
		when:    "10 seconds after its headers the request was still incomplete.",
		advice:  "Send the request immediately after the headers, and check the network. Nothing was sent to Pelcro, so any call may be retried.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_CREATE_PENDING, code: codes.Unavailable,
		message: "The customer may still be created; retry with the same request_id",
		when: "A create with a request_id was sent, its outcome is not known, and Pelcro does not have the customer yet, or cannot be asked. " +
			"After `--create-settle-time` (2 minutes) a retry creates the customer.",
		advice: "Retry the same request with the same `request_id`, after the delay of RetryInfo, until it succeeds. Do not use another id: that could create a second customer.",
	},
	{
		reason: pelcrov1.ErrorReason_GATEWAY_REQUEST_ID_REUSED, code: codes.InvalidArgument,
		message: "The request_id was used for a different request",
		when:    "A create with this request_id was sent before, and it was another request.",
		advice:  "Use a new UUID for each customer, and retry a create with the unchanged request. Nothing was sent to Pelcro.",
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
