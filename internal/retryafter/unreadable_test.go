package retryafter_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/retryafter"
)

func TestUnreadable(t *testing.T) {
	for _, test := range []struct{ name, lines, want string }{
		{"nothing", "Content-Type: application/json", ""},
		{"Laravel's four", "X-RateLimit-Limit: 120\nX-RateLimit-Remaining: 0\nRetry-After: 7\nX-RateLimit-Reset: 1795335979", ""},
		{"a date", "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT", ""},
		{"zero", "Retry-After: 0", ""},
		{"the same value twice", "X-RateLimit-Limit: 120\nX-RateLimit-Limit: 120", ""},
		{"a unit", "Retry-After: 7s", "Retry-After"},
		{"a fraction", "Retry-After: 0.5", "Retry-After"},
		{"a window", "X-RateLimit-Limit: 120;w=60", "X-Ratelimit-Limit"},
		{"several values", "X-RateLimit-Remaining: 3\nX-RateLimit-Remaining: 5", "X-Ratelimit-Remaining"},
		{"a date where none belongs", "X-RateLimit-Reset: Wed, 21 Oct 2015 07:28:00 GMT", "X-Ratelimit-Reset"},
		{"other names", "RateLimit: limit=120\nRateLimit-Policy: 120;w=60\nX-Rate-Limit-Limit: 120\nX-RateLimit-Limit-Minute: 120",
			"Ratelimit Ratelimit-Policy X-Rate-Limit-Limit X-Ratelimit-Limit-Minute"},
	} {
		t.Run(test.name, func(t *testing.T) {
			header := http.Header{}
			for line := range strings.SplitSeq(test.lines, "\n") {
				name, value, _ := strings.Cut(line, ": ")
				header.Add(name, value)
			}
			if got := retryafter.Unreadable(header); !slices.Equal(got, strings.Fields(test.want)) {
				t.Errorf("got %v, want %s", got, test.want)
			}
		})
	}
}
