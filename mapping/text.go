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

const (
	zeroWidthNonJoiner = '\u200c'
	zeroWidthJoiner    = '\u200d'
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
		switch {
		case r == zeroWidthJoiner || r == zeroWidthNonJoiner: // these make words in some scripts
			return r
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
			return ' ' // the invisible ones could turn a line around in a terminal
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

// leaks recognises what a misconfigured upstream lets out in a text: class names,
// database errors, source files, hosts and addresses, markup, keys. Such a text
// says nothing to a caller and too much to everyone else, so it is not shown at
// all. It can only know what such texts usually look like.
var leaks = regexp.MustCompile(strings.Join([]string{
	`[A-Za-z_]\w*\\+[A-Za-z_]`, // namespaced class
	`\w::`, `\w->\w`, `\w\(\)`, // class member, call
	`\b(?i:model|class) \[`, `\b[Cc]lass "`, `\bclass \w+ could not\b`, `\bstdClass\b`,
	`[A-Za-z]\w*Exception\b`, `\b[A-Z]\w*Error:`,

	`SQL`, `(?i:\binsert into \w|\bdelete from \w|\bupdate \w+ set \w|\bselect\b.+\bfrom\b.+\bwhere\b)`,
	`(?i:\bduplicate entry ')`, `\bviolates \w+ (?:\w+ )?constraint\b`,

	`\.php\b`, `(?:^|[\s"'(=])/\w[\w.-]*/\w`, `/(?:etc|home|opt|srv|tmp|usr|var)/`,

	`\broute \S+/\S`, // Laravel's, with our path

	`://`, `\b\d{1,3}(?:\.\d{1,3}){3}\b`, `(?:[0-9a-fA-F]{1,4}:){3}`, // URL, IPv4, IPv6
	`\.(?:internal|local|localdomain|svc|lan|corp)\b`, `\bgetaddrinfo\b`, `\bcURL error\b`,

	`(?i:<(?:!doctype|html|head|body|script)\b)|</[A-Za-z]|<[A-Za-z][^<>]*>`, // markup

	`\b(?:[Bb]earer|BEARER)\s+\S`, `\b[Aa]uthorization:`, `\beyJ[\w-]{8}`, // JSON Web Token
	`\b[a-z]{2}_(?:live|test)_`, `\bAKIA[0-9A-Z]{8}`,
}, "|"))

// leakSigns are pieces of which every leak holds at least one, so that most texts
// are passed without the expression.
var leakSigns = []string{
	`\`, ":", "<", "[", "/", "()", "->", `"`, "class", "Class", "Exception", "SQL",
	"nsert ", "NSERT ", "elete ", "ELETE ", "pdate ", "PDATE ", "elect ", "ELECT ", "entry '", "ENTRY '", "onstraint",
	".php", ".internal", ".local", ".svc", ".lan", ".corp", "addrinfo", "cURL",
	"earer", "EARER", "eyJ", "_live_", "_test_", "AKIA",
}

// leaky reports whether a text is not to be shown.
func leaky(s string) bool {
	for _, sign := range leakSigns {
		if strings.Contains(s, sign) {
			return leaks.MatchString(s)
		}
	}
	return strings.Count(s, ".") >= 3 && leaks.MatchString(s)
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
