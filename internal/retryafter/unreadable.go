package retryafter

import (
	"net/http"
	"slices"
	"strings"
)

// known are the headers that this service reads, in canonical form.
var known = []string{"Retry-After", limitHeader, "X-Ratelimit-Remaining", resetHeader}

// families begin the names of the headers by which servers say how much may be asked.
var families = []string{"Ratelimit", "X-Rate-Limit-", "X-Ratelimit-"}

// Unreadable returns the names of the headers about rate limits and delays of which nothing can be
// read, in alphabetical order: those that this service reads, in a form that it does not know, and
// those with other names, like RateLimit-Policy. A value that is readable and useless, such as a
// date in the past, is not among them.
func Unreadable(header http.Header) (names []string) {
	for name, values := range header {
		isKnown := slices.Contains(known, name)
		isFamily := slices.ContainsFunc(families, func(start string) bool { return strings.HasPrefix(name, start) })
		if isKnown && !isReadable(header, name) || isFamily && !isKnown && len(values) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// isReadable reports whether the values are one number or, of Retry-After, one date.
func isReadable(header http.Header, name string) bool {
	if _, ok := count(header, name); ok {
		return true
	}
	_, err := http.ParseTime(single(header, name))
	return err == nil && name == "Retry-After"
}
