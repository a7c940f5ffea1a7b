package explorer

import (
	"google.golang.org/grpc/codes"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// The kinds of codes, by what they are about. The page has a colour and these
// words for each.
const (
	kindOK      = "ok"
	kindRequest = "request"
	kindAccess  = "access"
	kindLater   = "later"
	kindFault   = "fault"
)

var kindWords = map[string]string{
	kindOK:      "It worked",
	kindRequest: "About the request",
	kindAccess:  "About access",
	kindLater:   "A matter of time",
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

// verdict says in a few words whether a program may repeat the call: the table
// "When to retry" of docs/errors.md, first row that fits.
func verdict(r mapping.Result) string {
	delay, code := r.RetryDelay(), r.Code()
	switch {
	case r.OK():
		return "Nothing to repeat"
	case r.Outcome() == mapping.OutcomeApplied:
		return "Do not repeat it: most likely the customer is there"
	case r.Outcome() == mapping.OutcomeUnknown:
		return "Look for the customer before repeating it"
	case delay > 0 && r.Outcome() == mapping.OutcomeRejected:
		return "Wait " + seconds(delay) + ", then repeat it: nothing was done"
	case delay > 0:
		return "Wait " + seconds(delay) + ", then repeat it"
	case r.Outcome() == mapping.OutcomeRejected:
		return "Slow down and back off for long: nothing was done"
	case code == codes.Unavailable && r.Outcome() == mapping.OutcomeNotSent:
		return "Repeat it with backoff: nothing was done"
	case code == codes.Unavailable:
		return "Repeat it with backoff"
	}
	return "Do not repeat it unchanged"
}
