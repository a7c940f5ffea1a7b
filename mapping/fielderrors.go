package mapping

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
)

// The bounds of reading field errors.
const (
	maxDepth      = 32
	maxViolations = 100
)

// fieldError is one text about one field, both as they came.
type fieldError struct{ key, text string }

// foreignKey is among Pelcro's field errors without being one: it lists other sites of the
// customer.
const foreignKey = "registered_on_other_sites"

// notFields are keys that name a part of an error instead of a field, in the order in which the
// upstream's sentence is looked for.
var notFields = []string{"message", "detail", "title", "base", "status", "code"}

// showsErrors are the statuses under which "errors" counts. Under any other status it says nothing
// that the status does not say.
var showsErrors = append(of(400, 404, 409, 422), success)

// readFieldErrors reads the field errors of a body in all the forms that Laravel and APIs like it
// write:
//
//	{"errors": {field: [text]}}             Pelcro's documentation; also one text, {"message": text} or {rule: text}
//	{"errors": [{"source": {"pointer": …}}]} JSON:API; also "field" and "param" instead of "source"
//	{"invalid-params": [{"name": …}]}       problem+json (RFC 7807)
//	{"error"|"message"|"data": {field: …}}  JSend and others
//	{field: [text]}                         Lumen, under 400 and 422
//
// A text under "errors" that names no field is the upstream's sentence unless the body has one.
func (e *evidence) readFieldErrors(operation Operation, statusCode int) {
	if !slices.ContainsFunc(showsErrors, func(s span) bool { return s.has(statusCode) }) {
		return
	}
	r := fieldReader{evidence: e, operation: operation, statusCode: statusCode}
	for name, value := range e.json.Members() {
		switch name {
		case "errors":
			r.errors(value)
		case "invalid-params", "invalid_params":
			r.list(value)
		}
	}
	for _, name := range []string{"error", "message", "data"} {
		if len(e.fields) > 0 || e.isDebug {
			break
		}
		if value := e.json.Member(name); name != "data" || isJSend(e.json) {
			r.nested(value, name != "data" || isFailureWord(e.json.Member("status")))
		}
	}
	if len(e.fields) == 0 && !e.isDebug && (statusCode == http.StatusBadRequest || statusCode == http.StatusUnprocessableEntity) {
		r.bare(e.json)
	}
	if strings.TrimSpace(e.text) == "" {
		e.text = strings.Join(r.texts, " ")
	}
}

// isJSend reports whether "data" holds the errors of a request: JSend
// (https://github.com/omniti-labs/jsend), or Laravel's usual {"success": false, "data": …}.
func isJSend(object rawjson.Value) bool {
	return (isFailureWord(object.Member("status")) || isFalse(object.Member("success"))) &&
		object.Member("data").Member("id").IsZero()
}

// fieldReader collects field errors, and the texts that name no field.
type fieldReader struct {
	*evidence
	operation  Operation
	statusCode int
	texts      []string
}

// errors reads the value under "errors".
func (r *fieldReader) errors(value rawjson.Value) {
	switch value.Kind() {
	case '{':
		r.object(value)
	case '[':
		r.list(value)
	default:
		r.addText(value)
	}
}

// list reads a list of errors, each a text or an object that may name its field.
func (r *fieldReader) list(list rawjson.Value) {
	for element := range list.Elements() {
		switch element.Kind() {
		case '"':
			r.addText(element)
		case '{':
			r.oneError(element)
		case 'n':
		default:
			r.omitted++
		}
	}
}

// oneError reads an object that is one error, or else an object of field errors.
func (r *fieldReader) oneError(object rawjson.Value) {
	key, text := fieldNamed(object), sentence(object)
	switch {
	case key != "":
		words, _ := text.Text()
		r.add(key, words)
	case !text.IsZero():
		r.addText(text)
	default:
		r.object(object)
	}
}

// fieldNamed returns the key that an error object names, empty for none.
func fieldNamed(object rawjson.Value) string {
	source := object.Member("source")
	for _, v := range []rawjson.Value{source.Member("pointer"), object.Member("pointer")} {
		if pointer, ok := v.Text(); ok {
			return keyOf(pointer)
		}
	}
	for _, v := range []rawjson.Value{
		source.Member("parameter"), object.Member("field"), object.Member("param"), object.Member("property"), object.Member("name"),
	} {
		if name, ok := v.Text(); ok {
			return name
		}
	}
	return ""
}

// keyOf returns the key that a JSON pointer (RFC 6901) into a JSON:API document names.
func keyOf(pointer string) string {
	pointer = strings.TrimPrefix(pointer, "#")
	for _, prefix := range []string{"/data/attributes/", "/data/relationships/", "/data/", "/"} {
		if rest, ok := strings.CutPrefix(pointer, prefix); ok {
			return strings.NewReplacer("/", ".", "~1", "/", "~0", "~").Replace(rest)
		}
	}
	return ""
}

// object reads an object of field errors, in which some keys may be texts instead of fields.
func (r *fieldReader) object(object rawjson.Value) {
	for key, value := range object.Members() {
		switch {
		case first(key) == foreignKey:
		case isIndex(key): // a list that PHP has filtered
			if value.Kind() == '{' {
				r.oneError(value)
			} else {
				r.addTexts(value)
			}
		case slices.Contains(notFields, key) && !r.isTitle(object, key):
			// read below
		case r.isText(key):
			r.addTexts(value)
		default:
			r.field(key, value, 1)
		}
	}
	for _, key := range notFields {
		if value := object.Member(key); !value.IsZero() && !r.isTitle(object, key) {
			if len(r.texts) == 0 {
				r.addTexts(value)
			}
		}
	}
}

