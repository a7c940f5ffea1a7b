package pelcro

import (
	"iter"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// JSON is a JSON value as it stands in a reply, without blanks around it. Envelope
// has checked it, and anything else must not become one: the functions here only
// walk it, in place, so that a customer becomes a message without becoming a tree of
// Go values first. A text without escapes is a piece of the reply and keeps all of
// it in memory; messages live as long as their call.
type JSON string

// Members yields the members of an object, in their order and with names that are
// valid UTF-8. What is no object has none.
func (v JSON) Members() iter.Seq2[string, JSON] {
	return func(yield func(name string, member JSON) bool) {
		if v.Kind() != '{' {
			return
		}
		for i := v.afterBlanks(1); v[i] != '}'; {
			nameEnd := v.textEnd(i)
			start := v.afterBlanks(v.afterBlanks(nameEnd) + len(":"))
			end := v.valueEnd(start)
			if !yield(v[i:nameEnd].unquoted(), v[start:end]) {
				return
			}
			i = v.afterComma(end)
		}
	}
}

// Member returns the member with that name, the last if there are more, and
// nothing if there is none.
func (v JSON) Member(name string) (found JSON) {
	for each, member := range v.Members() {
		if each == name {
			found = member
		}
	}
	return found
}

// Elements yields the elements of a list. What is no list has none.
func (v JSON) Elements() iter.Seq[JSON] {
	return func(yield func(element JSON) bool) {
		if v.Kind() != '[' {
			return
		}
		for i := v.afterBlanks(1); v[i] != ']'; {
			end := v.valueEnd(i)
			if !yield(v[i:end]) {
				return
			}
			i = v.afterComma(end)
		}
	}
}

// valueEnd returns where the value ends that begins at i.
func (v JSON) valueEnd(i int) int {
	switch v[i] {
	case '"':
		return v.textEnd(i)
	case '{', '[':
		for depth := 0; ; i++ {
			switch v[i] {
			case '"':
				i = v.textEnd(i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	for i < len(v) && v[i] > ' ' && v[i] != ',' && v[i] != '}' && v[i] != ']' {
		i++
	}
	return i
}

// textEnd returns where the text ends that begins at i.
func (v JSON) textEnd(i int) int {
	for i++; v[i] != '"'; i++ {
		if v[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// afterComma returns where the next member or element begins after the one that
// ends at i, or else where the closing bracket is.
func (v JSON) afterComma(i int) int {
	if i = v.afterBlanks(i); v[i] == ',' {
		i = v.afterBlanks(i + 1)
	}
	return i
}

func (v JSON) afterBlanks(i int) int {
	for v[i] <= ' ' {
		i++
	}
	return i
}

// Kind tells what v is: n, t, f, ", 0 for a number, { or [; 0 for nothing.
func (v JSON) Kind() byte {
	switch {
	case v == "":
		return 0
	case v[0] == '-' || '0' <= v[0] && v[0] <= '9':
		return '0'
	}
	return v[0]
}

// IsNull reports whether v is null.
func (v JSON) IsNull() bool { return v.Kind() == 'n' }

// IsEmptyList reports whether v is a list of nothing, which is how PHP prints an
// empty object.
func (v JSON) IsEmptyList() bool { return v.Kind() == '[' && v[v.afterBlanks(1)] == ']' }

// Text returns the text that v is, as valid UTF-8.
func (v JSON) Text() (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	return v.unquoted(), true
}

// unquoted returns what the text holds, as valid UTF-8.
func (v JSON) unquoted() string {
	if strings.IndexByte(string(v), '\\') < 0 && utf8.ValidString(string(v)) {
		return string(v[1 : len(v)-1])
	}
	var short [64]byte
	raw, _ := jsontext.AppendUnquote(short[:0], v) // the error is about UTF-8, which it mends
	return string(raw)
}

// Integer reads a whole number, or its digits in quotes.
func (v JSON) Integer() (int64, bool) {
	digits := string(v)
	switch v.Kind() {
	case '0':
	case '"':
		digits = v.unquoted()
	default:
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil
}

// Compact returns v without blanks, as valid UTF-8.
func (v JSON) Compact() string {
	text := jsontext.Value(strings.ToValidUTF8(string(v), "\ufffd"))
	_ = text.Compact(asPHP...) // it was checked before
	return string(text)
}
