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

// leaks recognise what a misconfigured upstream lets out in a text: class names,
// database errors, source files, hosts and addresses, markup, keys. Such a text
// says nothing to a caller and too much to everyone else, so it is not shown at
// all. They can only know what such texts usually look like.
//
// A pattern is slow. It is tried only on texts that hold one of its signs, which
// all that it matches do; most texts hold none.
var leaks = []struct {
	signs   []string
	least   int // how often a sign is there
	pattern *regexp.Regexp
}{
	{[]string{`\`}, 1, regexp.MustCompile(`[A-Za-z_]\w*\\+[A-Za-z_]`)}, // namespaced class
	{[]string{"::", "->", "()"}, 1, regexp.MustCompile(`\w::|\w->\w|\w\(\)`)},
	{[]string{"[", "lass "}, 1, regexp.MustCompile(`\b(?i:model|class) \[|\b[Cc]lass "|\bclass \w+ could not\b`)},
	{[]string{"stdClass", "Exception", "Error:"}, 1, regexp.MustCompile(`\bstdClass\b|[A-Za-z]\w*Exception\b|\b[A-Z]\w*Error:`)},

	{[]string{"SQL"}, 1, regexp.MustCompile(`SQL`)},
	{
		[]string{"nsert ", "NSERT ", "elete ", "ELETE ", "pdate ", "PDATE ", "elect ", "ELECT "},
		1, regexp.MustCompile(`(?i:\binsert into \w|\bdelete from \w|\bupdate \w+ set \w|\bselect\b.+\bfrom\b.+\bwhere\b)`),
	},
	{[]string{"entry '", "ENTRY '", "onstraint"}, 1, regexp.MustCompile(`(?i:\bduplicate entry ')|\bviolates \w+ (?:\w+ )?constraint\b`)},

	{[]string{".php", "/"}, 1, regexp.MustCompile(`\.php\b|(?:^|[\s"'(=])/\w[\w.-]*/\w|/(?:etc|home|opt|srv|tmp|usr|var)/`)},
	{[]string{"/"}, 1, regexp.MustCompile(`\broute \S+/\S|://`)}, // Laravel's, with our path; URL

	{[]string{"."}, 3, regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}\b`)}, // IPv4
	{[]string{":"}, 3, regexp.MustCompile(`(?:[0-9a-fA-F]{1,4}:){3}`)},    // IPv6
	{
		[]string{".internal", ".local", ".svc", ".lan", ".corp", "getaddrinfo", "cURL"},
		1, regexp.MustCompile(`\.(?:internal|local|localdomain|svc|lan|corp)\b|\bgetaddrinfo\b|\bcURL error\b`),
	},

	{[]string{"<"}, 1, regexp.MustCompile(`(?i:<(?:!doctype|html|head|body|script)\b)|</[A-Za-z]|<[A-Za-z][^<>]*>`)}, // markup

	{
		[]string{"earer", "EARER", "uthorization:", "eyJ"}, // the last begins a JSON Web Token
		1, regexp.MustCompile(`\b(?:[Bb]earer|BEARER)\s+\S|\b[Aa]uthorization:|\beyJ[\w-]{8}`),
	},
	{[]string{"_live_", "_test_", "AKIA"}, 1, regexp.MustCompile(`\b[a-z]{2}_(?:live|test)_|\bAKIA[0-9A-Z]{8}`)},
}

// leaky reports whether a text is not to be shown.
func leaky(s string) bool {
	bytes := bytesOf(s)
	for i, leak := range leaks {
		signed := false
		for k, sign := range leak.signs {
			signed = signed || bytes.hold(signBytes[i][k]) && strings.Count(s, sign) >= leak.least
		}
		if signed && leak.pattern.MatchString(s) {
			return true
		}
	}
	return false
}

// signBytes are the bytes of each sign: a text that lacks one of them need not be
// searched.
var signBytes = func() [][]byteSet {
	sets := make([][]byteSet, len(leaks))
	for i, leak := range leaks {
		for _, sign := range leak.signs {
			sets[i] = append(sets[i], bytesOf(sign))
		}
	}
	return sets
}()

// byteSet is a set of bytes.
type byteSet [4]uint64

func bytesOf(s string) (set byteSet) {
	for i := range len(s) {
		set[s[i]>>6] |= 1 << (s[i] & 63)
	}
	return set
}

// hold reports whether all of the other set are in this one.
func (set *byteSet) hold(other byteSet) bool {
	return other[0]&^set[0]|other[1]&^set[1]|other[2]&^set[2]|other[3]&^set[3] == 0
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
