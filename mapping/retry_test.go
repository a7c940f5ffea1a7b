package mapping_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// advised is what a result tells its caller of a retry.
type advised struct {
	delay    time.Duration
	pushback string // the trailer, empty for none
	outcome  string
}

func adviceOf(t testing.TB, result mapping.Result) advised {
	t.Helper()
	d := checkPromises(t, result)
	return advised{
		delay:    d.retry.GetRetryDelay().AsDuration(),
		pushback: strings.Join(result.Trailer().Get("grpc-retry-pushback-ms"), ","),
		outcome:  d.info.GetMetadata()["outcome"],
	}
}

// TestRetryAdviceOfResponses has the situations of retry advice in which Pelcro or
// a proxy responded.
func TestRetryAdviceOfResponses(t *testing.T) {
	const none = ""
	read := []string{"GetCustomer", "ListCustomers", "UpdateCustomer", "DeleteCustomer"}
	create := []string{"CreateCustomer"}
	every := slices.Concat(create, read)
	for _, test := range []struct {
		name       string
		operations []string
		status     int
		body       string
		retryAfter string
		remaining  time.Duration
		want       advised
	}{
		{"429, delay fits", every, 429, "", "17", 20 * time.Second, advised{17 * time.Second, "17000", "rejected"}},
		{"429, delay fits exactly", every, 429, "", "17", 17 * time.Second, advised{17 * time.Second, "17000", "rejected"}},
		{"429, delay does not fit", every, 429, "", "17", 17*time.Second - 1, advised{17 * time.Second, "-1", "rejected"}},
		{"429, nothing left", every, 429, "", "1", time.Nanosecond, advised{time.Second, "-1", "rejected"}},
		{"429, deadline passed", every, 429, "", "1", -time.Second, advised{time.Second, "-1", "rejected"}},
		{"429, no deadline", every, 429, "", "60", 0, advised{time.Minute, "60000", "rejected"}},
		{"429, no deadline, too long", every, 429, "", "61", 0, advised{61 * time.Second, "-1", "rejected"}},
		{"429, a day", every, 429, "", "86400", 48 * time.Hour, advised{24 * time.Hour, "86400000", "rejected"}},
		{"429, delay unknown", every, 429, "", none, time.Minute, advised{time.Minute, "-1", "rejected"}},

		{"create, page as success", create, 200, page, "5", time.Minute, advised{0, "-1", "unknown"}},
		{"create, nothing as success", create, 201, "", none, time.Minute, advised{0, "-1", "unknown"}},
		{"create, success without data", create, 201, "{}", none, time.Minute, advised{0, "-1", "applied"}},
		{"create, 200 without data", create, 200, "{}", none, time.Minute, advised{0, "-1", "unknown"}},
		{"create, error in success", create, 200, `{"error":"x"}`, none, time.Minute, advised{0, "-1", "unknown"}},
		{"create, error in 201", create, 201, `{"success":false}`, none, time.Minute, advised{0, "-1", "unknown"}},
		{"create, field errors in success", create, 200, fieldErrors, none, time.Minute, advised{0, "", "rejected"}},

		{"create, maintenance", create, 503, message, "5", time.Minute, advised{5 * time.Second, "5000", "rejected"}},
		{"create, 503 of a proxy", create, 503, page, "5", time.Minute, advised{0, "-1", "unknown"}},
		{"create, 503", create, 503, message, none, time.Minute, advised{0, "-1", "unknown"}},
		{"create, 500", create, 500, "", none, time.Minute, advised{0, "-1", "unknown"}},
		{"create, 502", create, 502, "", "5", time.Minute, advised{0, "-1", "unknown"}},
		{"create, 504", create, 504, "", none, time.Minute, advised{0, "-1", "unknown"}},
		{"create, 408", create, 408, "", none, time.Minute, advised{0, "-1", "unknown"}},
		{"create, 499", create, 499, "", "5", time.Minute, advised{0, "-1", "unknown"}},
		{"create, 421", create, 421, "", none, time.Minute, advised{0, "", "rejected"}},
		{"create, 425", create, 425, "", "5", time.Minute, advised{5 * time.Second, "5000", "rejected"}},
		{"create, 521", create, 521, page, none, time.Minute, advised{0, "", "rejected"}},
		{"create, moved", create, 301, "", "5", time.Minute, advised{0, "", "rejected"}},
		{"create, moved with the method", create, 308, "", "5", time.Minute, advised{0, "", "rejected"}},
		{"create, redirect", create, 302, "", "5", time.Minute, advised{0, "-1", "unknown"}},
		{"create, see other", create, 303, "", "5", time.Minute, advised{0, "-1", "unknown"}},
		{"create, our request at fault", create, 415, "", none, time.Minute, advised{0, "", "rejected"}},
		{"create, 400", create, 400, fieldErrors, "5", time.Minute, advised{0, "", "rejected"}},
		{"create, 409", create, 409, message, "5", time.Minute, advised{0, "", "rejected"}},
		{"create, not HTTP", create, 999, "", none, time.Minute, advised{0, "-1", "unknown"}},

		{"503, delay fits", read, 503, "", "5", time.Minute, advised{5 * time.Second, "5000", ""}},
		{"503, delay does not fit", read, 503, "", "90", time.Minute, advised{90 * time.Second, "-1", ""}},
		{"503, no deadline", read, 503, page, "60", 0, advised{time.Minute, "60000", ""}},
		{"503, delay unknown", read, 503, "", none, time.Minute, advised{}},

		{"500", read, 500, "", "5", time.Minute, advised{}},
		{"502", read, 502, "", "5", time.Minute, advised{5 * time.Second, "5000", ""}},
		{"504", read, 504, "", "5", time.Minute, advised{5 * time.Second, "5000", ""}},
		{"408", read, 408, "", "5", time.Minute, advised{5 * time.Second, "5000", ""}},
		{"425", read, 425, "", "5", time.Minute, advised{5 * time.Second, "5000", ""}},
		{"301", read, 301, "", "5", time.Minute, advised{}},
		{"page as success", read, 200, page, "5", time.Minute, advised{}},
		{"400", read, 400, fieldErrors, "5", time.Minute, advised{}},
		{"401", read, 401, "", "5", time.Minute, advised{}},
		{"403", read, 403, "", "5", time.Minute, advised{}},
		{"404", read, 404, "", "5", time.Minute, advised{}},
		{"405", read, 405, "", "5", time.Minute, advised{}},
		{"409", read, 409, "", "5", time.Minute, advised{}},
		{"413", read, 413, page, "5", time.Minute, advised{}},
		{"418", read, 418, "", "5", time.Minute, advised{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, operation := range test.operations {
				call := callOf(t, operation)
				call.Remaining = test.remaining
				response := jsonResponse(test.status, test.body)
				if test.retryAfter != none {
					response.Header.Set("Retry-After", test.retryAfter)
				}
				if got := adviceOf(t, mapping.FromResponse(call, response)); got != test.want {
					t.Errorf("%s: %+v, want %+v", operation, got, test.want)
				}
			}
		})
	}
}

