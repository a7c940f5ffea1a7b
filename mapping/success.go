package mapping

import (
	"net/http"
	"strings"

	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
)

// contradicts reports whether the body of a success says that the request failed. A value that
// says nothing (false, null, 0, "", [], {}) under the name of an error is not an error.
func contradicts(object rawjson.Value) bool {
	for name, value := range object.Members() {
		if says, ok := contradictions[name]; ok && says(value) {
			return true
		}
	}
	return false
}

// contradictions are the members by which a body reports an error, each with the values that do.
var contradictions = map[string]func(rawjson.Value) bool{
	"success":      isFalse,
	"ok":           isFalse,
	"deleted":      isFalse,
	"result":       func(v rawjson.Value) bool { return isFalse(v) || isFailureWord(v) },
	"status":       func(v rawjson.Value) bool { return isFailureWord(v) || isErrorStatus(v) },
	"code":         isErrorStatus,
	"errors":       isSomething,
	"error":        isError,
	"errorMessage": isError,
}

func isFalse(v rawjson.Value) bool { return v.Kind() == 'f' }

func isFailureWord(v rawjson.Value) bool {
	text, _ := v.Text()
	switch strings.ToLower(text) {
	case "error", "fail", "failed", "failure":
		return true
	}
	return false
}

func isErrorStatus(v rawjson.Value) bool {
	n, ok := v.Integer()
	return ok && n >= http.StatusBadRequest
}

func isSomething(v rawjson.Value) bool {
	return !v.IsEmpty() && !isFalse(v) && v.String() != "0" && !isBlank(v)
}

func isError(v rawjson.Value) bool {
	switch v.Kind() {
	case '"', '{', '[':
		return isSomething(v)
	}
	return v.Kind() == 't'
}

func isBlank(v rawjson.Value) bool {
	text, ok := v.Text()
	return ok && strings.TrimSpace(text) == ""
}

// isDeletion reports whether the body confirms a delete: Pelcro sends none, and APIs like it an
// object, [], null, true or 1. A firewall's challenge is empty, too, and is not a success.
func isDeletion(response Response, e *evidence) bool {
	switch e.kind {
	case bodyEmpty:
		return !response.BodyIncomplete && !isChallenge(response.Header)
	case bodyObject:
		return true
	case bodyOtherJSON:
		return e.json.IsEmptyList() || e.json.IsNull() || e.json.String() == "true" || e.json.String() == "1"
	}
	return false
}

// isChallenge reports whether a firewall responded: AWS WAF
// (https://docs.aws.amazon.com/waf/latest/developerguide/waf-captcha-and-challenge-how-it-works.html)
// or Cloudflare (https://developers.cloudflare.com/cloudflare-challenges/).
func isChallenge(header http.Header) bool {
	return header.Get("X-Amzn-Waf-Action") != "" || header.Get("Cf-Mitigated") != ""
}

// hasUsableData reports whether a success has data that the caller did not find unusable. On a
// list an empty page is data, too.
func hasUsableData(operation Operation, response Response, e *evidence) bool {
	data := e.json.Member("data")
	if data.IsZero() || data.IsNull() || response.Unusable {
		return false
	}
	return !data.IsEmpty() || operation.List && !isBlank(data)
}

// wasApplied reports whether a success that cannot be used proves that Pelcro applied the request.
func wasApplied(response Response, e *evidence) bool {
	if response.BodyIncomplete || e.contradicts || e.kind != bodyObject {
		return false
	}
	data := e.json.Member("data")
	return data.Kind() == '{' && !data.IsEmpty() || response.StatusCode == http.StatusCreated
}
