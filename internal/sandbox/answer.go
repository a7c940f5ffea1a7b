package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf16"
)

// respond answers with JSON in PHP's spelling, as Laravel's API resources do.
func respond(w http.ResponseWriter, r *http.Request, status int, value any) {
	body, err := compactJSON(value)
	if err != nil {
		fail(w, r, http.StatusInternalServerError, "Server Error")
		return
	}
	write(w, status, "application/json", body)
}

func write(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-cache, private")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// compactJSON is PHP's json_encode without options. Slashes and everything outside
// ASCII are escaped, which a client must undo and a test that compares bytes will
// trip over.
func compactJSON(value any) ([]byte, error) {
	encoded, err := plainJSON(value)
	return bytes.ReplaceAll(encoded, []byte("/"), []byte(`\/`)), err
}

// indentedJSON is PHP's json_encode as Laravel's exception handler calls it:
// indented, slashes as they are.
func indentedJSON(value any) ([]byte, error) {
	encoded, err := plainJSON(value)
	if err != nil {
		return nil, err
	}
	var indented bytes.Buffer
	err = json.Indent(&indented, encoded, "", "    ")
	return indented.Bytes(), err
}

// plainJSON encodes in ASCII only, without Go's escapes for HTML.
func plainJSON(value any) ([]byte, error) {
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	var ascii bytes.Buffer
	for _, r := range strings.TrimSuffix(encoded.String(), "\n") {
		switch {
		case r < 0x80:
			ascii.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&ascii, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&ascii, `\u%04x\u%04x`, high, low)
		}
	}
	return ascii.Bytes(), nil
}

// phpArray is a map as PHP prints it. PHP knows one kind of array, and prints it as
// a list when its keys are 0, 1, 2 and so on; the empty one is always a list.
func phpArray(entries map[string]any) any {
	list := make([]any, len(entries))
	for i := range list {
		value, ok := entries[strconv.Itoa(i)]
		if !ok {
			return entries
		}
		list[i] = value
	}
	return list
}

const htmlType = "text/html; charset=UTF-8"

// htmlPage is the error page that a browser would see. It holds the name of the
// status and never the message, which Laravel keeps from such visitors.
func htmlPage(w http.ResponseWriter, status int) {
	const page = `<!DOCTYPE html>
<html lang="en">
    <head>
        <meta charset="utf-8">
        <title>%[2]s</title>
    </head>
    <body>
        <div>%[1]d</div>
        <div>%[2]s</div>
    </body>
</html>
`
	write(w, status, htmlType, fmt.Appendf(nil, page, status, http.StatusText(status)))
}

// redirect answers 302, which is what Laravel thinks a browser needs.
func redirect(w http.ResponseWriter, location string) {
	const page = `<!DOCTYPE html>
<html>
    <head>
        <meta charset="UTF-8" />
        <meta http-equiv="refresh" content="0;url='%[1]s'" />
        <title>Redirecting to %[1]s</title>
    </head>
    <body>
        Redirecting to <a href="%[1]s">%[1]s</a>.
    </body>
</html>
`
	w.Header().Set("Location", location)
	write(w, http.StatusFound, htmlType, fmt.Appendf(nil, page, html.EscapeString(location)))
}

// baseURL is how the caller reached the sandbox, without a path.
func baseURL(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
