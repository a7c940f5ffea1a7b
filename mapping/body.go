package mapping

import (
	"mime"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
	"github.com/pelcro-grpc/pelcro-grpc/internal/retryafter"
)

// maxErrorBody is the size of the largest error body that is read, in bytes: Laravel's debug pages
// are just below it.
const maxErrorBody = 256 << 10

// bodyKind is the kind of a body, whatever its Content-Type says.
type bodyKind uint8

const (
	bodyEmpty bodyKind = iota
	bodyObject
	bodyOtherJSON
	bodyHTML
	bodyText // anything else, also a body that did not arrive whole
)

// evidence is what a response says: who wrote it, whether it contradicts its own status, and what
// it blames. The rule table, the message and the retry advice read it.
type evidence struct {
	kind   bodyKind
	json   rawjson.Value // zero unless the body is JSON
	origin Origin
	// contradicts says that the body of a success reports an error (success.go).
	contradicts bool
	// text is the upstream's own sentence, as it came; hidden if it is debug output.
	text    string
	isDebug bool
	// fields are the field errors in document order, at most maxViolations. omitted counts
	// those beyond that and those that could not be read.
	fields  []fieldError
	omitted int
	// isProblem says that the body is problem+json (RFC 7807), which Pelcro does not write.
	isProblem bool
	// delay is how long the response asks to wait, 0 if that is unknown.
	delay time.Duration
}

// examine reads a response. It never fails: a body that cannot be read says nothing.
func examine(operation Operation, response Response) *evidence {
	e := &evidence{delay: retryafter.Delay(response.StatusCode, response.Header)}
	contentType, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	e.isProblem = contentType == "application/problem+json"
	if response.BodyIncomplete || len(response.Body) > maxErrorBody && !isSuccess(response.StatusCode) {
		e.kind = bodyText
		e.origin = originOfStart(response.Body, e.isProblem)
		return e
	}
	e.json, e.kind = parse(response.Body, contentType)
	if e.json.IsZero() {
		e.origin = originOfStart(response.Body, e.isProblem)
		return e
	}
	if e.kind == bodyObject {
		e.contradicts = isSuccess(response.StatusCode) && contradicts(e.json)
		e.isDebug = isDebug(e.json)
		e.text = textOf(e.json)
		e.readFieldErrors(operation, response.StatusCode)
	}
	e.origin = OriginIntermediary
	if len(e.fields) > 0 || !e.isProblem && looksLikePelcro(e.json, isSuccess(response.StatusCode)) {
		e.origin = OriginPelcro
	}
	return e
}

func parse(body []byte, contentType string) (rawjson.Value, bodyKind) {
	value, err := rawjson.Parse(body)
	start := strings.TrimSpace(strings.TrimPrefix(string(body[:min(len(body), 512)]), "\xef\xbb\xbf"))
	switch {
	case value.Kind() == '{':
		return value, bodyObject
	case err == nil:
		return value, bodyOtherJSON
	case start == "" && len(body) <= 512:
		return value, bodyEmpty
	case strings.HasPrefix(start, "<"), contentType == "text/html":
		return value, bodyHTML
	}
	return value, bodyText
}

// looksLikePelcro reports whether the object has a member that Pelcro's responses have.
func looksLikePelcro(object rawjson.Value, success bool) bool {
	for name := range object.Members() {
		switch name {
		case "errors", "error", "message":
			return true
		case "data":
			if success {
				return true
			}
		}
	}
	return false
}

// pelcroStart matches the beginning of Pelcro's errors, for a body that cannot be
// parsed, usually because it is not whole.
var pelcroStart = regexp.MustCompile(`^(?:\x{feff})?\s*\{\s*"(?:errors?|message|data)"\s*:`)

func originOfStart(body []byte, isProblem bool) Origin {
	if !isProblem && pelcroStart.Match(body) {
		return OriginPelcro
	}
	return OriginIntermediary
}

// isDebug reports whether the object is Laravel's debug output.
func isDebug(object rawjson.Value) bool {
	return !object.Member("exception").IsZero() &&
		(!object.Member("trace").IsZero() || !object.Member("file").IsZero())
}

// textOf returns the sentence of an error object, empty if it has none. Texts under "errors" are
// read with the field errors.
func textOf(object rawjson.Value) string {
	for _, name := range []string{"message", "error", "errorMessage", "error_description", "detail", "title"} {
		member := object.Member(name)
		if member.Kind() == '{' {
			member = sentence(member)
		}
		text, _ := member.Text()
		if isListOfTexts(member) {
			text = joined(member)
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		if name == "error" { // OAuth 2.0 has a code there and the sentence beside it
			if description, ok := object.Member("error_description").Text(); ok && strings.TrimSpace(description) != "" {
				text += ": " + description
			}
		}
		return text
	}
	return ""
}

// joined returns the texts of a list, separated by spaces.
func joined(list rawjson.Value) string {
	var texts []string
	for element := range list.Elements() {
		text, _ := element.Text()
		texts = append(texts, text)
	}
	return strings.Join(texts, " ")
}

// sentence returns the text of an object that is one error, zero if it is not one: the first of
// the members that such objects have.
func sentence(object rawjson.Value) rawjson.Value {
	for _, name := range []string{"message", "detail", "title", "description", "reason", "msg", "defaultMessage", "error"} {
		if text, ok := object.Member(name).Text(); ok && strings.TrimSpace(text) != "" {
			return object.Member(name)
		}
	}
	return rawjson.Value{}
}

// mediaType returns the response's Content-Type without parameters, for example "text/html", empty
// if its type is not one of IANA's, because then it can be anything.
func mediaType(header http.Header) string {
	parsed, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil && parsed == "" {
		return ""
	}
	switch kind, _, _ := strings.Cut(parsed, "/"); kind {
	case "application", "audio", "font", "image", "message", "model", "multipart", "text", "video":
		return clean(parsed, maxMetadataValue)
	}
	return ""
}
