package mapping

import (
	"regexp"
)

// hidden recognises texts of which no part may be shown: database errors, stack traces, pages.
// They mean nothing to a caller and too much to everybody else.
var hidden = regexp.MustCompile(`SQLSTATE|\bSQL\b|(?i:\binsert into \w|\bdelete from \w|\bupdate \w+ set \w|\bselect\b.+\bfrom\b.+\bwhere\b)` +
	`|(?i:\bduplicate entry ')|\bviolates \w+ (?:\w+ )?constraint\b` +
	`|(?i:\bstack ?trace\b)|#\d+ \S+\(\d+\)|\bat [\w.$]+\([\w.]+:\d+\)` +
	`|(?i:<(?:!doctype|html|head|body|script|style)\b)`)

// sensitive are the parts of a text that are cut out: what a misconfigured upstream reveals of
// its code, its network, its keys or its customers. They can only recognise the usual forms.
// Laravel's own sentences stay whole, for example "Invalid bearer token.", "must match the format
// d\TH:i:s" and "must start with one of: http://".
var sensitive = []struct {
	pattern     *regexp.Regexp
	replacement string
}{
	{regexp.MustCompile(`\beyJ[\w-]{8,}(?:\.[\w-]+)*`), "[token]"}, // JSON Web Token
	{regexp.MustCompile(`(?i:\bauthorization:\s*(?:bearer|basic)?)\s*\S+`), "Authorization: [token]"},
	// A token has a digit, or punctuation within, or is long; "Bearer authentication" has neither.
	{regexp.MustCompile(`(?i:\b(bearer|basic)\s+)(?:[\w.~+/=-]*\d[\w.~+/=-]*|\w+[.~+/=]+\w[\w.~+/=-]*|[\w.~+/=-]{20,})`), "$1 [token]"},
	{regexp.MustCompile(`\b[a-z]{2}_(?:live|test)_\w+|\bAKIA[0-9A-Z]{8,}`), "[token]"},

	{regexp.MustCompile(`\b[A-Za-z][A-Za-z0-9+.-]*://[\w\[%][^\s"'<>]*`), "[url]"},
	{regexp.MustCompile(`[^\s"'<>(),;:=]+(?:@|%40)[^\s"'<>(),;:=]+\.\w+`), "[email]"},
	{regexp.MustCompile(`\b(?i:(model|class)) \[[^\]]*\]`), "$1 [class]"},
	{regexp.MustCompile(`\\*\b[A-Za-z_]\w+(?:\\+[A-Za-z_]\w+)+`), "[class]"},
	{regexp.MustCompile(`\b([Cc]lass) "[^"]*"|\b([Cc]lass) \w+( could not\b)`), "$1$2 [class]$3"},
	{regexp.MustCompile(`\[?\b[A-Za-z_]\w*(?:(?:::|->)\w+)+(?:\(\))?|\b[A-Za-z_]\w*\(\)`), "[class]"},
	{regexp.MustCompile(`\bstdClass\b|\b[A-Za-z]\w*Exception\b|\b[A-Z]\w*Error:`), "[class]"},

	{regexp.MustCompile(`(?:[A-Za-z]:)?[\w./\\-]*\.php\b(?:[:(]\d+\)?)?`), "[path]"},
	{regexp.MustCompile(`(^|[\s"'(=])/\w[\w.-]*(?:/[\w.-]*\w)+/?`), "$1[path]"},
	{regexp.MustCompile(`\b(route) \S+/\S*\w`), "$1 [path]"}, // Laravel's, which names our URL

	{regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b`), "[host]"},
	{regexp.MustCompile(`\[?(?:[0-9a-fA-F]{1,4}:){3,}[0-9a-fA-F:]*\]?|\[?\b[0-9a-fA-F]{0,4}::[0-9a-fA-F]{1,4}\b\]?`), "[host]"},
	{regexp.MustCompile(`\b(?:(?:[A-Za-z0-9-]+\.)+(?:internal|local|localdomain|svc|lan|corp)|(?:[A-Za-z0-9-]+\.){2,}(?:com|net|org|io|dev|cloud))\b(?:\.[\w-]+)*(?::\d+)?`), "[host]"},
	{regexp.MustCompile(`(?i:(resolve host:? |getaddrinfo (?:for |failed for )?|connect to |connection to ))[\w.-]+(?::\d+)?`), "$1[host]"},

	{regexp.MustCompile(`</?[A-Za-z][^<>]*>`), ""}, // markup
}

// cutMargin is how many more bytes are searched than shown, because a sensitive part that is cut
// in the middle looks harmless.
const cutMargin = 64

// publicText returns the text as callers may see it, at most limit bytes: cleaned, its sensitive
// parts replaced by what they are ("[url]"), empty if nothing of it may be shown.
func publicText(text string, limit int) string {
	text = clean(text, limit+cutMargin)
	if hidden.MatchString(text) {
		return ""
	}
	for _, s := range sensitive {
		text = s.pattern.ReplaceAllString(text, s.replacement)
	}
	return cut(clean(text, limit+cutMargin), limit)
}

// isPublic reports whether nothing in the text is sensitive.
func isPublic(text string) bool {
	if hidden.MatchString(text) {
		return false
	}
	for _, s := range sensitive {
		if s.pattern.MatchString(text) {
			return false
		}
	}
	return true
}
