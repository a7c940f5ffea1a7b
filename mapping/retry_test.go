package mapping_test

import (
	"net/http"
	"slices"
	"strconv"
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

// TestRetryAdviceOfReplies has the situations of retry advice in which Pelcro or
// a proxy answered.
func TestRetryAdviceOfReplies(t *testing.T) {
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
		{"429, nothing left", every, 429, "", "1", 0, advised{time.Second, "-1", "rejected"}},
		{"429, deadline passed", every, 429, "", "1", -time.Second, advised{time.Second, "-1", "rejected"}},
		{"429, no deadline", every, 429, "", "60", mapping.NoDeadline, advised{time.Minute, "60000", "rejected"}},
		{"429, no deadline, too long", every, 429, "", "61", mapping.NoDeadline, advised{61 * time.Second, "-1", "rejected"}},
		{"429, a day", every, 429, "", "86400", 48 * time.Hour, advised{24 * time.Hour, "86400000", "rejected"}},
		{"429, delay unknown", every, 429, "", none, time.Minute, advised{0, "", "rejected"}},

		{"create, page as success", create, 200, page, "5", time.Minute, advised{0, "-1", "applied"}},
		{"create, nothing as success", create, 201, "", none, time.Minute, advised{0, "-1", "applied"}},
		{"create, success without data", create, 201, "{}", none, time.Minute, advised{0, "-1", "applied"}},
		{"create, error in success", create, 200, `{"error":"x"}`, none, time.Minute, advised{0, "-1", "unknown"}},
		{"create, field errors in success", create, 200, fieldErrors, none, time.Minute, advised{}},

		{"create, 503 with a delay", create, 503, "", "5", time.Minute, advised{0, "-1", "unknown"}},
		{"create, 503", create, 503, "", none, time.Minute, advised{0, "-1", "unknown"}},
		{"create, 500", create, 500, "", none, time.Minute, advised{0, "-1", "unknown"}},
		{"create, 502", create, 502, "", "5", time.Minute, advised{0, "-1", "unknown"}},
		{"create, 504", create, 504, "", none, time.Minute, advised{0, "-1", "unknown"}},
		{"create, 408", create, 408, "", none, time.Minute, advised{0, "-1", "unknown"}},
		{"create, 421", create, 421, "", none, time.Minute, advised{0, "-1", "unknown"}},
		{"create, 425", create, 425, "", none, time.Minute, advised{0, "-1", "unknown"}},
		{"create, redirect", create, 302, "", "5", time.Minute, advised{0, "-1", "unknown"}},
		{"create, our request at fault", create, 415, "", none, time.Minute, advised{0, "-1", "unknown"}},
		{"create, not HTTP", create, 999, "", none, time.Minute, advised{0, "-1", "unknown"}},

		{"503, delay fits", read, 503, "", "5", time.Minute, advised{5 * time.Second, "5000", ""}},
		{"503, delay does not fit", read, 503, "", "90", time.Minute, advised{90 * time.Second, "-1", ""}},
		{"503, no deadline", read, 503, page, "60", mapping.NoDeadline, advised{time.Minute, "60000", ""}},
		{"503, delay unknown", read, 503, "", none, time.Minute, advised{}},

		{"500", read, 500, "", "5", time.Minute, advised{}},
		{"502", read, 502, "", "5", time.Minute, advised{}},
		{"504", read, 504, "", "5", time.Minute, advised{}},
		{"408", read, 408, "", "5", time.Minute, advised{}},
		{"425", read, 425, "", "5", time.Minute, advised{}},
		{"301", read, 301, "", "5", time.Minute, advised{}},
		{"page as success", read, 200, page, "5", time.Minute, advised{}},
		{"400", every, 400, fieldErrors, "5", time.Minute, advised{}},
		{"401", every, 401, "", "5", time.Minute, advised{}},
		{"403", every, 403, "", "5", time.Minute, advised{}},
		{"404", every, 404, "", "5", time.Minute, advised{}},
		{"405", every, 405, "", "5", time.Minute, advised{}},
		{"409", every, 409, "", "5", time.Minute, advised{}},
		{"413", every, 413, page, "5", time.Minute, advised{}},
		{"418", every, 418, "", "5", time.Minute, advised{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, operation := range test.operations {
				call := callOf(t, operation)
				call.Remaining = test.remaining
				reply := jsonReply(test.status, test.body)
				if test.retryAfter != none {
					reply.Header.Set("Retry-After", test.retryAfter)
				}
				if got := adviceOf(t, mapping.FromReply(call, reply)); got != test.want {
					t.Errorf("%s: %+v, want %+v", operation, got, test.want)
				}
			}
		})
	}
}

