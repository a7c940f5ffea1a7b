package pelcro

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// JSON is a JSON value as it stands in a reply, without blanks around it. The
// functions here walk it in place: a customer becomes a message without becoming a
// tree of Go values first.
type JSON []byte

// walker is a decoder that is used again and again.
type walker struct {
	source  bytes.Buffer
	decoder *jsontext.Decoder
}

var walkers = sync.Pool{New: func() any { return &walker{decoder: jsontext.NewDecoder(new(bytes.Buffer))} }}

// asPHP reads what PHP writes, and what it should not: a name that stands twice,
// and bytes that are no UTF-8.
var asPHP = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// walk reads the members or elements of v, one after the other, until visit returns
// an error. It fails when v is not exactly one JSON value.
func (v JSON) walk(visit func(next func() (JSON, error)) error) error {
	w, _ := walkers.Get().(*walker)
	defer func() {
		w.source = bytes.Buffer{} // the reply is not kept
		w.decoder.Reset(&w.source)
		walkers.Put(w)
	}()
	w.source = *bytes.NewBuffer(v)
	w.decoder.Reset(&w.source, asPHP...)
	if _, err := w.decoder.ReadToken(); err != nil {
		return err
	}
	next := func() (JSON, error) {
		read, err := w.decoder.ReadValue()
		// What the decoder returns lives until its next call, and this as long as v.
		end := int(w.decoder.InputOffset())
		return v[end-len(read) : end], err
	}
	for kind := w.decoder.PeekKind(); kind != '}' && kind != ']'; kind = w.decoder.PeekKind() {
		if err := visit(next); err != nil {
			return err
		}
	}
	if _, err := w.decoder.ReadToken(); err != nil {
		return err
	}
	if _, err := w.decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return errMore
	}
	return nil
}

var errMore = errors.New("something follows the JSON value")

// Members calls visit with each member of an object, whose name is valid UTF-8 and
// lives as long as the call; it reports whether v is one
// and holds nothing that is wrong.
func (v JSON) Members(visit func(name []byte, member JSON)) bool {
	return v.Kind() == '{' && v.walk(func(next func() (JSON, error)) error {
		name, err := next()
		if err != nil {
			return err
		}
		member, err := next()
		if err == nil {
			visit(name.unquoted(), member)
		}
		return err
	}) == nil
}

// Member returns the member with that name, nil if there is none.
func (v JSON) Member(name string) (found JSON) {
	v.Members(func(each []byte, member JSON) {
		if string(each) == name {
			found = member
		}
	})
	return found
}

// Elements calls visit with each element of a list; it reports whether v is one and
// holds nothing that is wrong.
func (v JSON) Elements(visit func(element JSON)) bool {
	return v.Kind() == '[' && v.walk(func(next func() (JSON, error)) error {
		element, err := next()
		if err == nil {
			visit(element)
		}
		return err
	}) == nil
}

// Kind tells what v is by its first byte: n, t, f, ", 0 for a number, { or [.
func (v JSON) Kind() jsontext.Kind { return jsontext.Value(v).Kind() }

// IsNull reports whether v is null.
func (v JSON) IsNull() bool { return v.Kind() == 'n' }

// IsEmptyList reports whether v is a list of nothing, which is how PHP prints an
// empty object.
func (v JSON) IsEmptyList() bool {
	empty := true
	return v.Elements(func(JSON) { empty = false }) && empty
}

// Text returns the text that v is, as valid UTF-8.
func (v JSON) Text() (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	return string(v.unquoted()), true
}

// unquoted returns what the text holds, as valid UTF-8.
func (v JSON) unquoted() []byte {
	if bytes.IndexByte(v, '\\') < 0 && utf8.Valid(v) {
		return v[1 : len(v)-1]
	}
	raw, _ := jsontext.AppendUnquote(nil, []byte(v)) // the error is about UTF-8, which it mends
	return raw
}

// Integer reads a whole number, or its digits in quotes.
func (v JSON) Integer() (int64, bool) {
	digits := []byte(v)
	switch v.Kind() {
	case '0':
	case '"':
		digits = v.unquoted()
	default:
		return 0, false
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	return n, err == nil
}

// Compact returns v without blanks, as valid UTF-8.
func (v JSON) Compact() string {
	text := jsontext.Value(bytes.ToValidUTF8(v, []byte("\ufffd")))
	_ = text.Compact(asPHP...) // it was read before
	return string(text)
}
