package mapping

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// The bounds of reading a body.
const (
	// MaxErrorBody is the most of an error's body that is worth keeping, in bytes.
	// A reply whose body was cut there is passed with [Reply.BodyIncomplete].
	MaxErrorBody = 256 << 10

	maxDepth      = 32
	maxViolations = 100
)

// foreignKey stands among Pelcro's field errors but is none: it lists other
// sites of the customer.
const foreignKey = "registered_on_other_sites"

// form is what a body is, whatever its Content-Type says.
type form uint8

const (
	formNone   form = iota // no body
	formObject             // a JSON object
	formHTML               // a page
	formOther              // anything else
)

// body is what the mapping wants to know of a reply's body.
type body struct {
	form     form
	hasData  bool // "data" is there and not null
	hasError bool // "error" is there and not null
	isDebug  bool // Laravel's debug output

	// text is Pelcro's own sentence, if any, as it came; errorsText the first one
	// under "errors".
	text, errorsText string
	// fields are the field errors in document order, at most maxViolations;
	// omitted counts the others.
	fields  []fieldError
	omitted int
}

// fieldError is one text about one field, both as they came.
type fieldError struct{ key, text string }

// readBody reads any of the bodies that Pelcro, Laravel or a proxy answer with:
//
//	{"errors": {"field": ["text"]}}    Pelcro's documentation; also with "message"
//	{"error": {"message": "text"}}     Pelcro's Open API
//	{"error": "text"}                  OAuth
//	{"message": "text"}                Laravel
//
// It never fails: what it cannot read is of form formOther.
func readBody(raw []byte, contentType string) body {
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0:
		return body{form: formNone}
	case raw[0] == '<':
		return body{form: formHTML}
	case raw[0] == '{' && json.Valid(raw):
		return readObject(string(raw))
	case len(contentType) >= len(htmlType) && strings.EqualFold(contentType[:len(htmlType)], htmlType):
		return body{form: formHTML}
	}
	return body{form: formOther}
}

const htmlType = "text/html"

// readObject reads a valid JSON object.
func readObject(object string) body {
	b := body{form: formObject}
	var message, errorText string
	var exception, trace bool
	for key, value := range members(object) {
		switch key {
		case "data":
			b.hasData = value != "null"
		case "message":
			message, _ = textOf(value)
		case "error":
			b.hasError = value != "null"
			errorText = b.readError(value)
		case "errors":
			b.errorsText = b.readErrors(value)
		case "exception":
			exception = true
		case "trace", "file":
			trace = true
		}
	}
	b.isDebug = exception && trace
	b.text = message
	if strings.TrimSpace(message) == "" {
		b.text = errorText
	}
	return b
}

// readError returns the text of the value under "error".
func (b *body) readError(value string) (message string) {
	if value[0] != '{' {
		message, _ = textOf(value)
		return message
	}
	for key, value := range members(value) {
		if key == "message" {
			message, _ = textOf(value)
		}
	}
	return message
}

// readErrors reads the value under "errors": an object of field errors, or a
// text or list of texts, of which it returns the first.
func (b *body) readErrors(value string) (first string) {
	switch value[0] {
	case '{':
		// Every key has a colon, and as a rule one text.
		b.fields = slices.Grow(b.fields, min(strings.Count(value, ":"), maxViolations))
		b.readFields(value, "", 2)
	case '[':
		for element := range elements(value) {
			if text, ok := textOf(element); ok && first == "" {
				first = text
			}
		}
	default:
		first, _ = textOf(value)
	}
	return first
}

// readFields reads an object of field errors, depth levels deep, whose keys lie
// below prefix.
func (b *body) readFields(object, prefix string, depth int) {
	for key, value := range members(object) {
		path := prefix + key
		switch {
		case isForeign(path) || depth >= maxDepth:
		case value[0] == '[':
			for element := range elements(value) {
				if text, ok := textOf(element); ok {
					b.add(path, text)
				}
			}
		case value[0] == '{':
			// Cut, because a long prefix would be copied once for every key below.
			b.readFields(value, path[:min(len(path), maxUpstreamMessage)]+".", depth+1)
		default:
			if text, ok := textOf(value); ok {
				b.add(path, text)
			}
		}
	}
}

func isForeign(path string) bool {
	first, _, _ := strings.Cut(path, ".")
	return first == foreignKey
}

func (b *body) add(key, text string) {
	if len(b.fields) == maxViolations {
		b.omitted++
		return
	}
	b.fields = append(b.fields, fieldError{key, text})
}
