package mapping

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// Outcome says what became of the request upstream; it is the metadata
// "outcome".
type Outcome string

// The outcomes. Empty means that the code says enough, or that a repetition
// does no harm.
const (
	OutcomeNotSent  Outcome = "notSent"  // Pelcro never saw the request
	OutcomeRejected Outcome = "rejected" // Pelcro refused it before doing anything
	OutcomeApplied  Outcome = "applied"  // Pelcro did it, but its answer is no use
	OutcomeUnknown  Outcome = "unknown"  // it may or may not have happened
)

// maxDelay is the longest delay that is believed.
const maxDelay = 24 * time.Hour

// Origin says who wrote a response; it is the metadata "origin".
type Origin string

// The origins. Empty means that there was no response.
const (
	OriginPelcro       Origin = "pelcro"
	OriginIntermediary Origin = "intermediary" // whatever is in front of Pelcro, or instead of it
)

// noPushback is a pushback that asks for nothing.
const noPushback = ""

// stop is the pushback that forbids every retry.
const stop = "-1"

// Laravel's headers, spelled as net/http has them in an [http.Header]; to look up
// Laravel's own spelling, X-RateLimit, would mean to respell it each time.
const (
	headerLimit = "X-Ratelimit-Limit"
	headerReset = "X-Ratelimit-Reset"
)

// advice is what the caller is told of a retry.
type advice struct {
	outcome  Outcome
	delay    time.Duration // google.rpc.RetryInfo; 0 = none
	pushback string        // trailer grpc-retry-pushback-ms
}

// adviseReply says what to do after a reply; the first rule that holds decides.
func adviseReply(call Call, reply Reply, reason pelcrov1.ErrorReason, code codes.Code) advice {
	switch {
	case reply.StatusCode == http.StatusTooManyRequests:
		// The limiter refused before anything was done, so even a create may be
		// repeated.
		return delayed(call, OutcomeRejected, delay(reply))
	case call.Operation.Kind == Create && isSuccess(reply.StatusCode) &&
		(reason == pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE || reason == pelcrov1.ErrorReason_PELCRO_RESPONSE_TOO_LARGE):
		return advice{outcome: OutcomeApplied, pushback: stop}
	case call.Operation.Kind == Create && isAmbiguous(code):
		return advice{outcome: OutcomeUnknown, pushback: stop}
	case reply.StatusCode == http.StatusServiceUnavailable:
		return delayed(call, "", delay(reply))
	}
	return advice{}
}

// adviseNoReply says what to do when there was no reply.
func adviseNoReply(call Call, sent bool, code codes.Code) advice {
	switch {
	case !sent:
		return advice{outcome: OutcomeNotSent}
	case call.Operation.Kind == Create && isAmbiguous(code):
		return advice{outcome: OutcomeUnknown, pushback: stop}
	}
	return advice{}
}

// isAmbiguous reports whether code leaves open what happened upstream.
func isAmbiguous(code codes.Code) bool {
	switch code {
	case codes.Internal, codes.Unavailable, codes.Unknown, codes.DeadlineExceeded, codes.Canceled:
		return true
	}
	return false
}

// delayed asks for a retry after d, if d is known. A client that slept past its
// own deadline would lose this error, so a longer delay forbids the automatic
// retry and only RetryInfo tells it.
func delayed(call Call, outcome Outcome, d time.Duration) advice {
	a := advice{outcome: outcome, delay: d}
	switch {
	case d == 0:
	case d <= call.Remaining:
		a.pushback = strconv.FormatInt(d.Milliseconds(), 10)
	default:
		a.pushback = stop
	}
	return a
}

// delay returns how long the reply asks to wait, 0 when that is not known:
// Retry-After (RFC 9110, section 10.2.3) or, on 429, Laravel's
// X-RateLimit-Reset, a Unix time. Points in time are measured from the reply's
// own Date, because clocks differ.
func delay(reply Reply) time.Duration {
	if d := retryAfter(reply.Header); d > 0 {
		return d
	}
	if reply.StatusCode != http.StatusTooManyRequests {
		return 0
	}
	reset, ok := digits(single(reply.Header, headerReset))
	if !ok {
		return 0
	}
	return since(reply.Header, time.Unix(reset, 0))
}

func retryAfter(header http.Header) time.Duration {
	value := single(header, "Retry-After")
	if value == "" {
		return 0
	}
	if seconds, ok := digits(value); ok {
		return plausible(seconds, time.Second)
	}
	when, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if zone, _ := when.Zone(); zone != "GMT" && zone != "UTC" {
		return 0 // HTTP knows no other, and Go would take any for GMT
	}
	return since(header, when)
}

// since returns the time from the reply's Date to when, 0 if it is unknown.
func since(header http.Header, when time.Time) time.Duration {
	date, err := http.ParseTime(single(header, "Date"))
	if err != nil {
		return 0
	}
	return plausible(when.Unix()-date.Unix(), time.Second)
}

// plausible returns n units as a delay, 0 if that is none or too long.
func plausible(n int64, unit time.Duration) time.Duration {
	if n <= 0 || n > int64(maxDelay/unit) {
		return 0
	}
	return time.Duration(n) * unit
}

// digits reads a number that is digits only and of a plausible length.
func digits(s string) (int64, bool) {
	if !isIndex(s) || len(s) > len("1795335979") {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// single returns the header's value, empty when there is none or when there are
// several that differ.
func single(header http.Header, name string) string {
	values := header.Values(name)
	for _, value := range values {
		if value != values[0] {
			return ""
		}
	}
	if len(values) == 0 {
		return ""
	}
	return strings.TrimSpace(values[0])
}
