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
var notFields = []string{"message", "detail", "title", "base", "non_field_errors", "status", "code", foreignKey}

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
	if !showsErrors.has(statusCode) {
		return
	}
	r := fieldReader{evidence: e, operation: operation, statusCode: statusCode}
	for name, value := range e.json.Members() {
		switch name {
		case "errors":
			r.errors(value)
		case "invalid-params", "invalid_params":
			for element := range value.Elements() {
				r.oneError(element, append(fieldNames, "name"))
			}
		}
	}
	for _, name := range []string{"error", "message", "data"} {
		if len(e.fields) > 0 || e.isDebug {
			break
		}
		switch value := e.json.Member(name); {
		case name == "data" && !mayHoldErrors(e.json, statusCode):
		case value.Kind() == '[' && name != "data":
			r.list(value)
		default:
			r.nested(value, name != "data" || isJSendFail(e.json))
		}
	}
	if len(e.fields) == 0 && !e.isDebug && (statusCode == http.StatusBadRequest || statusCode == http.StatusUnprocessableEntity) {
		r.bare(e.json)
	}
	if strings.TrimSpace(e.text) == "" {
		e.text = strings.Join(r.texts, " ")
	}
}

// mayHoldErrors reports whether "data" may hold field errors instead of a customer: in an error, or in
// a success that says that it failed, if it has no id that is a number.
func mayHoldErrors(object rawjson.Value, statusCode int) bool {
	_, isCustomer := object.Member("data").Member("id").Integer()
	return !isCustomer && (!isSuccess(statusCode) || contradicts(object))
}

// isJSendFail reports whether "data" holds one text for each field
// (https://github.com/omniti-labs/jsend).
func isJSendFail(object rawjson.Value) bool {
	word, _ := object.Member("status").Text()
	return strings.EqualFold(word, "fail")
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
	case '"':
		r.addText(value)
	case '0', 't':
		r.omitted++
	}
}

// list reads a list of errors, each a text or an object that may name its field.
func (r *fieldReader) list(list rawjson.Value) {
	for element := range list.Elements() {
		switch element.Kind() {
		case '"':
			r.addText(element)
		case '{':
			r.oneError(element, fieldNames)
		case 'n':
		default:
			r.omitted++
		}
	}
}

// oneError reads an object that is one error, or else an object of field errors.
func (r *fieldReader) oneError(object rawjson.Value, names []string) {
	key, text := fieldNamed(object, names), sentence(object)
	switch {
	case key != "" && !slices.Contains(notFields, key) && !r.isText(key):
		words, _ := text.Text()
		r.add(key, words)
	case !text.IsZero():
		r.addText(text)
	default:
		r.object(object)
	}
}

// fieldNames are the members by which an error object names its field.
var fieldNames = []string{"field", "param", "property", "path"}

// fieldNamed returns the key that an error object names, empty for none.
func fieldNamed(object rawjson.Value, names []string) string {
	source := object.Member("source")
	for _, v := range []rawjson.Value{source.Member("pointer"), object.Member("pointer")} {
		if pointer, ok := v.Text(); ok {
			return keyOf(pointer)
		}
	}
	if name, ok := source.Member("parameter").Text(); ok {
		return name
	}
	for _, name := range names {
		if key, ok := object.Member(name).Text(); ok {
			return key
		}
	}
	return ""
}

// keyOf returns the key that a JSON pointer (RFC 6901) into a JSON:API document names.
func keyOf(pointer string) string {
	pointer = strings.TrimPrefix(pointer, "#")
	for _, document := range []string{"/data/attributes", "/data/relationships", "/data"} {
		if rest, ok := strings.CutPrefix(pointer, document); ok && (rest == "" || rest[0] == '/') {
			pointer = rest
			break
		}
	}
	return strings.NewReplacer("/", ".", "~1", "/", "~0", "~").Replace(strings.TrimPrefix(pointer, "/"))
}

