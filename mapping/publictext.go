package mapping

import (
	"regexp"
	"slices"
	"strings"
)

// part recognises a part of a text. A pattern is slow, so it is tried only on texts that contain one
// of its signs, as every match does.
type part struct {
	signs       []string // in lower case; "." is one within a word
	pattern     *regexp.Regexp
	replacement string
}

// hidden recognises texts of which no part is shown: database errors, stack traces and pages.
var hidden = []part{
	{[]string{"sqlstate", "(sql:", "select", "insert into", "delete from", "update"}, regexp.MustCompile(`SQLSTATE|\(SQL:|\bSELECT\b.+\bFROM\b|\bINSERT INTO\b|\bDELETE FROM\b|\bUPDATE \S+ SET\b`), ""},
	{[]string{"select", "insert into", "delete from", "update"}, regexp.MustCompile("(?i)\\bselect\\b.*[*`\"=].*\\bfrom\\b|\\bselect\\b.+\\bfrom\\b.+\\bwhere\\b.+[=<>]|\\binsert into \\S+ (?:values|\\()|" +
		"\\bdelete from (?:[`\"]|\\w+ where\\b)|\\bupdate (?:[`\"]\\S+|\\w+) set \\S+ ?="), ""},
	{[]string{"duplicate entry", "violates", "unknown column", "doesn't exist"}, regexp.MustCompile(`(?i)\bduplicate entry '|\bviolates \w+ (?:\w+ )?constraint\b|\bunknown column '|\btable '\S+' doesn't exist`), ""},
	{[]string{"stack", "traceback", "(", "goroutine", ":line", ":in "}, regexp.MustCompile(`(?i:\bstack ?trace\b)|Traceback \(most recent|#\d+ \S+\(\d+\)|\bat [\w.$<>]+ ?\([^)]*:\d+\)|\bgoroutine \d+ \[|:line \d+\b|:\d+:in `), ""},
	{[]string{"<"}, regexp.MustCompile(`(?i)<(?:!doctype|html|head|body|style)\b|<script\b[^>]*>[^<]*</script`), ""},
}

