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

// respond writes JSON in PHP's spelling, as Laravel's API resources do: json_encode without options,
// which escapes slashes and everything outside ASCII.
func respond(w http.ResponseWriter, status int, value any) {
	write(w, status, "application/json", bytes.ReplaceAll(plainJSON(value), []byte("/"), []byte(`\/`)))
}

func write(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-cache, private")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// plainJSON encodes in ASCII, without Go's escapes for HTML. Every value that the package responds
// with can be encoded.
func plainJSON(value any) []byte {
	var encoded, ascii bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
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
	return ascii.Bytes()
}

// phpArray is a map as PHP prints it. PHP has one kind of array, which it prints as a list when
// its keys are 0, 1, 2 and so on; an empty array is a list.
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

// laravelPage is the error page that Laravel shows to browsers. It has the name of the status and
// never the message.
const laravelPage = `<!DOCTYPE html>
<html lang="en">
    <head>
        <meta charset="utf-8">
        <title>{text}</title>
    </head>
    <body>
        <div>{status}</div>
        <div>{text}</div>
    </body>
</html>
`

func htmlPage(w http.ResponseWriter, status int) {
	fill := strings.NewReplacer("{status}", strconv.Itoa(status), "{text}", http.StatusText(status))
	write(w, status, htmlType, []byte(fill.Replace(laravelPage)))
}

// redirect responds 302, as Laravel does to browsers.
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

// baseURL is the URL of the request without its path.
func baseURL(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
