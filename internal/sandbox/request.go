package sandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxBody is the largest request body.
	maxBody = 1 << 20
	// maxDrain is how much more is read and discarded before a larger body is rejected, as PHP
	// does. Otherwise the client could lose the connection while it writes and never get the
	// response.
	maxDrain = 16 << 20
)

// readBody reads the whole request first, as a buffering proxy does. When it returns false, it has
// responded.
func readBody(w http.ResponseWriter, r *http.Request) (body []byte, ok bool) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		fail(w, r, http.StatusBadRequest, "Bad request.")
		return nil, false
	case len(body) > maxBody:
		_, _ = io.CopyN(io.Discard, r.Body, maxDrain)
		fail(w, r, http.StatusRequestEntityTooLarge, "The POST data is too large.")
		return nil, false
	}
	return body, true
}

// readInput is the body as a Laravel controller sees it: decoded, trimmed, empty texts null. A body
// that is not a JSON object, or not declared as JSON, is empty. Numbers are [json.Number], so that
// large numbers keep their digits.
func readInput(r *http.Request, body []byte) map[string]any {
	input := map[string]any{}
	if !mentionsJSON(r.Header.Get("Content-Type")) || !utf8.Valid(body) {
		return input
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var decoded map[string]any
	if err := decoder.Decode(&decoded); err != nil {
		return input
	}
	if _, err := decoder.Token(); err != io.EOF {
		return input
	}
	for key, value := range decoded {
		if text, ok := value.(string); ok && key == "password" {
			input[key] = emptyToNull(text)
			continue
		}
		input[key] = clean(value)
	}
	return input
}

// clean changes a decoded value as Laravel's middleware and PHP's arrays do.
func clean(value any) any {
	switch value := value.(type) {
	case string:
		return emptyToNull(trim(value))
	case []any:
		for i := range value {
			value[i] = clean(value[i])
		}
		return value
	case map[string]any:
		for key := range value {
			value[key] = clean(value[key])
		}
		return phpArray(value)
	default:
		return value
	}
}

func trim(text string) string {
	return strings.TrimFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune("\x00\u200b\u200e\ufeff", r)
	})
}

func emptyToNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// wantsJSON is Laravel's test: the preferred type of Accept counts, not whether JSON is acceptable.
// "*/*" or a missing header is enough only with the X-Requested-With header of scripts in browsers.
func wantsJSON(r *http.Request) bool {
	preferred := preferredType(r.Header.Get("Accept"))
	if mentionsJSON(preferred) {
		return true
	}
	scripted := r.Header.Get("X-Requested-With") == "XMLHttpRequest"
	return scripted && (preferred == "" || preferred == "*/*" || preferred == "*")
}

func preferredType(accept string) string {
	type choice struct {
		name    string
		quality float64
	}
	var choices []choice
	for item := range strings.SplitSeq(accept, ",") {
		name, parameters, _ := strings.Cut(item, ";")
		quality := 1.0
		for parameter := range strings.SplitSeq(parameters, ";") {
			text, ok := strings.CutPrefix(strings.TrimSpace(parameter), "q=")
			if q, err := strconv.ParseFloat(text, 64); ok && err == nil {
				quality = q
			}
		}
		choices = append(choices, choice{strings.TrimSpace(name), quality})
	}
	slices.SortStableFunc(choices, func(a, b choice) int { return cmp.Compare(b.quality, a.quality) })
	return choices[0].name
}

func mentionsJSON(contentType string) bool {
	contentType = strings.ToLower(contentType)
	return strings.Contains(contentType, "/json") || strings.Contains(contentType, "+json")
}

// query is the decoded query string. If a name occurs twice, PHP keeps the last value.
type query url.Values

func queryOf(r *http.Request) query { return query(r.URL.Query()) }

// get returns the trimmed value, empty for a missing name: Laravel does not tell the two apart.
func (q query) get(name string) string {
	values := q[name]
	if len(values) == 0 {
		return ""
	}
	return trim(values[len(values)-1])
}