// sensitive are the parts of a text that are replaced: whatever a misconfigured upstream reveals of
// its code, its network, its keys or its customers. The patterns recognise only the usual forms.
// Laravel's own sentences stay whole, for example "Invalid bearer token.", "must match the format
// d\TH:i:s" and "must start with one of: http://".
var sensitive = []part{
	// Laravel's form of a class. It comes first: "model [email]" would look like it.
	{[]string{"["}, regexp.MustCompile(`\b(?i:(model|class)) \[[^\]]*\]`), "$1 [class]"},
	// Tokens. "Bearer authentication" has none: the word is short, without digits and punctuation.
	{[]string{"eyj"}, regexp.MustCompile(`\beyJ[\w-]{8,}(?:\.[\w-]+)*`), "[token]"}, // JSON Web Token
	{[]string{"authorization"}, regexp.MustCompile(`(?i:\bauthorization["']?\s*[:=]\s*["']?(?:bearer|basic)?)\s*[^\s"',;]+`), "Authorization: [token]"},
	{[]string{"bearer"}, regexp.MustCompile(`(?i:\b(bearer)\s+)(?:[\w.~+/=-]*\d[\w.~+/=-]*|\w+[.~+/=]+\w[\w.~+/=-]*|[\w.~+/=-]{20,})`), "$1 [token]"},
	{[]string{"basic "}, regexp.MustCompile(`(?i:\b(basic)) (?:[A-Za-z0-9+/]{6,}={1,2}|[A-Za-z0-9+/]*[a-z][A-Z][A-Za-z0-9+/]{6,})`), "$1 [token]"},
	{[]string{"="}, regexp.MustCompile(`(?i:\b(api[ _-]?key|password|secret|token)["']?)\s*=\s*["']?[^\s"',;]+`), "$1=[token]"},
	{[]string{"api", "secret", "token"}, regexp.MustCompile(`(?i:\b(api[ _-]?key|secret|token)(?: provided)?["']?:?\s+["']?)[\w.|-]*\d[\w.|-]{7,}`), "$1 [token]"},
	{[]string{"_live_", "_test_", "akia", "gh", "xox", "whsec_", "aiza"}, regexp.MustCompile(`\b[a-z]{2}_(?:live|test)_\w+|\bAKIA[0-9A-Z]{8,}|\bgh[pousr]_\w{10,}|\bxox[abpr]-[\w-]{6,}|\bwhsec_\w+|\bAIza[\w-]{10,}`), "[token]"},
	{[]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}, regexp.MustCompile(`\b\d+\|[A-Za-z0-9]{20,}|\b[0-9a-fA-F]{32,}\b`), "[token]"},

	{[]string{"://"}, regexp.MustCompile(`\b[A-Za-z][A-Za-z0-9+.-]*://[\w\[%/][^\s"'<>]*`), "[url]"},
	{[]string{"/"}, regexp.MustCompile(`(?i)\b[a-z0-9-]+\.(?:com|net|org|io|dev)/[^\s"'<>]+`), "[url]"},
	{[]string{"@", "%40"}, regexp.MustCompile(`[^\s"'<>(),;:=@]+(?:@|%40)[^\s"'<>(),;:=@]*[^\s"'<>(),;:=@.]`), "[email]"},

	{[]string{":"}, regexp.MustCompile(`\[?\b(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}\b\]?`), "[host]"},
	{[]string{"::"}, regexp.MustCompile(`\[?\b[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4})*::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4})*)?(?:%\w+)?\b\]?`), "[host]"},
	{[]string{"::1"}, regexp.MustCompile(`(^|[\s("'=])\[?::1\b\]?(?::\d+)?`), "$1[host]"},

	// Classes, the other forms.
	{[]string{"class "}, regexp.MustCompile(`\b([Cc]lass) "[^"]*"|\b([Cc]lass) \w+( could not\b| does not exist\b)`), "$1$2 [class]$3"},
	{[]string{"\\"}, regexp.MustCompile(`\\*\b[A-Za-z_]\w+(?:\\+[A-Za-z_]\w+)+(?:(?:::|->)\$?\w+)?(?:\(\))?`), "[class]"},
	{[]string{"::", "->", "()"}, regexp.MustCompile(`\b[A-Za-z_]\w*(?:(?:::|->)\$?\w+)+(?:\(\))?|\b[A-Za-z_]\w*\(\)`), "[class]"},
	{[]string{"."}, regexp.MustCompile(`\b(?:[a-z]\w*\.){2,}[A-Z]\w+\b`), "[class]"},
	{[]string{"stdclass", "exception", "error:"}, regexp.MustCompile(`\bstdClass\b|\b[A-Za-z]\w*Exception\b|\b[A-Z]\w*Error:`), "[class]"},

	{[]string{":\\"}, regexp.MustCompile(`\b[A-Za-z]:\\[\w\\.-]+`), "[path]"},
	{[]string{"./"}, regexp.MustCompile(`(?:\.\.?/)+[\w./-]*\w`), "[path]"},
	{[]string{"route ", "static resource "}, regexp.MustCompile(`\b(route|static resource) \S*/\S*\w`), "$1 [path]"}, // Laravel's and Spring's, which name our URL
	{[]string{"/"}, regexp.MustCompile(`(^|[\s"'(=:])/\w[\w.-]*(?:/[\w.-]*\w)+/?`), "$1[path]"},
	{[]string{"."}, regexp.MustCompile(`[\w./-]*\.php\b(?:[:(]\d+\)?)?|\b(?:[\w-]+/)+[\w.-]+\.(?:log|env|ya?ml|ini|conf|sql|py|rb|js|ts|java|cs)\b`), "[path]"},

	{[]string{"."}, regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b`), "[host]"},
	{[]string{"localhost", ":"}, regexp.MustCompile(`(?i)\blocalhost(?::\d+)?\b|\b[a-z][a-z0-9-]*:\d{4,5}\b`), "[host]"},
	{[]string{"."}, regexp.MustCompile(`(?i)\b(?:(?:[a-z0-9-]+\.)+(?:internal|local|localdomain|svc|lan|corp)|(?:[a-z0-9-]+\.){2,}(?:com|net|org|io|dev|cloud|xyz|uk))\b(?:\.[\w-]+)*(?::\d+)?`), "[host]"},
	{[]string{"connect", "resolve host", "getaddrinfo"}, regexp.MustCompile(`(?i:(connect(?:ion)? to |resolve host:? |getaddrinfo for ))[\w.-]*[.:-][\w.:-]*\w`), "$1[host]"},

	{[]string{"<"}, regexp.MustCompile(`</?[A-Za-z][^<>]*>`), ""}, // markup
}

// cutMargin is how many more bytes are searched than shown, because a sensitive part that is cut in
// the middle looks harmless.
const cutMargin = 64

// publicText returns the text as callers may see it, at most limit bytes: cleaned, its sensitive
// parts replaced by what they are ("[url]"), empty if nothing of it may be shown.
func publicText(text string, limit int) string {
	text = clean(text, limit+cutMargin)
	searched := strings.TrimSuffix(strings.ReplaceAll(strings.ToLower(text), ". ", " "), ".")
	for _, h := range hidden {
		if h.isPossible(searched) && h.pattern.MatchString(text) {
			return ""
		}
	}
	for _, s := range sensitive {
		if s.isPossible(searched) {
			text = s.pattern.ReplaceAllString(text, s.replacement)
		}
	}
	return cut(clean(text, limit+cutMargin), limit)
}

func (p part) isPossible(text string) bool {
	return slices.ContainsFunc(p.signs, func(sign string) bool { return strings.Contains(text, sign) })
}

// isPublic reports whether nothing in the text is sensitive.
func isPublic(text string) bool { return publicText(text, len(text)) == text }
