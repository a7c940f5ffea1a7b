package promises_test

import (
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

const fromIntermediary = "The response did not come from the Pelcro API"

// mistakes are the rules that an error breaks.
type mistakes []string

func (m *mistakes) expectf(ok bool, format string, args ...any) {
	if !ok {
		*m = append(*m, fmt.Sprintf(format, args...))
	}
}

// checkResponseError checks an error that was made from the response.
func (m *mistakes) checkResponseError(rpc string, r sentResponse, err error, trailer metadata.MD) {
	info := gatewaytest.Detail[*errdetails.ErrorInfo](err)
	reason, known := pelcrov1.ErrorReason_value[info.GetReason()]
	m.expectf(known && reason != 0 && strings.HasPrefix(info.GetReason(), "PELCRO_"), "the reason %q", info.GetReason())
	m.expectf(first(trailer, "x-error-reason") == info.GetReason(), "the trailer x-error-reason is %q", trailer["x-error-reason"])
	m.expectf(first(trailer, "x-request-id") == gatewaytest.Detail[*errdetails.RequestInfo](err).GetRequestId(), "the request ids differ")

	origin := info.GetMetadata()["origin"]
	m.expectf(origin == r.origin(), "the origin %q", origin)
	message := status.Convert(err).Message()
	byIntermediary := r.origin() == "intermediary"
	m.expectf(strings.HasPrefix(message, fromIntermediary) == byIntermediary, "the message of the origin %q", r.origin())
	if byIntermediary {
		m.expectf(gatewaytest.Detail[*errdetails.ResourceInfo](err) == nil, "ResourceInfo from an intermediary")
		m.expectf(info.GetMetadata()["credential"] == "", "a credential, although Pelcro has not checked it")
		m.expectf(!strings.Contains(message, "API key"), "the message mentions the API key")
	}
	m.checkRetryAdvice(rpc, r, err, trailer)
}

// checkRetryAdvice checks the outcome and the retry advice. The response asks for a retry after
// seven seconds.
func (m *mistakes) checkRetryAdvice(rpc string, r sentResponse, err error, trailer metadata.MD) {
	outcome, code := outcomeOf(err), status.Code(err)
	delay := gatewaytest.Detail[*errdetails.RetryInfo](err).GetRetryDelay().AsDuration().String()
	pushback := first(trailer, "grpc-retry-pushback-ms")

	if rpc == "CreateCustomer" {
		m.expectf(outcome == r.createOutcome(), "the outcome %q, want %q", outcome, r.createOutcome())
		if want := r.createOutcome(); want == "unknown" || want == "applied" {
			m.expectf(code == codes.Internal || code == codes.Unknown, "%v, although the customer may exist", code)
			m.expectf(delay == "0s" && pushback == "-1", "a retry after %s with pushback %q, although the customer may exist", delay, pushback)
			return
		}
	}
	switch code {
	case codes.Unavailable, codes.ResourceExhausted:
		m.expectf(delay == "7s" && pushback == "7000", "a retry after %s with pushback %q", delay, pushback)
	default:
		m.expectf(delay == "0s" && pushback == "", "%v with a retry after %s and pushback %q", code, delay, pushback)
	}
}

// first returns the trailer's only value, empty if there is none or more than one.
func first(md metadata.MD, name string) string {
	if values := md.Get(name); len(values) == 1 {
		return values[0]
	}
	return ""
}