// TestCreateThatCannotBeUsed: a create is known to be applied only by evidence.
func TestCreateThatCannotBeUsed(t *testing.T) {
	for _, test := range []struct {
		name     string
		response mapping.Response
		want     string
	}{
		{"above the limit", mapping.Response{StatusCode: 201, TooLarge: true, BodyIncomplete: true}, "unknown"},
		{"data without an id", mapping.Response{StatusCode: 200, Body: []byte(`{"data":{"email":"a"}}`), Unusable: true}, "applied"},
		{"201 with odd data", mapping.Response{StatusCode: 201, Body: []byte(`{"data":1}`), Unusable: true}, "applied"},
		{"200 with odd data", mapping.Response{StatusCode: 200, Body: []byte(`{"data":1}`), Unusable: true}, "unknown"},
		{"too large to send", mapping.Response{StatusCode: 200, Body: []byte(`{"data":{"id":1}}`), TooLarge: true}, "applied"},
		{"contradiction", mapping.Response{StatusCode: 201, Body: []byte(`{"data":{"email":"a"},"success":false}`), Unusable: true}, "unknown"},
		{"cut", mapping.Response{StatusCode: 201, Body: []byte(`{"data":{"id":1`), BodyIncomplete: true}, "unknown"},
	} {
		result := mapping.FromResponse(callOf(t, "CreateCustomer"), test.response)
		if got, want := adviceOf(t, result), (advised{0, "-1", test.want}); got != want {
			t.Errorf("%s: %+v, want %+v", test.name, got, want)
		}
	}
}
