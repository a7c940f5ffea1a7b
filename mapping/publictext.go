package mapping

import "regexp"

// hidden recognises texts of which no part is shown: database errors, stack traces and pages.
var hidden = []*regexp.Regexp{
	regexp.MustCompile("SQLSTATE|\\(SQL:|\\bSELECT\\b.+\\bFROM\\b|\\bINSERT INTO\\b|\\bDELETE FROM\\b|\\bUPDATE \\S+ SET\\b"),
	regexp.MustCompile("(?i)\\bselect\\b.*[*`\"=].*\\bfrom\\b|\\bselect\\b.+\\bfrom\\b.+\\bwhere\\b.+[=<>]|\\binsert into \\S+ (?:values|\\()|" +
		"\\bdelete from (?:[`\"]|\\w+ where\\b)|\\bupdate (?:[`\"]\\S+|\\w+) set \\S+ ?="),
	regexp.MustCompile(`(?i)\bduplicate entry '|\bviolates \w+ (?:\w+ )?constraint\b|\bunknown column '|\btable '\S+' doesn't exist`),
	regexp.MustCompile(`(?i:\bstack ?trace\b)|Traceback \(most recent|#\d+ \S+\(\d+\)|\bat [\w.$<>]+ ?\([^)]*:\d+\)|\bgoroutine \d+ \[|:line \d+\b|:\d+:in `),
	regexp.MustCompile(`(?i)<(?:!doctype|html|head|body|style)\b|<script\b[^>]*>[^<]*</script`),
}

