package mapping

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The most bytes of each text.
const (
	maxMessage         = 256
	maxUpstreamMessage = 512
	maxDescription     = 256
	maxFieldPath       = 128
	maxMetadataValue   = 64
)

// clean makes an upstream text safe to send: valid UTF-8, control characters as
// spaces, at most limit bytes, cut between characters.
func clean(s string, limit int) string {
	if len(s) <= limit && isPlain(s) {
		return strings.TrimSpace(s)
	}
	// Whatever the rest holds, it is cut; this bounds the work for huge texts.
	if most := 4*limit + utf8.UTFMax; len(s) > most {
		s = s[:most]
	}
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	return cut(strings.TrimSpace(s), limit)
}

// cut shortens a valid text to at most limit bytes, between characters.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// isPlain reports whether s is printable ASCII.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// leaks recognises what a misconfigured upstream lets out in a text: PHP class
// names, database errors, source files, addresses, pages, tokens. Such a text says
// nothing to a caller and too much to everyone else, so it is not shown at all.
var leaks = regexp.MustCompile(`[A-Za-z_]\w*\\+[A-Za-z_]` + // namespaced class
	`|\w::` + // class member
	`|\b(?i:model|class) \[` +
	`|[A-Za-z]\w*Exception\b` +
	`|SQLSTATE` +
	`|\.php\b` +
	`|/(?:etc|home|opt|srv|tmp|usr|var)/` +
	`|://` +
	`|\b\d{1,3}(?:\.\d{1,3}){3}\b` + // IP address
	`|\b(?:[Bb]earer|BEARER)\s+\S` +
	`|(?i:<(?:!doctype|html|head|body|script)\b)|</[A-Za-z]` +
	`|\beyJ[\w-]{8}`) // JSON Web Token

// leaky reports whether a text is not to be shown. Most texts hold none of the
// few bytes without which leaks cannot match, and are passed by that alone.
func leaky(s string) bool {
	suspect := strings.ContainsAny(s, `\:<[/`) || strings.Contains(s, ".php") ||
		strings.Contains(s, "Exception") || strings.Contains(s, "SQLSTATE") ||
		strings.Contains(s, "eyJ") || strings.Contains(s, "earer") || strings.Contains(s, "BEARER") ||
		strings.Count(s, ".") >= 3
	return suspect && leaks.MatchString(s)
}

// leakMargin is how much more than what is shown is searched for leaks, because
// one that is cut in the middle looks harmless.
const leakMargin = 64

// quotable returns the text as it may be shown, empty if not at all. Only so much
// of it is looked at as could be shown.
func quotable(text string, limit int) string {
	text = clean(text, limit+leakMargin)
	if leaky(text) {
		return ""
	}
	return cut(text, limit)
}
