package explorer

import (
	"google.golang.org/grpc/codes"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// The kinds of codes. The page has a colour for each, and these words.
const (
	kindOK      = "ok"
	kindRequest = "request"
	kindAccess  = "access"
	kindLater   = "later"
	kindFault   = "fault"
)

var kindWords = map[string]string{
	kindOK:      "Success",
	kindRequest: "About the request",
	kindAccess:  "About access",
	kindLater:   "Temporary",
	kindFault:   "A fault behind the service",
}

func kindOf(code codes.Code) string {
	switch code {
	case codes.OK:
		return kindOK
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition, codes.Aborted, codes.OutOfRange:
		return kindRequest
	case codes.Unauthenticated, codes.PermissionDenied:
		return kindAccess
	case codes.ResourceExhausted, codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return kindLater
	}
	return kindFault
}

// originWords say who wrote the response.
var originWords = map[mapping.Origin]string{
	mapping.OriginPelcro:       "Pelcro wrote the response.",
	mapping.OriginIntermediary: "Not Pelcro: a proxy, a firewall or another server wrote the response.",
}

// outcomeWords say what happened to the request at Pelcro.
var outcomeWords = map[mapping.Outcome]string{
	mapping.OutcomeNotSent:  "Nothing was sent to Pelcro.",
	mapping.OutcomeRejected: "The request was rejected before it had an effect.",
	mapping.OutcomeApplied:  "The request most likely took effect.",
	mapping.OutcomeUnknown:  "The request may or may not have taken effect.",
}

// verdict says in a few words whether a program may retry the call: the first matching row of the
// table "When to retry" of docs/errors.md.
func verdict(r mapping.Result) string {
	delay, code := r.RetryDelay(), r.Code()
	switch {
	case r.OK():
		return "Nothing to retry"
	case r.Outcome() == mapping.OutcomeApplied:
		return "Do not retry: the customer is most likely there"
	case r.Outcome() == mapping.OutcomeUnknown:
		return "Look for the customer before a retry"
	case delay > 0 && r.Outcome() == mapping.OutcomeRejected:
		return "Wait " + seconds(delay) + ", then retry: nothing was done"
	case delay > 0:
		return "Wait " + seconds(delay) + ", then retry"
	case code == codes.ResourceExhausted:
		return "Slow down and back off for long: nothing was done"
	case code == codes.Unavailable && r.Outcome() != "":
		return "Retry with backoff: nothing was done" // not sent, or rejected
	case code == codes.Unavailable:
		return "Retry with backoff"
	}
	return "Do not retry it unchanged"
}
