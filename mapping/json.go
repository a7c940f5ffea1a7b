package mapping

import (
	"iter"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The functions here walk JSON in place. Unlike a map they keep the order, and
// they make no copies but of texts with escapes. All of them take JSON that is
// known to be valid, one value without blanks around it.

// members yields the members of an object: the key and the JSON of the value.
func members(object string) iter.Seq2[string, string] {
	return func(yield func(key, value string) bool) {
		rest := skipBlanks(object[1:])
		for rest[0] != '}' {
			n := valueLen(rest)
			key, _ := textOf(rest[:n])
			rest = skipBlanks(skipBlanks(rest[n:])[1:])
			n = valueLen(rest)
			if !yield(key, rest[:n]) {
				return
			}
			rest = nextItem(rest[n:])
		}
	}
}

// elements yields the JSON of the elements of a list.
func elements(list string) iter.Seq[string] {
	return func(yield func(value string) bool) {
		rest := skipBlanks(list[1:])
		for rest[0] != ']' {
			n := valueLen(rest)
			if !yield(rest[:n]) {
				return
			}
			rest = nextItem(rest[n:])
		}
	}
}

// textOf returns the text that the JSON is, and whether it is one. Bytes that are
// not UTF-8 stay as they are.
func textOf(value string) (string, bool) {
	if value[0] != '"' {
		return "", false
	}
	text := value[1 : len(value)-1]
	if strings.IndexByte(text, '\\') >= 0 {
		text = unescape(text)
	}
	return text, true
}

// unescape returns a text with escapes as encoding/json reads it: what is not
// UTF-8, or half a surrogate pair, becomes U+FFFD.
func unescape(text string) string {
	if !utf8.ValidString(text) {
		text = string([]rune(text))
	}
	var b strings.Builder
	b.Grow(len(text))
	for {
		plain := strings.IndexByte(text, '\\')
		if plain < 0 {
			b.WriteString(text)
			return b.String()
		}
		r, n := escaped(text[plain:])
		b.WriteString(text[:plain])
		b.WriteRune(r)
		text = text[plain+n:]
	}
}

// escaped returns the character of the escape that s begins with, and the length
// of the escape.
func escaped(s string) (r rune, n int) {
	switch s[1] {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		const one, pair = len(`\u0000`), len(`\u0000\u0000`)
		r = codeUnit(s)
		if !utf16.IsSurrogate(r) {
			return r, one
		}
		if r = utf16.DecodeRune(r, codeUnit(s[one:])); r != utf8.RuneError {
			return r, pair
		}
		return r, one
	}
	return rune(s[1]), 2 // the character itself
}

// codeUnit returns the number of the escape \uXXXX that s begins with, -1 if it
// begins with none.
func codeUnit(s string) rune {
	digits, found := strings.CutPrefix(s, `\u`)
	if !found {
		return -1
	}
	n, _ := strconv.ParseUint(digits[:4], 16, 16) // it is valid JSON
	return rune(n)
}

// nextItem returns s from the next member or element, or the closing bracket, on.
func nextItem(s string) string {
	s = skipBlanks(s)
	if s[0] == ',' {
		s = skipBlanks(s[1:])
	}
	return s
}

func skipBlanks(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t' || s[0] == '\r' || s[0] == '\n') {
		s = s[1:]
	}
	return s
}

// valueLen returns the length of the value that s begins with.
func valueLen(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			for i++; s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		case ',', ':', ' ', '\t', '\r', '\n':
			// These end a scalar; further in, they say nothing.
			if depth == 0 {
				return i
			}
			continue
		default:
			continue
		}
		switch {
		case depth == 0:
			return i + 1
		case depth < 0: // the bracket that closes what the scalar is in
			return i
		}
	}
	return len(s)
}
