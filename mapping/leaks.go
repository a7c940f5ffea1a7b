package mapping

import (
	"regexp"
	"slices"
	"strings"
)

// leak recognises one kind of what is not to be shown.
type leak struct {
	signs   []string
	least   int // how often a sign is there
	pattern interface{ MatchString(s string) bool }
}

// leaks recognise what a misconfigured upstream lets out in a text: class names,
// database errors, source files, hosts and addresses, markup, keys. Such a text
// says nothing to a caller and too much to everyone else, so it is not shown at
// all. They can only know what such texts usually look like.
//
// A pattern is slow. It is tried only on texts that hold one of its signs, which
// all that it matches do; most texts hold none. The class name that Laravel's own
// text of a missing customer holds is the one leak that is usual.
var leaks = []leak{
	{[]string{`\`}, 1, namespacedClass{}},
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

// leakSigns finds the signs of all rows.
var leakSigns = newPhrases(signs())

func signs() [][]string {
	rows := make([][]string, len(leaks))
	for i, leak := range leaks {
		rows[i] = leak.signs
	}
	return rows
}

// leaky reports whether a text is not to be shown.
func leaky(s string) bool {
	found := leakSigns.in(s)
	if found == 0 {
		return false
	}
	for i, some := range leakSigns.rows {
		if found&some != 0 && leaks[i].isIn(s) {
			return true
		}
	}
	return false
}

// isIn reports whether a text that holds a sign holds the leak, too.
func (l leak) isIn(s string) bool {
	often := l.least == 1 || slices.ContainsFunc(l.signs, func(sign string) bool {
		return strings.Count(s, sign) >= l.least
	})
	return often && l.pattern.MatchString(s)
}

// namespacedClass matches what `[A-Za-z_]\w*\\+[A-Za-z_]` does.
type namespacedClass struct{}

// MatchString reports whether a letter follows a backslash that follows a word.
func (namespacedClass) MatchString(s string) bool {
	for i := 1; i < len(s); i++ {
		if s[i-1] == '\\' && isLetter(rune(s[i])) && endsInWord(strings.TrimRight(s[:i], `\`)) {
			return true
		}
	}
	return false
}

// endsInWord reports whether s ends in a word that begins with a letter, perhaps
// after digits.
func endsInWord(s string) bool {
	before := strings.TrimRightFunc(s, func(r rune) bool { return isLetter(r) || '0' <= r && r <= '9' })
	return strings.ContainsFunc(s[len(before):], isLetter)
}

func isLetter(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '_'
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
