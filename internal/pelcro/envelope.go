package pelcro

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json/jsontext"
)

var (
	errNoObject = errors.New("the body is no JSON object")
	errNoData   = errors.New("there is no data")
)

// asPHP reads what PHP writes, and what it should not: a name that stands twice,
// and bytes that are no UTF-8.
var asPHP = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// Envelope returns what the body of a success holds under "data" and "meta". It
// fails when the body is no JSON object, or has no data. All of the body is checked
// here, once: what is read of it later is known to be JSON.
func Envelope(body []byte) (data, meta JSON, err error) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte(byteOrderMark)))
	if !jsontext.Value(body).IsValid(asPHP...) || body[0] != '{' {
		return "", "", errNoObject
	}
	for name, value := range JSON(body).Members() {
		switch name { // exactly: "Data" is something else
		case "data":
			data = value
		case "meta":
			meta = value
		}
	}
	if data == "" || data.IsNull() {
		return "", "", errNoData
	}
	return data, meta, nil
}

// byteOrderMark begins what a PHP file with one answers.
const byteOrderMark = "\xef\xbb\xbf"