// sensitive are the parts of a text that are replaced: whatever a misconfigured upstream reveals of
// its code, its network, its keys or its customers. The patterns recognise only the usual forms.
// Laravel's own sentences stay whole, for example "Invalid bearer token.", "must match the format
// d\TH:i:s" and "must start with one of: http://".
var sensitive = []struct {
	pattern     *regexp.Regexp
	replacement string
}{
	// Tokens. "Bearer authentication" is none: it has neither a digit nor punctuation, and is short.
	{regexp.MustCompile(`\beyJ[\w-]{8,}(?:\.[\w-]+)*`), "[token]"}, // JSON Web Token
	{regexp.MustCompile(`(?i:\bauthorization["']?\s*[:=]\s*["']?(?:bearer|basic)?)\s*[^\s"',;]+`), "Authorization: [token]"},
	{regexp.MustCompile(`(?i:\b(bearer)\s+)(?:[\w.~+/=-]*\d[\w.~+/=-]*|\w+[.~+/=]+\w[\w.~+/=-]*|[\w.~+/=-]{20,})`), "$1 [token]"},
	{regexp.MustCompile(`(?i:\b(basic)) (?:[A-Za-z0-9+/]{6,}={1,2}|[A-Za-z0-9+/]*[a-z][A-Z][A-Za-z0-9+/]{6,})`), "$1 [token]"},
	{regexp.MustCompile(`(?i:\b(api[ _-]?key|password|secret|token)["']?)\s*=\s*["']?[^\s"',;]+`), "$1=[token]"},
	{regexp.MustCompile(`(?i:\b(api[ _-]?key|secret|token)(?: provided)?["']?:?\s+["']?)[\w.|-]*\d[\w.|-]{7,}`), "$1 [token]"},
	{regexp.MustCompile(`\b[a-z]{2}_(?:live|test)_\w+|\bAKIA[0-9A-Z]{8,}|\bgh[pousr]_\w{10,}|\bxox[abpr]-[\w-]{6,}|\bwhsec_\w+|\bAIza[\w-]{10,}`), "[token]"},
	{regexp.MustCompile(`\b\d+\|[A-Za-z0-9]{20,}|\b[0-9a-fA-F]{32,}\b`), "[token]"},

	{regexp.MustCompile(`\b[A-Za-z][A-Za-z0-9+.-]*://[\w\[%/][^\s"'<>]*`), "[url]"},
	{regexp.MustCompile(`(?i)\b[a-z0-9-]+\.(?:com|net|org|io|dev)/[^\s"'<>]+`), "[url]"},
	{regexp.MustCompile(`[^\s"'<>(),;:=@]+(?:@|%40)[^\s"'<>(),;:=@]*[^\s"'<>(),;:=@.]`), "[email]"},

	{regexp.MustCompile(`\[?\b(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}\b\]?`), "[host]"},
	{regexp.MustCompile(`\[?\b[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4})*::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4})*)?(?:%\w+)?\b\]?`), "[host]"},
	{regexp.MustCompile(`(^|[\s("'=])\[?::1\b\]?(?::\d+)?`), "$1[host]"},

	// Classes. The form with brackets is Laravel's.
	{regexp.MustCompile(`\b(?i:(model|class)) \[[^\]]*\]`), "$1 [class]"},
	{regexp.MustCompile(`\b([Cc]lass) "[^"]*"|\b([Cc]lass) \w+( could not\b| does not exist\b)`), "$1$2 [class]$3"},
	{regexp.MustCompile(`\\*\b[A-Za-z_]\w+(?:\\+[A-Za-z_]\w+)+(?:(?:::|->)\$?\w+)?(?:\(\))?`), "[class]"},
	{regexp.MustCompile(`\b[A-Za-z_]\w*(?:(?:::|->)\$?\w+)+(?:\(\))?|\b[A-Za-z_]\w*\(\)`), "[class]"},
	{regexp.MustCompile(`\b(?:[a-z]\w*\.){2,}[A-Z]\w+\b`), "[class]"},
	{regexp.MustCompile(`\bstdClass\b|\b[A-Za-z]\w*Exception\b|\b[A-Z]\w*Error:`), "[class]"},

	{regexp.MustCompile(`\b[A-Za-z]:\\[\w\\.-]+`), "[path]"},
	{regexp.MustCompile(`(?:\.\.?/)+[\w./-]*\w`), "[path]"},
	{regexp.MustCompile(`\b(route|static resource) \S*/\S*\w`), "$1 [path]"}, // Laravel's and Spring's, which name our URL
	{regexp.MustCompile(`(^|[\s"'(=:])/\w[\w.-]*(?:/[\w.-]*\w)+/?`), "$1[path]"},
	{regexp.MustCompile(`[\w./-]*\.php\b(?:[:(]\d+\)?)?|\b(?:[\w-]+/)+[\w.-]+\.(?:log|env|ya?ml|ini|conf|sql|py|rb|js|ts|java|cs)\b`), "[path]"},

	{regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b`), "[host]"},
	{regexp.MustCompile(`(?i)\blocalhost(?::\d+)?\b|\b[a-z][a-z0-9-]*:\d{4,5}\b`), "[host]"},
	{regexp.MustCompile(`(?i)\b(?:(?:[a-z0-9-]+\.)+(?:internal|local|localdomain|svc|lan|corp)|(?:[a-z0-9-]+\.){2,}(?:com|net|org|io|dev|cloud|xyz|uk))\b(?:\.[\w-]+)*(?::\d+)?`), "[host]"},
	{regexp.MustCompile(`(?i:(connect(?:ion)? to |resolve host:? |getaddrinfo for ))[\w.-]*[.:-][\w.:-]*\w`), "$1[host]"},

	{regexp.MustCompile(`</?[A-Za-z][^<>]*>`), ""}, // markup
}

// cutMargin is how many more bytes are searched than shown, because a sensitive part that is cut in
// the middle looks harmless.
const cutMargin = 64

// publicText returns the text as callers may see it, at most limit bytes: cleaned, its sensitive
// parts replaced by what they are ("[url]"), empty if nothing of it may be shown.
func publicText(text string, limit int) string {
	text = clean(text, limit+cutMargin)
	for _, pattern := range hidden {
		if pattern.MatchString(text) {
			return ""
		}
	}
	for _, s := range sensitive {
		text = s.pattern.ReplaceAllString(text, s.replacement)
	}
	return cut(clean(text, limit+cutMargin), limit)
}

// isPublic reports whether nothing in the text is sensitive.
func isPublic(text string) bool { return publicText(text, len(text)) == text }
