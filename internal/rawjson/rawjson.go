// Package rawjson reads the JSON that PHP writes. It checks a whole document once and then walks
// it in place, in document order, without building a tree of Go values.
package rawjson

import (
	"bytes"
	"errors"
	"iter"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Value is a JSON value of a document that [Parse] has checked. The zero Value is an absent value:
// it has no members, no elements and no text.
//
// A text without escapes shares the memory of its document and keeps the whole document alive.
type Value struct{ raw string }

// ErrInvalid is the error of [Parse] for anything that is not one JSON document.
var ErrInvalid = errors.New("the body is not JSON")

// lenient tolerates duplicate names and invalid UTF-8, both of which PHP emits.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

const byteOrderMark = "\xef\xbb\xbf"

// Parse checks that body is one JSON document. A byte order mark, surrounding whitespace and the
// warnings that PHP prints before its output (display_errors) are skipped.
func Parse(body []byte) (Value, error) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte(byteOrderMark)))
	if jsontext.Value(body).IsValid(lenient...) {
		return Value{string(body)}, nil
	}
	if start := afterWarnings(body); start > 0 && jsontext.Value(body[start:]).IsValid(lenient...) {
		return Value{string(body[start:])}, nil
	}
	return Value{}, ErrInvalid
}

// warning matches one message of PHP's display_errors, in HTML or in plain text.
var warning = regexp.MustCompile(`^\s*(?:<br />\s*)?(?:<b>)?(?:PHP )?(?:Warning|Notice|Deprecated|Strict Standards)(?:</b>)?: `)

// lineStart matches the first object or list at the beginning of a line. PHP ends each message with a
// line break, so JSON within a message is not one.
var lineStart = regexp.MustCompile(`(?:\n|<br />)\s*([{\[])`)

// afterWarnings returns the position of the JSON after PHP's messages, 0 if there is none.
func afterWarnings(body []byte) int {
	if !warning.Match(body) {
		return 0
	}
	if match := lineStart.FindSubmatchIndex(body); match != nil {
		return match[2]
	}
	return 0
}

// Members yields the members of an object in document order, duplicates included. Names are valid
// UTF-8. A value that is not an object has no members.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(name string, member Value) bool) {
		if v.Kind() != '{' {
			return
		}
		for i := v.afterSpace(1); v.raw[i] != '}'; {
			nameEnd := v.textEnd(i)
			start := v.afterSpace(v.afterSpace(nameEnd) + len(":"))
			end := v.valueEnd(start)
			if !yield(Value{v.raw[i:nameEnd]}.unquoted(), Value{v.raw[start:end]}) {
				return
			}
			i = v.afterComma(end)
		}
	}
}

// Member returns the member with that name, the last one if the name is duplicate, and the zero
// Value if there is no such member.
func (v Value) Member(name string) (found Value) {
	for each, member := range v.Members() {
		if each == name {
			found = member
		}
	}
	return found
}

// Elements yields the elements of a list. A value that is not a list has no elements.
func (v Value) Elements() iter.Seq[Value] {
	return func(yield func(element Value) bool) {
		if v.Kind() != '[' {
			return
		}
		for i := v.afterSpace(1); v.raw[i] != ']'; {
			end := v.valueEnd(i)
			if !yield(Value{v.raw[i:end]}) {
				return
			}
			i = v.afterComma(end)
		}
	}
}

// Count returns how many values the value has, itself and all those within it included.
func (v Value) Count() int {
	if v.raw == "" {
		return 0
	}
	// A comma separates two values. An opening bracket begins one, unless nothing is in the brackets.
	count := 1
	for i := 0; i < len(v.raw); i++ {
		switch v.raw[i] {
		case '"':
			i = v.textEnd(i) - 1
		case ',':
			count++
		case '{', '[':
			if next := v.raw[v.afterSpace(i+1)]; next != '}' && next != ']' {
				count++
			}
		}
	}
	return count
}

// valueEnd returns the end of the value that begins at i.
func (v Value) valueEnd(i int) int {
	switch v.raw[i] {
	case '"':
		return v.textEnd(i)
	case '{', '[':
		for depth := 0; ; i++ {
			switch v.raw[i] {
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
	for i < len(v.raw) && v.raw[i] > ' ' && v.raw[i] != ',' && v.raw[i] != '}' && v.raw[i] != ']' {
		i++
	}
	return i
}

// textEnd returns the end of the text that begins at i.
func (v Value) textEnd(i int) int {
	for i++; v.raw[i] != '"'; i++ {
		if v.raw[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// afterComma returns the start of the member or element after the one that ends at i, or the
// position of the closing bracket.
func (v Value) afterComma(i int) int {
	if i = v.afterSpace(i); v.raw[i] == ',' {
		i = v.afterSpace(i + 1)
	}
	return i
}

func (v Value) afterSpace(i int) int {
	for v.raw[i] <= ' ' {
		i++
	}
	return i
}

// Kind returns the kind of the value: 'n', 't', 'f', '"', '0' for any number, '{' or '[', and 0 for
// the zero Value.
func (v Value) Kind() byte {
	switch {
	case v.raw == "":
		return 0
	case v.raw[0] == '-' || '0' <= v.raw[0] && v.raw[0] <= '9':
		return '0'
	}
	return v.raw[0]
}

// IsZero reports whether the value is absent.
func (v Value) IsZero() bool { return v.raw == "" }

// IsNull reports whether the value is null.
func (v Value) IsNull() bool { return v.Kind() == 'n' }

// IsEmptyList reports whether the value is [], which is also how PHP prints an empty object.
func (v Value) IsEmptyList() bool { return v.Kind() == '[' && v.raw[v.afterSpace(1)] == ']' }

// IsEmpty reports whether the value is absent, null, [], {} or "".
func (v Value) IsEmpty() bool {
	switch v.Kind() {
	case 0, 'n':
		return true
	case '{':
		return v.raw[v.afterSpace(1)] == '}'
	case '"':
		return v.raw == `""`
	}
	return v.IsEmptyList()
}

// Text returns the text of a string as valid UTF-8. Invalid bytes and half surrogate pairs become
// U+FFFD.
func (v Value) Text() (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	return v.unquoted(), true
}

func (v Value) unquoted() string {
	if strings.IndexByte(v.raw, '\\') < 0 && utf8.ValidString(v.raw) {
		return v.raw[1 : len(v.raw)-1]
	}
	var short [64]byte
	raw, _ := jsontext.AppendUnquote(short[:0], v.raw) // the error is about UTF-8, which it repairs
	return string(raw)
}

// Integer returns a whole number, also one in quotes.
func (v Value) Integer() (int64, bool) {
	digits := v.raw
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

// String returns the JSON as it is in the document.
func (v Value) String() string { return v.raw }

// Compact returns the JSON without whitespace, as valid UTF-8.
func (v Value) Compact() string {
	text := jsontext.Value(strings.ToValidUTF8(v.raw, "\ufffd"))
	_ = text.Compact(lenient...) // Parse has checked it
	return string(text)
}
