package mapping

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// FuzzReadBody: any bytes are read, within bounds, and JSON is read as
// encoding/json reads it.
func FuzzReadBody(f *testing.F) {
	addVectors(f)
	f.Add([]byte(` { "a" : [ { } , "\"]" , 1 ] , "errors" : { "b" : { "c" : [ "d" ] } } , "data" : null } `), "")
	f.Fuzz(func(t *testing.T, raw []byte, contentType string) {
		b := readBody(raw, contentType)
		if len(b.fields) > maxViolations || b.omitted > 0 && len(b.fields) != maxViolations {
			t.Errorf("%d fields and %d omitted", len(b.fields), b.omitted)
		}
		for _, field := range b.fields {
			if len(field.key)+len(field.text) > 4*len(raw)+maxUpstreamMessage {
				t.Errorf("a field of %d and %d bytes out of %d", len(field.key), len(field.text), len(raw))
			}
		}
		if b.form == formObject {
			checkObject(t, raw, b)
		} else if b.text != "" || b.fields != nil || b.hasData || b.hasError {
			t.Errorf("%+v out of what is no object", b)
		}
	})
}

// checkObject compares what was read of an object with what encoding/json reads.
func checkObject(t *testing.T, raw []byte, b body) {
	t.Helper()
	var object map[string]json.RawMessage
	if err := json.Unmarshal(bytes.TrimPrefix(raw, []byte("\ufeff")), &object); err != nil {
		t.Fatalf("an object that is none: %v", err)
	}
	present := func(key string) bool { return object[key] != nil && string(object[key]) != "null" }
	if b.hasData != present("data") || b.hasError != present("error") {
		t.Errorf("data %v, error %v", b.hasData, b.hasError)
	}
	var message string
	if json.Unmarshal(object["message"], &message) == nil && utf8.Valid(raw) && strings.TrimSpace(message) != "" && b.text != message {
		t.Errorf("message %q, want %q", b.text, message)
	}
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
			path := operation.Fields.upstreamPath(key)
			if len(path) > maxFieldPath || !utf8.ValidString(path) || strings.ContainsFunc(path, unicode.IsControl) {
				t.Errorf("%s: %q is %q", operation.Name, key, path)
			}
			if again := operation.Fields.upstreamPath(key); again != path {
				t.Errorf("%s: %q is %q, and then %q", operation.Name, key, path, again)
			}
			if key != "" && operation.Fields.Parent != "" && !strings.HasPrefix(path, operation.Fields.Parent) {
				first, _, _ := strings.Cut(clean(key, maxFieldPath), ".")
				if _, known := operation.Fields.Names[first]; !known {
					t.Errorf("%s: %q is %q, outside of the resource", operation.Name, key, path)
				}
			}
		}
	})
}

// FuzzRetryAfter: a delay is unknown or whole seconds up to a day, and digits
// mean what they say.
func FuzzRetryAfter(f *testing.F) {
	const date = "Sun, 22 Nov 2026 09:00:00 GMT"
	for _, value := range []string{
		"", "0", "17", "86400", "86401", "-1", "+1", "1.5", "soon", "99999999999999999999", " 5 ", date,
		"Sunday, 22-Nov-26 09:00:45 GMT", "Sun Nov 22 09:00:30 2026", "Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT",
	} {
		f.Add(429, value, date, "1795338040")
		f.Add(503, value, "", value)
	}
	f.Fuzz(func(t *testing.T, status int, value, date, reset string) {
		reply := Reply{StatusCode: status, Header: http.Header{
			"Retry-After":       {value},
			"Date":              {date},
			"X-Ratelimit-Reset": {reset},
		}}
		d := delay(reply)
		if d < 0 || d > 24*time.Hour || d%time.Second != 0 {
			t.Errorf("delay %v", d)
		}
		if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 && seconds <= 86400 && strconv.Itoa(seconds) == value {
			if d != time.Duration(seconds)*time.Second {
				t.Errorf("delay %v", d)
			}
		}
		if strings.HasPrefix(value, "-") && status != 429 && d != 0 {
			t.Errorf("delay %v", d)
		}
	})
}

// FuzzTextOf: a JSON text with escapes is read as encoding/json reads it.
func FuzzTextOf(f *testing.F) {
	for _, text := range []string{
		`\"\\\/\b\f\n\r\t`, `App\\Models`, `caf\u00e9\uD83D\ude00`, `\ud83d`, `\ud83d!`, `\ude00\ud83d`, `\ud83d\u0041`, `\ud83d\ud83d\ude00`,
		`\ufffd`, `\u0000`, "\\n\xff\xfe\xe9", "\\né😀", ``, `plain`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		value := `"` + text + `"`
		if !json.Valid([]byte(value)) {
			return
		}
		want := text
		if strings.Contains(text, `\`) {
			if err := json.Unmarshal([]byte(value), &want); err != nil {
				t.Fatal(err)
			}
		}
		if got, ok := textOf(value); !ok || got != want {
			t.Errorf("%s is %q, want %q", value, got, want)
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
