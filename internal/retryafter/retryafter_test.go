package retryafter_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/retryafter"
)

// The response's own time, in the forms of a date that HTTP has. 20 seconds later is 08:49:57.
const (
	date       = "Sun, 06 Nov 1994 08:49:37 GMT"
	inIMF      = "Sun, 06 Nov 1994 08:49:57 GMT"
	inRFC850   = "Sunday, 06-Nov-94 08:49:57 GMT"
	inAsctime  = "Sun Nov  6 08:49:57 1994"
	atUnixTime = "784111797" // 08:49:57, too
)

// headers returns headers from lines like "Retry-After: 3".
func headers(lines ...string) http.Header {
	header := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		header.Add(name, value)
	}
	return header
}

func TestDelay(t *testing.T) {
	const unknown = 0
	for _, test := range []struct {
		name   string
		header http.Header
		want   time.Duration
	}{
		{"nothing", nil, unknown},
		{"seconds", headers("Retry-After: 3"), 3 * time.Second},
		{"leading zeros", headers("Retry-After: 007"), 7 * time.Second},
		{"whitespace around", headers("Retry-After:  3 "), 3 * time.Second},
		{"a day", headers("Retry-After: 86400"), 24 * time.Hour},
		{"more than a day", headers("Retry-After: 86401"), unknown},
		{"zero", headers("Retry-After: 0"), unknown},
		{"negative", headers("Retry-After: -3"), unknown},
		{"signed", headers("Retry-After: +3"), unknown},
		{"fractional", headers("Retry-After: 1.5"), unknown},
		{"exponent", headers("Retry-After: 1e2"), unknown},
		{"hexadecimal", headers("Retry-After: 0x10"), unknown},
		{"unit", headers("Retry-After: 30s"), unknown},
		{"other digits", headers("Retry-After: ٣"), unknown},
		{"overlong", headers("Retry-After: 00000000003"), unknown},
		{"beyond all integers", headers("Retry-After: 99999999999999999999"), unknown},
		{"garbage", headers("Retry-After: soon"), unknown},
		{"empty", headers("Retry-After: "), unknown},
		{"list", headers("Retry-After: 3, 4"), unknown},

		{"date", headers("Date: "+date, "Retry-After: "+inIMF), 20 * time.Second},
		{"date of RFC 850", headers("Date: "+date, "Retry-After: "+inRFC850), 20 * time.Second},
		{"date of asctime", headers("Date: "+date, "Retry-After: "+inAsctime), 20 * time.Second},
		{"date measured from one of another form", headers("Date: Sunday, 06-Nov-94 08:49:37 GMT", "Retry-After: "+inAsctime), 20 * time.Second},
		{"date without one to measure from", headers("Retry-After: " + inIMF), unknown},
		{"date measured from garbage", headers("Date: today", "Retry-After: "+inIMF), unknown},
		{"date now", headers("Date: "+date, "Retry-After: "+date), unknown},
		{"date in the past", headers("Date: "+inIMF, "Retry-After: "+date), unknown},
		{"date in a day", headers("Date: "+date, "Retry-After: Mon, 07 Nov 1994 08:49:37 GMT"), 24 * time.Hour},
		{"date in more than a day", headers("Date: "+date, "Retry-After: Mon, 07 Nov 1994 08:49:38 GMT"), unknown},
		{"date in another zone", headers("Date: "+date, "Retry-After: Sun, 06 Nov 1994 08:49:57 EST"), unknown},
		{"date of ISO 8601", headers("Date: "+date, "Retry-After: 1994-11-06T08:49:57Z"), unknown},

		{"same value several times", headers("Retry-After: 3", "Retry-After: 3"), 3 * time.Second},
		{"several different values", headers("Retry-After: 3", "Retry-After: 4"), unknown},
		{"same instant in different forms", headers("Date: "+date, "Retry-After: 20", "Retry-After: "+inIMF), unknown},
		{"measured from several different dates", headers("Date: "+date, "Date: "+inIMF, "Retry-After: "+inIMF), unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
				if got := retryafter.Delay(status, test.header); got != test.want {
					t.Errorf("%d: %v, want %v", status, got, test.want)
				}
			}
		})
	}
}

// TestReset: on 429, and only there, X-RateLimit-Reset counts if Retry-After does not.
func TestReset(t *testing.T) {
	const unknown = 0
	for _, test := range []struct {
		name   string
		header http.Header
		want   time.Duration
	}{
		{"Unix time", headers("Date: "+date, "X-RateLimit-Reset: "+atUnixTime), 20 * time.Second},
		{"Unix time without one to measure from", headers("X-RateLimit-Reset: " + atUnixTime), unknown},
		{"Unix time in the past", headers("Date: "+inIMF, "X-RateLimit-Reset: 784111777"), unknown},
		{"Unix time in more than a day", headers("Date: "+date, "X-RateLimit-Reset: 784198178"), unknown},
		{"seconds", headers("X-RateLimit-Reset: 42"), 42 * time.Second},
		{"seconds, with a date", headers("Date: "+date, "X-RateLimit-Reset: 42"), 42 * time.Second},
		{"most seconds", headers("X-RateLimit-Reset: 86399"), 86399 * time.Second},
		{"a day is a Unix time", headers("X-RateLimit-Reset: 86400"), unknown},
		{"a day is a Unix time, long past", headers("Date: "+date, "X-RateLimit-Reset: 86400"), unknown},
		{"zero", headers("X-RateLimit-Reset: 0"), unknown},
		{"fractional", headers("X-RateLimit-Reset: 1.5"), unknown},
		{"signed", headers("X-RateLimit-Reset: +42"), unknown},
		{"milliseconds", headers("Date: "+date, "X-RateLimit-Reset: 784111797000"), unknown},
		{"several different values", headers("X-RateLimit-Reset: 42", "X-RateLimit-Reset: 43"), unknown},
		{"Retry-After first", headers("Retry-After: 3", "X-RateLimit-Reset: 42"), 3 * time.Second},
		{"Retry-After unknown", headers("Retry-After: 0", "X-RateLimit-Reset: 42"), 42 * time.Second},
		{"Retry-After with several values", headers("Retry-After: 3", "Retry-After: 4", "X-RateLimit-Reset: 42"), 42 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := retryafter.Delay(http.StatusTooManyRequests, test.header); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
			test.header.Del("Retry-After")
			if got := retryafter.Delay(http.StatusServiceUnavailable, test.header); got != unknown {
				t.Errorf("503: %v", got)
			}
		})
	}
}

func TestLimit(t *testing.T) {
	for _, test := range []struct {
		header http.Header
		want   int64
	}{
		{headers("X-RateLimit-Limit: 120"), 120},
		{headers("X-RateLimit-Limit: 120", "X-RateLimit-Limit: 120"), 120},
		{headers("X-RateLimit-Limit: 120", "X-RateLimit-Limit: 60"), 0},
		{headers("X-RateLimit-Limit: 120;w=60"), 0},
		{headers("X-RateLimit-Limit: -1"), 0},
		{nil, 0},
	} {
		if got := retryafter.Limit(test.header); got != test.want {
			t.Errorf("%v: %d, want %d", test.header, got, test.want)
		}
	}
}
