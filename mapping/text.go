package mapping

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The limits of the texts, in bytes.
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

// clean makes an upstream text safe to send: valid UTF-8, spaces instead of control characters, at
// most limit bytes, cut between characters.
func clean(s string, limit int) string {
	// This bounds the work for huge texts; the rest is cut anyway.
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
	return cut(strings.TrimSpace(manyInvalid.ReplaceAllString(s, string(utf8.RuneError))), limit)
}

// manyInvalid matches what becomes of several invalid bytes in a row; one U+FFFD says enough.
var manyInvalid = regexp.MustCompile("\ufffd{2,}")

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
