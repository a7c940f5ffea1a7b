package mapping

import (
	"maps"
	"net/http"
	"regexp"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/retryafter"
)

// UnrecognisedKind is a kind of what a response may have that this service does not know. Callers
// get the best that can be made of it; operators learn that Pelcro's API has changed, or that its
// documentation is incomplete.
type UnrecognisedKind string

// The kinds, as metrics and logs name them.
const (
	// FieldText: the text of a field error has no reason of its own, so that callers get
	// FIELD_INVALID_VALUE.
	FieldText UnrecognisedKind = "field_text"
	// FieldKey: the key of a field error has no path in the request, so that callers get the key.
	FieldKey UnrecognisedKind = "field_key"
	// Attribute: an attribute of a resource has no field; it is in extra.
	Attribute UnrecognisedKind = "attribute"
	// AttributeType: an attribute has another type than its field; it is in extra.
	AttributeType UnrecognisedKind = "attribute_type"
	// StatusCode: no row of the table names the status, so that callers get the reason of its class.
	StatusCode UnrecognisedKind = "status"
	// BodyForm: JSON of which nothing or not everything could be read: an error without the members
	// that errors have, field errors of an unknown form, a success without data. Pages and texts of
	// proxies are known forms.
	BodyForm UnrecognisedKind = "body"
	// HeaderForm: a header about the rate limit or a delay cannot be read ([retryafter.Unreadable]).
	HeaderForm UnrecognisedKind = "header"
)

// UnrecognisedKinds lists the kinds.
func UnrecognisedKinds() []UnrecognisedKind {
	return []UnrecognisedKind{FieldText, FieldKey, Attribute, AttributeType, StatusCode, BodyForm, HeaderForm}
}

// Unrecognised is what is unknown of one kind in one response. It holds no value of the response.
type Unrecognised struct {
	Kind       UnrecognisedKind
	StatusCode int
	// ContentType is the type of the body without parameters, empty if it is not one of IANA's.
	ContentType string
	// Names are the names of attributes, field keys, members of the body or headers that it is about:
	// at most maxNames, in alphabetical order. A name with characters that names do not have is left
	// out, because it could be a value.
	Names []string
}

const maxNames = 10

// nameForm is the form of names; a number is an id or an index.
var nameForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,63}$`)

// findings collects what is unknown, by kind.
type findings map[UnrecognisedKind]map[string]bool

func (f findings) add(kind UnrecognisedKind, names ...string) {
	if f[kind] == nil {
		f[kind] = map[string]bool{}
	}
	for _, name := range names {
		if nameForm.MatchString(name) && isPublic(name) {
			f[kind][name] = true
		}
	}
}

// list returns the findings in a response, in the order of the kinds.
func (f findings) list(statusCode int, header http.Header) (list []Unrecognised) {
	for _, kind := range UnrecognisedKinds() {
		if names, found := f[kind]; found {
			sorted := slices.Sorted(maps.Keys(names))
			list = append(list, Unrecognised{kind, statusCode, mediaType(header), sorted[:min(len(sorted), maxNames)]})
		}
	}
	return list
}

// UnrecognisedInSuccess returns what is unknown in a success that was read into the message, nil for
// none.
func UnrecognisedInSuccess(statusCode int, header http.Header, message proto.Message) []Unrecognised {
	f := findings{}
	f.addHeaders(header)
	if message != nil {
		f.addAttributes(message.ProtoReflect())
	}
	return f.list(statusCode, header)
}

func (f findings) addHeaders(header http.Header) {
	if names := retryafter.Unreadable(header); len(names) > 0 {
		f.add(HeaderForm, names...)
	}
}

// extraField is the field, of every message that is read from JSON, that holds the attributes
// without a field and those of another type than their field.
const extraField = "extra"

// addAttributes adds the attributes that are in extra, in the message and in those within it.
func (f findings) addAttributes(message protoreflect.Message) {
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if field.Message() == nil || !message.Has(field) {
			continue
		}
		switch {
		case field.Name() == extraField:
			f.addExtra(fields, message.Get(field).Message())
		case field.Message().ParentFile().Package() != "pelcro.v1" || field.IsMap():
		case field.IsList():
			for i := range message.Get(field).List().Len() {
				f.addAttributes(message.Get(field).List().Get(i).Message())
			}
		default:
			f.addAttributes(message.Get(field).Message())
		}
	}
}

// addExtra adds the keys of a google.protobuf.Struct. Fields have the names of their attributes; those
// of a related resource that is only an id end in _id.
func (f findings) addExtra(fields protoreflect.FieldDescriptors, extra protoreflect.Message) {
	entries := extra.Descriptor().Fields().ByName("fields")
	for key, value := range extra.Get(entries).Map().Range {
		name := key.String()
		field := fields.ByName(protoreflect.Name(name))
		switch {
		case field != nil && isListOfPHP(field, value.Message().Interface()):
		case field != nil || fields.ByName(protoreflect.Name(name+"_id")) != nil:
			f.add(AttributeType, name)
		default:
			f.add(Attribute, name)
		}
	}
}

// isListOfPHP reports whether the value of a map is a list: so PHP prints a map with the keys 0, 1, 2.
func isListOfPHP(field protoreflect.FieldDescriptor, value proto.Message) bool {
	v, ok := value.(*structpb.Value)
	return ok && v.GetListValue() != nil && field.Message() != nil && field.Message().FullName() == "google.protobuf.Struct"
}

// unrecognised returns what is unknown in a response that is an error.
func unrecognised(operation Operation, response Response, e *evidence, reason pelcrov1.ErrorReason) []Unrecognised {
	f := findings{}
	f.addHeaders(response.Header)
	if !isNamed(response.StatusCode) {
		f.add(StatusCode)
	}
	for _, field := range e.fields {
		if _, known := fieldReason(field.text); !known {
			f.add(FieldText, field.key)
		}
		if !operation.fields.has(field.key) {
			f.add(FieldKey, field.key)
		}
	}
	if hasUnknownForm(response, e, reason) {
		f.add(BodyForm)
		for name := range e.json.Members() {
			f.add(BodyForm, name)
		}
	}
	return f.list(response.StatusCode, response.Header)
}

// isNamed reports whether a row of the table is about the status, instead of the rest of its class.
func isNamed(statusCode int) bool {
	for _, r := range rules {
		for _, s := range r.statuses {
			if s.has(statusCode) && (s == success || s == redirects || !s.isClass()) {
				return true
			}
		}
	}
	return statusCode == http.StatusInternalServerError || statusCode == http.StatusNotImplemented
}

// isClass reports whether the span is a whole class of statuses.
func (s span) isClass() bool { return s.from%100 == 0 && s.to == s.from+99 }

func hasUnknownForm(response Response, e *evidence, reason pelcrov1.ErrorReason) bool {
	isJSON := e.kind == bodyObject || e.kind == bodyOtherJSON
	switch {
	case response.BodyIncomplete || response.TooLarge:
		return false
	case isSuccess(response.StatusCode):
		return reason == pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE && e.kind != bodyHTML
	case e.omitted > 0 && len(e.fields) < maxViolations: // those beyond maxViolations are readable
		return true
	}
	return isJSON && e.origin == OriginIntermediary && !e.isProblem
}
