package mapping

import (
	"encoding/json"
	"iter"
	"strings"
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
	if !strings.Contains(value, `\`) {
		return value[1 : len(value)-1], true
	}
	var decoded string
	err := json.Unmarshal([]byte(value), &decoded)
	return decoded, err == nil
}

// nextItem returns s from the next member or element, or the closing bracket, on.
func nextItem(s string) string {
	s = skipBlanks(s)
	if s[0] == ',' {
		s = skipBlanks(s[1:])
	}
	return s
}

func skipBlanks(s string) string { return strings.TrimLeft(s, " \t\r\n") }

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
