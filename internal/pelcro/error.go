package pelcro

import (
	"net/http"
	"strconv"
)

// Error is a call that did not give what was asked for. It is for programs and
// logs: its text may hold host names and is never for callers.
type Error struct {
	// Call is the method and path template, for example "GET customers/{id}".
	Call string

	// StatusCode is the status of the reply, 0 when no whole reply arrived.
	StatusCode int
	Header     http.Header
	// Body is the reply's body, decompressed: at most MaxErrorBody bytes of an
	// error, MaxBody of a success.
	Body []byte
	// BodyIncomplete says that Body was cut at that limit, or at a failure.
	BodyIncomplete bool
	// TooLarge says that a success had more than MaxBody bytes.
	TooLarge bool
	// Unusable says that a success did not hold what it must.
	Unusable bool

	// Sent reports whether the request may have reached Pelcro.
	Sent bool
	// Err is the private cause, nil when the reply itself is the error.
	Err error

	// credential is what was shown to Pelcro.
	credential *credential
	// stale says that a connection broke that had been idle before: it was probably
	// closed while nobody used it.
	stale bool
	// saysNothing says that the failure is none of Pelcro's.
	saysNothing bool
}

func (e *Error) Error() string {
	what := "no reply"
	if e.StatusCode != 0 {
		what = "HTTP " + strconv.Itoa(e.StatusCode)
	}
	if e.Err != nil {
		what += ": " + e.Err.Error()
	}
	return "pelcro: " + e.Call + ": " + what
}

func (e *Error) Unwrap() error { return e.Err }
