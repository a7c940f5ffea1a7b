// Package retryafter reads how long an HTTP response asks its client to wait.
package retryafter

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxDelay is the longest delay that is accepted.
const maxDelay = 24 * time.Hour

// The headers of Laravel's rate limiter, in canonical form.
const (
	limitHeader     = "X-Ratelimit-Limit"
	remainingHeader = "X-Ratelimit-Remaining"
	resetHeader     = "X-Ratelimit-Reset"
)

// Delay returns the delay that a response asks for, 0 if it is unknown: Retry-After (RFC 9110,
// section 10.2.3) as digits or as any of the three date forms, and on 429 also X-RateLimit-Reset,
// which is a Unix time or, below a day, a number of seconds to wait. Dates are measured from the
// response's own Date, because clocks differ.
//
// Zero, past, signed, fractional and overlong values, delays above 24 hours, and a header with
// several different values are unknown.
func Delay(statusCode int, header http.Header) time.Duration {
	if d := retryAfter(header); d > 0 {
		return d
	}
	if statusCode != http.StatusTooManyRequests {
		return 0
	}
	reset, ok := count(header, resetHeader)
	switch {
	case !ok:
		return 0
	case reset < int64(maxDelay/time.Second):
		return seconds(reset)
	}
	return sinceDate(header, time.Unix(reset, 0))
}

// Limit returns X-RateLimit-Limit, the number of requests that a window allows, 0 if it is unknown.
func Limit(header http.Header) int64 {
	limit, _ := count(header, limitHeader)
	return limit
}

// Remaining returns X-RateLimit-Remaining, the number of requests that are left in the window; ok is
// false if it is unknown.
func Remaining(header http.Header) (remaining int64, ok bool) { return count(header, remainingHeader) }

func retryAfter(header http.Header) time.Duration {
	if n, ok := count(header, "Retry-After"); ok {
		return seconds(n)
	}
	when, err := http.ParseTime(single(header, "Retry-After"))
	if err != nil {
		return 0
	}
	if zone, _ := when.Zone(); zone != "GMT" && zone != "UTC" {
		return 0 // HTTP has no other zone, and Go reads any of them as GMT
	}
	return sinceDate(header, when)
}

// sinceDate returns the time from the response's Date to when, 0 if it is unknown.
func sinceDate(header http.Header, when time.Time) time.Duration {
	date, err := http.ParseTime(single(header, "Date"))
	if err != nil {
		return 0
	}
	return seconds(when.Unix() - date.Unix())
}

func seconds(n int64) time.Duration {
	if n <= 0 || n > int64(maxDelay/time.Second) {
		return 0
	}
	return time.Duration(n) * time.Second
}

// maxDigits is the length of a Unix time.
const maxDigits = len("1795335979")

// count reads a header that is digits only and of a plausible length.
func count(header http.Header, name string) (int64, bool) {
	value := single(header, name)
	if len(value) > maxDigits || strings.Trim(value, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(value, 10, 64)
	return n, err == nil
}

// single returns the value of a header, empty if it is absent or has several different values.
func single(header http.Header, name string) string {
	if values := slices.Compact(slices.Clone(header.Values(name))); len(values) == 1 {
		return strings.TrimSpace(values[0])
	}
	return ""
}
