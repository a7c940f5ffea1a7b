package verify

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/pelcro-grpc/pelcro-grpc/internal/customers"
)

// place is a value, or the name of a member, in a JSON document.
type place struct {
	pointer string // RFC 6901
	raw     jsontext.Value
	isName  bool
}

// lenient tolerates what PHP emits.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// rewrite returns the document with each name, text and number replaced by what replace returns for
// it, nil to keep it. Everything else keeps its bytes. ok is false for what is not JSON.
func rewrite(document []byte, replace func(place) jsontext.Value) (rewritten []byte, ok bool) {
	decoder := jsontext.NewDecoder(bytes.NewReader(document), lenient...)
	copied := 0
	for {
		switch decoder.PeekKind() {
		case '{', '}', '[', ']':
			if _, err := decoder.ReadToken(); err != nil {
				return nil, false
			}
			continue
		}
		parent, count := decoder.StackIndex(decoder.StackDepth())
		raw, err := decoder.ReadValue()
		if errors.Is(err, io.EOF) {
			return append(rewritten, document[copied:]...), true
		}
		if err != nil {
			return nil, false
		}
		end := int(decoder.InputOffset())
		at := place{string(decoder.StackPointer()), raw.Clone(), parent == '{' && count%2 == 0}
		if with := replace(at); with != nil {
			rewritten = append(append(rewritten, document[copied:end-len(raw)]...), with...)
			copied = end
		}
	}
}

// parts are the names and indexes of the pointer.
func (p place) parts() []string { return strings.Split(strings.TrimPrefix(p.pointer, "/"), "/") }

// attribute returns the name of the attribute that the value belongs to.
func (p place) attribute() string {
	for _, part := range slices.Backward(p.parts()) {
		if !isDigits(part) {
			return part
		}
	}
	return ""
}

// inMetadata reports whether the place is below an attribute with free names.
func (p place) inMetadata() bool {
	parts := p.parts()
	return slices.Contains(parts[:len(parts)-1], "metadata") || slices.Contains(parts[:len(parts)-1], "properties")
}

// shown is the pointer without names that are free, and so replaced.
func (p place) shown() string {
	parts := p.parts()
	for i, part := range parts[:len(parts)-1] {
		if part == "metadata" || part == "properties" {
			parts = append(parts[:i+1:i+1], "(value)")
			break
		}
	}
	if p.isName {
		parts[len(parts)-1] = "(name)"
	}
	return "/" + strings.Join(parts, "/")
}

// envelope are the members of a body beside the resource.
var envelope = []string{
	"links", "meta", "errors", "error", "message", "status", "code", "success", "exception", "file", "line", "trace", "detail", "title", "type",
}

// inEnvelope reports whether the place is not of a resource.
func (p place) inEnvelope() bool { return slices.Contains(envelope, p.parts()[0]) }

// kept are the attributes of resources with values from a fixed list, or that the service reads and that
// are about no person.
var kept = []string{
	"status", "type", "billing", "object", "object_gateway", "brand", "funding", "canceled_by_type", "default_currency", "default_locale",
	"api_core_rate_limit",
}

// keptForm is the form of values from a fixed list.
var keptForm = regexp.MustCompile(`^[A-Za-z_ -]{1,32}$|^\d{1,7}$`)

// isReplaced reports whether the value, or the name, may belong to a person or an account.
func (p place) isReplaced() bool {
	text := textOfRaw(p.raw)
	switch {
	case p.isName:
		return p.inMetadata() && text != customers.DefaultRequestIDKey
	case p.raw.Kind() != '"' && p.raw.Kind() != '0', text == "", text == "0", text == "1":
		return false
	case slices.Contains(kept, p.attribute()) && !p.inMetadata():
		return !keptForm.MatchString(text)
	}
	return true
}

// textOfRaw is the text of a string, or the number as it is.
func textOfRaw(raw jsontext.Value) string {
	if raw.Kind() != '"' {
		return string(raw)
	}
	text, _ := jsontext.AppendUnquote(nil, raw) // the error is about UTF-8, which it repairs
	return string(text)
}

// quoted is the JSON of a text.
func quoted(text string) jsontext.Value {
	raw, _ := jsontext.AppendQuote(nil, text) // the text is valid UTF-8
	return raw
}

// learn adds the values of a resource to the originals.
func (r *replacer) learn(body []byte) {
	rewrite(body, func(p place) jsontext.Value {
		if !p.inEnvelope() && p.isReplaced() {
			r.originals[textOfRaw(p.raw)] = true
		}
		return nil
	})
}

// document replaces the values in a body.
func (r *replacer) document(body []byte, found func(pointer, kind, made string)) []byte {
	inText := func(pointer string) func(kind, made string) {
		return func(kind, made string) { found(pointer, kind, made) }
	}
	rewritten, isJSON := rewrite(body, func(p place) jsontext.Value {
		text := textOfRaw(p.raw)
		switch {
		case p.inEnvelope() && !p.isName && p.raw.Kind() == '"':
			return quoted(r.text(text, inText(p.pointer)))
		case p.inEnvelope() || !p.isReplaced():
			return nil
		}
		kind := kindOf(p.attribute(), text, p.inMetadata())
		made := r.value(kind, text)
		found(p.shown(), kind, made)
		if p.raw.Kind() == '"' {
			return quoted(made)
		}
		return jsontext.Value(made)
	})
	if !isJSON {
		return []byte(r.text(string(body), inText("")))
	}
	return rewritten
}
