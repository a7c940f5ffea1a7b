package mapping

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzExamine: any bytes are read, within bounds, and never out of nothing.
func FuzzExamine(f *testing.F) {
	addVectors(f)
	f.Add([]byte(` { "a" : [ { } , "\"]" , 1 ] , "errors" : { "b" : { "c" : [ "d" ] } } , "data" : null } `), "")
	f.Fuzz(func(t *testing.T, raw []byte, contentType string) {
		for _, operation := range customerOperations {
			for _, status := range []int{200, 400, 404, 409, 422, 500} {
				e := examine(operation, Response{StatusCode: status, Body: raw, Header: http.Header{"Content-Type": {contentType}}})
				if len(e.fields) > maxViolations {
					t.Errorf("%d fields", len(e.fields))
				}
				for _, field := range e.fields {
					if len(field.key)+len(field.text) > 4*len(raw)+maxUpstreamMessage {
						t.Errorf("a field of %d and %d bytes out of %d", len(field.key), len(field.text), len(raw))
					}
				}
				if e.kind != bodyObject && (e.text != "" || e.fields != nil || e.contradicts) {
					t.Errorf("%+v out of a body that is not an object", e)
				}
				if e.origin != OriginPelcro && e.origin != OriginIntermediary {
					t.Errorf("origin %q", e.origin)
				}
			}
		}
	})
}

// FuzzFieldErrors: a field error of a body that is read (maxErrorBody) is read or counted, never
// lost. The document is made of fuzzed keys and texts in each of the documented forms, so the test
// knows what it holds.
func FuzzFieldErrors(f *testing.F) {
	f.Add("email", "The email field is required.", uint8(0), uint8(3))
	f.Add("metadata.color", "Nope.", uint8(1), uint8(120))
	f.Add("addresses", "", uint8(7), uint8(1))
	f.Add(strings.Repeat("k", 2000), "Too large a body to be read.", uint8(4), uint8(150))
	f.Fuzz(func(t *testing.T, key, text string, form, count uint8) {
		if key == foreignKey || isIndex(key) || slices.Contains(notFields, key) || !utf8.ValidString(key) || !utf8.ValidString(text) {
			return
		}
		value := fieldForms[int(form)%len(fieldForms)](text)
		object := map[string]any{}
		for i := range int(count) {
			object[key+strings.Repeat("x", i)] = value
		}
		if first(key) == foreignKey {
			return
		}
		raw, err := json.Marshal(map[string]any{"errors": object})
		if err != nil {
			t.Fatal(err)
		}
		if len(raw) > maxErrorBody {
			return
		}
		create, _ := CustomerOperation("CreateCustomer")
		e := examine(create, Response{StatusCode: 422, Body: raw})
		if found := len(e.fields) + e.omitted; found < len(object) {
			t.Errorf("%d of %d field errors in %.1000s", found, len(object), raw)
		}
	})
}

// fieldForms are the forms of one field's errors, with at least one error each.
var fieldForms = []func(text string) any{
	func(text string) any { return []string{text} },
	func(text string) any { return text },
	func(text string) any { return map[string]any{"message": text, "code": 7} },
	func(text string) any { return map[string]any{"required": text} },
	func(text string) any { return []any{map[string]any{"message": text}} },
	func(text string) any { return []any{map[string]any{"line1": []string{text}}} },
	func(text string) any { return map[string]any{"0": map[string]any{"line1": []string{text}}} },
	func(string) any { return 7 },
	func(string) any { return true },
	func(string) any { return []any{7} },
	func(text string) any { return map[string]any{"deep": map[string]any{"er": text}} },
}

// addVectors adds the bodies of all vectors.
func addVectors(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("testdata/vectors/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no vectors: %v", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var vector struct {
			Response struct {
				Headers    map[string]string `json:"headers"`
				Body       string            `json:"body"`
				BodyBase64 []byte            `json:"body_base64"`
			} `json:"response"`
		}
		if err := json.Unmarshal(raw, &vector); err != nil {
			f.Fatal(err)
		}
		f.Add(append(vector.Response.BodyBase64, vector.Response.Body...), vector.Response.Headers["Content-Type"])
	}
}

// FuzzFieldPath: any key has a path that is safe to send, the same one each
// time.
func FuzzFieldPath(f *testing.F) {
	for _, key := range []string{
		"email", "metadata.color", "metadata.", "addresses.0.line1", "expand.1", "customer_id", "filter[email]", ".", "..0",
		"a\x00b", "a\xffb", "expand\x01", "App\\Models\\User", "metadata.https://x.example", strings.Repeat("é", 200),
	} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		for _, operation := range customerOperations {
			path := operation.fields.upstreamPath(key)
			if len(path) > maxFieldPath || !utf8.ValidString(path) || strings.ContainsFunc(path, unicode.IsControl) {
				t.Errorf("%s: %q is %q", operation.Name, key, path)
			}
			if again := operation.fields.upstreamPath(key); again != path {
				t.Errorf("%s: %q is %q, and then %q", operation.Name, key, path, again)
			}
			if key != "" && operation.fields.Parent != "" && !strings.HasPrefix(path, operation.fields.Parent) {
				first, _, _ := strings.Cut(clean(key, maxFieldPath), ".")
				if _, known := operation.fields.Names[first]; !known {
					t.Errorf("%s: %q is %q, outside of the resource", operation.Name, key, path)
				}
			}
		}
	})
}

// FuzzMediaType: a Content-Type that is known by heart is read as mime reads it.
func FuzzMediaType(f *testing.F) {
	for _, value := range []string{
		"", "text/html", "text/html; charset=UTF-8", "text/html; charset=utf-8", "application/json", "Text/HTML; charset=UTF-8", "text/html;", "text/html;;", "text/html; a", "text/html; a=b; a=c", "text/html; a=b; a=b",
		`text/plain; a="b;c"`, `text/plain; a="b`, "text; a=b", "text/; a=b", "/html", "text/html x; a=b", "text/html; a*=x; a*=y", "text/html; a*0=x",
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		want, _, err := mime.ParseMediaType(value)
		if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
			want = ""
		}
		got := mediaType(http.Header{"Content-Type": {value}})
		if got != "" && got != clean(want, maxMetadataValue) || got == "" && strings.HasPrefix(want, "text/") {
			t.Errorf("%q is %q, want %q", value, got, want)
		}
	})
}
