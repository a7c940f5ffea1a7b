package mapping

import (
	"regexp"
	"strings"
	"testing"
)

// everyPattern is publicText without the signs.
func everyPattern(text string, limit int) string {
	text = clean(text, limit+cutMargin)
	for _, h := range hidden {
		if h.pattern.MatchString(text) {
			return ""
		}
	}
	for _, s := range sensitive {
		text = s.pattern.ReplaceAllString(text, s.replacement)
	}
	return cut(clean(text, limit+cutMargin), limit)
}

var withoutDigit = regexp.MustCompile(`\b[a-fA-F]{32,}\b`)

// FuzzSigns: a text that contains none of a pattern's signs does not match the pattern. Otherwise a
// sensitive part would be shown.
func FuzzSigns(f *testing.F) {
	for _, text := range []string{
		"The email field is required.", "No query results for model [App\\Models\\Customer] 42", "SQLSTATE[23000]", "select `id` from `x`",
		"at Foo.bar(Baz.java:12)", "goroutine 1 [running]", "<!doctype html>", "eyJhbGciOiJIUzI1NiJ9.e30.x", "Authorization: Bearer x",
		"Basic dXNlcjpwYXNz", "password = hunter2", "API key provided: 12345678", "sk_live_51H000000", "ghp_0123456789abcdef", "7|abcdefghijklmnopqrstuvwxyz",
		"https://x.example/y", "pelcro.com/support", "ada@localhost", "2001:db8:1:2:3:4:5:6", "fe80::1%eth0", "[::1]:8080", "Class Foo does not exist",
		"User::foo()", "com.pelcro.api.CustomerService", "java.lang.NullPointerException", `D:\a\b.txt`, "../../etc/passwd", "route api/v1/x",
		"GET:/api/v1", "x.php:12", "10.0.0.1:80", "LOCALHOST", "redis:6379", "a.B.Pelcro.COM", strings.Repeat("e", 32), "model ada@example.com", "connect to db-1", "<b>x</b>", "K\u212aey sk_live_1", "\u017fSQLSTATE",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "\u212a\u017f") {
			return // these fold to k and s in patterns, but not in signs; no key or class has them
		}
		if withoutDigit.MatchString(clean(text, maxUpstreamMessage+cutMargin)) {
			return // the pattern of hexadecimal keys matches it, its signs do not; no key is without a digit
		}
		if got, want := publicText(text, maxUpstreamMessage), everyPattern(text, maxUpstreamMessage); got != want {
			t.Errorf("%q is shown as %q, and without the signs as %q", text, got, want)
		}
	})
}