// isTitle reports whether the key is a customer's title, which is also the name of a part of an
// error.
func (r *fieldReader) isTitle(object rawjson.Value, key string) bool {
	if key != "title" || !r.operation.knows(key) {
		return false
	}
	return object.Member(key).Kind() == '[' || sentence(object) == object.Member(key) &&
		object.Member("status").IsZero() && object.Member("code").IsZero()
}

// isText reports whether the key says what was not found instead of which field is invalid: under
// 404 the customer's id, and on Get and Delete every key that the request does not have.
func (r *fieldReader) isText(key string) bool {
	if r.statusCode != http.StatusNotFound || r.operation.List {
		return false
	}
	switch r.operation.Kind {
	case Create:
		return false
	case Read, Delete:
		return r.operation.namesID(key) || !r.operation.knows(key)
	}
	return r.operation.namesID(key)
}

// nested reads the value of "error", "message" or "data", which may hold field errors or a single
// error with members of its own. A member that is one text counts only with texts, because "data"
// may also hold the customer.
func (r *fieldReader) nested(object rawjson.Value, texts bool) {
	for key, value := range object.Members() {
		if key == "errors" {
			r.errors(value)
		}
	}
	if len(r.fields) > 0 {
		return
	}
	single := !sentence(object).IsZero() && !r.isTitle(object, "title")
	for key, value := range object.Members() {
		certain := r.operation.knows(key) || !single && strings.TrimSpace(r.text) == ""
		if r.mayBeField(object, key) && certain && (isNested(value) || texts && !single && value.Kind() == '"') {
			r.field(key, value, 1)
		}
	}
}

// bare reads field errors without an envelope. Beside a sentence of the error only lists about
// fields of the request count, because other members may be anything.
func (r *fieldReader) bare(object rawjson.Value) {
	single := strings.TrimSpace(r.text) != ""
	for key, value := range object.Members() {
		known := r.operation.knows(key)
		if r.mayBeField(object, key) && (known && isNested(value) || !single && (isListOfTexts(value) || known && value.Kind() == '"')) {
			r.field(key, value, 1)
		}
	}
}

func (r *fieldReader) mayBeField(object rawjson.Value, key string) bool {
	return !slices.Contains(envelopeKeys, key) && first(key) != foreignKey && !r.isText(key) &&
		(!slices.Contains(notFields, key) || r.isTitle(object, key))
}

func isNested(value rawjson.Value) bool { return value.Kind() == '[' || value.Kind() == '{' }

// envelopeKeys are members of responses that hold no field of the request.
var envelopeKeys = []string{
	"errors", "error", "data", "links", "meta", "jsonapi", "exception", "trace", "file", "line", "type", "instance", "timestamp", "path",
}

func isListOfTexts(value rawjson.Value) bool {
	found := false
	for element := range value.Elements() {
		if element.Kind() != '"' {
			return false
		}
		found = true
	}
	return found
}

// field reads the value of one field. A text below it, at any depth, is about the field; lists of
// texts below it are about the fields that their keys name.
func (r *fieldReader) field(path string, value rawjson.Value, depth int) {
	path = path[:min(len(path), maxUpstreamMessage)] // or a long path would be copied for every key below it
	switch {
	case value.IsNull():
	case depth >= maxDepth:
		r.omitted++
	case value.Kind() == '"':
		text, _ := value.Text()
		r.add(path, text)
	case value.Kind() == '[':
		r.fieldList(path, value, depth)
	case value.Kind() == '{':
		r.fieldObject(path, value, depth)
	default:
		r.omitted++
	}
}

func (r *fieldReader) fieldList(path string, list rawjson.Value, depth int) {
	i := 0
	for element := range list.Elements() {
		if text := sentence(element); !text.IsZero() {
			r.field(path, text, depth+1)
		} else if element.Kind() == '"' {
			r.field(path, element, depth)
		} else {
			r.field(path+"."+strconv.Itoa(i), element, depth+1)
		}
		i++
	}
}

func (r *fieldReader) fieldObject(path string, object rawjson.Value, depth int) {
	one := sentence(object)
	if !one.IsZero() {
		r.field(path, one, depth+1)
	}
	for key, value := range object.Members() {
		switch {
		case value.Kind() == '{' || value.Kind() == '[':
			r.field(path+"."+key, value, depth+1)
		case !one.IsZero(): // the other members describe the same error
		case slices.Contains(r.operation.Fields.Maps, first(path)):
			r.field(path+"."+key, value, depth+1)
		default:
			r.field(path, value, depth+1)
		}
	}
}

func (r *fieldReader) add(key, text string) {
	if len(r.fields) == maxViolations {
		r.omitted++
		return
	}
	r.fields = append(r.fields, fieldError{key, text})
}

// addTexts adds a text, or the texts of a list or object.
func (r *fieldReader) addTexts(value rawjson.Value) {
	switch value.Kind() {
	case '[':
		for element := range value.Elements() {
			r.addTexts(element)
		}
	case '{':
		r.addText(sentence(value))
	default:
		r.addText(value)
	}
}

func (r *fieldReader) addText(value rawjson.Value) {
	if text, ok := value.Text(); ok && strings.TrimSpace(text) != "" && len(r.texts) < maxViolations {
		r.texts = append(r.texts, text)
	}
}

// first returns the part of a key before the first dot.
func first(key string) string {
	part, _, _ := strings.Cut(key, ".")
	return part
}