func TestTooLargeCreate(t *testing.T) {
	result := mapping.FromReply(callOf(t, "CreateCustomer"), mapping.Reply{StatusCode: 201, TooLarge: true})
	if got, want := adviceOf(t, result), (advised{0, "-1", "applied"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	result = mapping.FromReply(callOf(t, "CreateCustomer"), mapping.Reply{StatusCode: 201, Body: []byte(`{"data":1}`), Unusable: true})
	if got, want := adviceOf(t, result), (advised{0, "-1", "applied"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestRetryAfter has the header in all its forms; a zero delay is an unknown one.
func TestRetryAfter(t *testing.T) {
	const (
		date    = "Sun, 22 Nov 2026 09:00:00 GMT"
		unknown = time.Duration(0)
	)
	for _, test := range []struct {
		name, date, value string
		want              time.Duration
	}{
		{"seconds", "", "120", 2 * time.Minute},
		{"one second", "", "1", time.Second},
		{"leading zeros", "", "007", 7 * time.Second},
		{"blanks around", "", " 5\t", 5 * time.Second},
		{"a day", "", "86400", 24 * time.Hour},
		{"IMF-fixdate", date, "Sun, 22 Nov 2026 09:02:00 GMT", 2 * time.Minute},
		{"RFC 850", date, "Sunday, 22-Nov-26 09:02:00 GMT", 2 * time.Minute},
		{"asctime", date, "Sun Nov 22 09:02:00 2026", 2 * time.Minute},
		{"asctime, one digit", "Fri, 06 Nov 2026 09:00:00 GMT", "Fri Nov  6 09:02:00 2026", 2 * time.Minute},
		{"Date in RFC 850", "Sunday, 22-Nov-26 09:00:00 GMT", "Sun, 22 Nov 2026 09:00:30 GMT", 30 * time.Second},
		{"next day", "Thu, 31 Dec 2026 23:59:59 GMT", "Fri, 01 Jan 2027 00:00:09 GMT", 10 * time.Second},
		{"date, exactly a day", date, "Mon, 23 Nov 2026 09:00:00 GMT", 24 * time.Hour},

		{"none", date, "", unknown},
		{"zero", "", "0", unknown},
		{"zeros", "", "000", unknown},
		{"negative", "", "-1", unknown},
		{"signed", "", "+5", unknown},
		{"fraction", "", "1.5", unknown},
		{"comma", "", "1,5", unknown},
		{"exponent", "", "1e2", unknown},
		{"hexadecimal", "", "0x10", unknown},
		{"unit", "", "5s", unknown},
		{"words", "", "soon", unknown},
		{"more than a day", "", "86401", unknown},
		{"overlong", "", "00000000060", unknown},
		{"beyond 64 bits", "", "99999999999999999999", unknown},
		{"beyond a duration", "", "9223372036", unknown},
		{"not ASCII digits", "", "١٢", unknown},
		{"list", "", "5, 10", unknown},
		{"date without Date", "", "Sun, 22 Nov 2026 09:02:00 GMT", unknown},
		{"date with a broken Date", "yesterday", "Sun, 22 Nov 2026 09:02:00 GMT", unknown},
		{"past", date, "Sun, 22 Nov 2026 08:59:59 GMT", unknown},
		{"now", date, date, unknown},
		{"more than a day ahead", date, "Mon, 23 Nov 2026 09:00:01 GMT", unknown},
		{"far future", date, "Fri, 31 Dec 9999 23:59:59 GMT", unknown},
		{"far past", date, "Mon, 01 Jan 0001 00:00:00 GMT", unknown},
		{"not GMT", date, "Sun, 22 Nov 2026 09:02:00 +0100", unknown},
		{"ISO 8601", date, "2026-11-22T09:02:00Z", unknown},
		{"impossible date", date, "Sun, 32 Nov 2026 09:02:00 GMT", unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, status := range []int{429, 503} {
				call := callOf(t, "GetCustomer")
				call.Remaining = 24 * time.Hour
				reply := jsonReply(status, "")
				if test.date != "" {
					reply.Header.Set("Date", test.date)
				}
				if test.value != "" {
					reply.Header.Set("Retry-After", test.value)
				}
				got := adviceOf(t, mapping.FromReply(call, reply))
				want := advised{delay: test.want}
				if test.want != unknown {
					want.pushback = strconv.FormatInt(test.want.Milliseconds(), 10)
				}
				if status == 429 {
					want.outcome = "rejected"
				}
				if got != want {
					t.Errorf("HTTP %d: %+v, want %+v", status, got, want)
				}
			}
		})
	}
}

func TestSeveralRetryAfter(t *testing.T) {
	for _, test := range []struct {
		values []string
		want   time.Duration
	}{
		{[]string{"5", "5"}, 5 * time.Second},
		{[]string{"5", "6"}, 0},
		{[]string{"", "6"}, 0},
	} {
		reply := mapping.Reply{StatusCode: 503, Header: http.Header{"Retry-After": test.values}}
		if got := adviceOf(t, mapping.FromReply(callOf(t, "GetCustomer"), reply)).delay; got != test.want {
			t.Errorf("%q: %v, want %v", test.values, got, test.want)
		}
	}
}

func TestRateLimitReset(t *testing.T) {
	const date = "Sun, 22 Nov 2026 09:00:00 GMT"
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC).Unix()
	in := func(seconds int64) string { return strconv.FormatInt(now+seconds, 10) }
	for _, test := range []struct {
		name                    string
		status                  int
		date, retryAfter, reset string
		want                    time.Duration
	}{
		{"known", 429, date, "", in(45), 45 * time.Second},
		{"Retry-After first", 429, date, "7", in(45), 7 * time.Second},
		{"instead of a Retry-After of no use", 429, date, "soon", in(45), 45 * time.Second},
		{"without Date", 429, "", "", in(45), 0},
		{"past", 429, date, "", in(-1), 0},
		{"now", 429, date, "", in(0), 0},
		{"a day", 429, date, "", in(86400), 24 * time.Hour},
		{"more than a day", 429, date, "", in(86401), 0},
		{"seconds, not a time", 429, date, "", "45", 0},
		{"milliseconds", 429, date, "", in(45) + "000", 0},
		{"signed", 429, date, "", "-" + in(45), 0},
		{"garbage", 429, date, "", "later", 0},
		{"another status", 503, date, "", in(45), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			reply := mapping.Reply{StatusCode: test.status, Header: http.Header{}}
			for name, value := range map[string]string{"Date": test.date, "Retry-After": test.retryAfter, "X-RateLimit-Reset": test.reset} {
				if value != "" {
					reply.Header.Set(name, value)
				}
			}
			if got := adviceOf(t, mapping.FromReply(callOf(t, "GetCustomer"), reply)).delay; got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}