// object reads an object of field errors, in which some keys may be texts instead of fields.
func (r *fieldReader) object(object rawjson.Value) {
	titled := r.hasTitle(object)
	for key, value := range object.Members() {
		switch {
		case isIndex(key): // PHP prints a filtered list as an object
			if value.Kind() == '{' {
				r.oneError(value, fieldNames)
			} else {
				r.addTexts(value)
			}
		case isNotField(key, titled):
			if key != foreignKey && isNested(value) && !isListOfTexts(value) {
				r.errors(value)
			}
		case r.isText(key):
			r.addTexts(value)
		default:
			r.field(key, value, 1)
		}
	}
	for _, key := range notFields {
		if value := object.Member(key); len(r.texts) == 0 && isNotField(key, titled) && value.Kind() != '{' {
			r.addTexts(value)
		}
	}
}

func isNotField(key string, titled bool) bool {
	return slices.Contains(notFields, key) && (key != "title" || !titled)
}

// hasTitle reports whether the member "title" of the object is about the title of a customer, which
// is also the name of a part of an error.
func (r *fieldReader) hasTitle(object rawjson.Value) bool {
	title := object.Member("title")
	if title.IsZero() || !r.operation.knows("title") {
		return false
	}
	return title.Kind() == '[' || sentence(object) == title && object.Member("status").IsZero() && object.Member("code").IsZero()
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
// error with members of its own. A member that is one text counts only with texts, because "data" may
// also hold the request.
func (r *fieldReader) nested(object rawjson.Value, texts bool) {
	for key, value := range object.Members() {
		if key == "errors" {
			r.errors(value)
		}
	}
	if len(r.fields) > 0 {
		return
	}
	titled := r.hasTitle(object)
	single := !sentence(object).IsZero() && !titled
	for key, value := range object.Members() {
		switch {
		case slices.Contains(envelopeKeys, key) || isNotField(key, titled):
		case r.isText(key):
			r.addTexts(value)
		case isListOfTexts(value),
			texts && isNested(value) && (r.operation.knows(key) || !single),
			texts && value.Kind() == '"' && !single && (r.operation.knows(key) || !r.hasSentence()):
			r.field(key, value, 1)
		}
	}
}

// bare reads field errors without an envelope. Beside a sentence of the error they count only if one
// of them is about a field of the request, because other members may be anything.
func (r *fieldReader) bare(object rawjson.Value) {
	titled := r.hasTitle(object)
	certain := !r.hasSentence()
	for key, value := range object.Members() {
		certain = certain || r.operation.knows(key) && isNested(value) && !isNotField(key, titled)
	}
	for key, value := range object.Members() {
		known := r.operation.knows(key)
		switch {
		case slices.Contains(envelopeKeys, key) || isNotField(key, titled) || r.isText(key):
		case known && isNested(value),
			certain && isListOfErrors(value),
			certain && known && value.Kind() == '"' && !r.hasSentence():
			r.field(key, value, 1)
		}
	}
}

func (r *fieldReader) hasSentence() bool { return strings.TrimSpace(r.text) != "" }

func isNested(value rawjson.Value) bool { return value.Kind() == '[' || value.Kind() == '{' }

// envelopeKeys are members of responses that hold no field of the request.
var envelopeKeys = []string{
	"errors", "error", "data", "links", "meta", "jsonapi", "exception", "trace", "file", "line", "type", "instance", "timestamp", "path",
}

func isListOfTexts(value rawjson.Value) bool {
	return isListOf(value, func(v rawjson.Value) bool { return v.Kind() == '"' })
}

func isListOfErrors(value rawjson.Value) bool {
	return isListOf(value, func(v rawjson.Value) bool { return v.Kind() == '"' || !sentence(v).IsZero() })
}

func isListOf(list rawjson.Value, holds func(rawjson.Value) bool) bool {
	found := false
	for element := range list.Elements() {
		if !holds(element) {
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
		case slices.Contains(requestValues, key):
		case slices.Contains(r.operation.fields.Maps, first(path)) && ruleReasons[key] == 0:
			r.field(path+"."+key, value, depth+1)
		default:
			r.field(path, value, depth+1)
		}
	}
}

// requestValues are members of error objects that repeat the rejected value, which is not shown.
var requestValues = []string{"value", "rejectedValue", "input", "location", "type"}

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
