package pelcro

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
)

// Response is an HTTP response as it was read.
type Response struct {
	StatusCode int
	Header     http.Header
	// Body is decompressed: at most [MaxErrorBody] bytes of an error, [MaxBody] of a success, and of
	// a success above that the first 1,024 bytes.
	Body []byte
	// JSON is the whole body of a success, zero if that is empty or not JSON.
	JSON rawjson.Value
	// Incomplete says that Body is not all of the body: it was cut at the limit or by a failure.
	Incomplete bool
	// TooLarge says that a success is larger than MaxBody, or than can be passed on.
	TooLarge bool

	call       string
	credential *credential
	share      *bodyShare
}

// Invalid returns the error of a success whose content is invalid, for the cause given.
func (r *Response) Invalid(cause error) *Error {
	return &Error{Call: r.call, Outcome: BadResponse, Response: r, Sent: true, Err: cause}
}

var errTooLargeToSend = errors.New("the response is larger than can be passed on")

// TooLargeToSend returns the error of a success that is larger than can be passed on.
func (r *Response) TooLargeToSend() *Error {
	response := *r
	response.TooLarge = true
	return response.Invalid(errTooLargeToSend)
}

// Error is a failed call: an error response, an unusable response, or none. It is for programs and
// logs: its text may hold host names and must not reach callers.
type Error struct {
	// Call is the method and path template, for example "GET customers/{id}".
	Call    string
	Outcome Outcome
	// Response is nil if none arrived, or if a success was cut: its status alone promises what did
	// not arrive.
	Response *Response
	// Sent reports whether any attempt of the call may have reached Pelcro.
	Sent bool
	// RetryAfter is the rest of the time for which the circuit breaker stays open, with CircuitOpen,
	// and after which the quota has a place for the call, with RateLimited.
	RetryAfter time.Duration
	// Limit is how many requests Pelcro allows in a time window, with RateLimited; 0 if that is unknown.
	Limit int
	// Err is the private cause, nil if the response itself is the error.
	Err error
}

func (e *Error) Error() string {
	what := "no response"
	if e.Response != nil {
		what = "HTTP " + strconv.Itoa(e.Response.StatusCode)
	}
	text := fmt.Sprintf("pelcro: %s: %s", e.Call, what)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }
