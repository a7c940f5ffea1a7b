package server

import (
	"errors"
	"net/textproto"
	"regexp"
	"strings"
)

var (
	// quoted is a text as %q prints it. Error texts quote what came from outside: a line of the
	// upstream that is not HTTP, or a metadata key of the request.
	quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	// emailAddress over-matches on purpose.
	emailAddress = regexp.MustCompile(`[^\s"'<>(),;:=]+(?:@|%40)[^\s"'<>(),;:=]+`)
	// longNumber is a number as long as those of cards and accounts, grouped or not.
	longNumber = regexp.MustCompile(`\d(?:[ -]?\d){11,}`)
)

// withoutPersonalData removes e-mail addresses and card numbers, which Pelcro's texts may contain.
func withoutPersonalData(text string) string {
	return longNumber.ReplaceAllString(emailAddress.ReplaceAllString(text, "…"), "…")
}

// causeText is the text of a cause without what others wrote, which may be personal data. Host
// names stay: the operator needs them.
func causeText(cause error) string {
	text := cause.Error()
	if _, panicked := errors.AsType[panicError](cause); panicked {
		return cut(text, maxText) // without values, and paths contain @
	}
	// Some of these contain a header line, unquoted.
	if malformed, ok := errors.AsType[textproto.ProtocolError](cause); ok {
		kind, _, _ := strings.Cut(string(malformed), ": ")
		text = strings.Replace(text, string(malformed), kind, 1)
	}
	return cut(withoutPersonalData(quoted.ReplaceAllString(text, `"…"`)), maxText)
}

// maxText is the length of the longest text in a log line, in bytes: a stack fits.
const maxText = 8 << 10

// cut cuts a text to a length in bytes.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
