package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/code"

	"github.com/pelcro-grpc/pelcro-grpc/internal/customers"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// vector is a response in the form of mapping/testdata/vectors.
type vector struct {
	Name      string `json:"name"`
	Server    string `json:"server"`
	Operation string `json:"operation"`
	Request   struct {
		Method string `json:"method"`
		Path   string `json:"path"`
	} `json:"request"`
	Response struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
	} `json:"response"`
	Expect expectation `json:"expect"`
}

type expectation struct {
	Code              string      `json:"code"`
	Reason            string      `json:"reason,omitempty"`
	Violations        []Violation `json:"violations,omitempty"`
	RetryDelaySeconds float64     `json:"retry_delay_seconds,omitempty"`
	Outcome           string      `json:"outcome,omitempty"`
}

// replacementsFile is the list of replacements.
const replacementsFile = "replacements.txt"

// Saved is what [Report.Save] wrote.
type Saved struct{ Vectors, Replaced int }

// Save writes each response as a vector into the directory, and a list of what was replaced in them:
// file, place, kind and made-up value. The directory is created if need be; files of an earlier check
// are overwritten.
func (r *Report) Save(directory string) (Saved, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return Saved{}, err
	}
	made := newReplacer()
	for _, e := range r.Requests {
		if e.response != nil {
			made.learn(e.response.RedactedBody())
		}
	}
	var saved Saved
	var list strings.Builder
	for i, e := range r.Requests {
		if e.response == nil {
			continue
		}
		name := fmt.Sprintf("check-%02d-%s", i+1, strings.Trim(notName.ReplaceAllString(strings.ToLower(e.Name), "-"), "-"))
		listed := map[string]bool{}
		v := e.vector(name, made, func(place, kind, value string) {
			line := fmt.Sprintf("%s\t%s\t%s\t%s\n", name, place, kind, value)
			if !listed[line] {
				listed[line] = true
				saved.Replaced++
				list.WriteString(line)
			}
		})
		if err := write(filepath.Join(directory, name+".json"), v); err != nil {
			return saved, err
		}
		saved.Vectors++
	}
	return saved, os.WriteFile(filepath.Join(directory, replacementsFile), []byte(list.String()), 0o600)
}

var notName = regexp.MustCompile(`[^a-z0-9]+`)

func write(file string, v *vector) error {
	var raw bytes.Buffer
	encoder := json.NewEncoder(&raw)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(v); err != nil {
		return err
	}
	return os.WriteFile(file, raw.Bytes(), 0o600)
}

// vector returns the response with made-up values, and the status that they become.
func (e *Exchange) vector(name string, made *replacer, found func(place, kind, value string)) *vector {
	v := &vector{Name: name, Server: "pelcro", Operation: e.operation.Name}
	v.Request.Method, v.Request.Path = e.sent.Method, e.madeUpPath(made, found)
	v.Response.Status = e.HTTPStatus
	v.Response.Headers = map[string]string{}
	header := http.Header{}
	for name, values := range e.response.RedactedHeader() {
		if slices.Contains(droppedHeaders, name) {
			continue
		}
		value := strings.Join(values, ", ")
		switch {
		case isLimitHeader(name):
		case slices.Contains(keptHeaders, name):
			value = made.text(value, func(kind, made string) { found("header "+name, kind, made) })
		default:
			value = "(removed)"
			found("header "+name, kindOther, value)
		}
		v.Response.Headers[name] = value
		header.Set(name, value)
	}
	body := made.document(e.response.RedactedBody(), found)
	v.Response.Body = string(body)
	v.Expect = expect(e.operation, mapping.Response{StatusCode: e.HTTPStatus, Header: header, Body: body})
	return v
}

// droppedHeaders are of the connection.
var droppedHeaders = []string{"Date", "Host", "Connection", "Content-Length", "Content-Encoding", "Transfer-Encoding"}

// keptHeaders have a meaning for this service, or say who wrote the response. Others may hold sessions
// and ids.
var keptHeaders = []string{"Content-Type", "Cache-Control", "Server", "Allow", "Location", "X-Powered-By", "Vary"}

// isLimitHeader reports whether the header holds nothing but limits and delays.
func isLimitHeader(name string) bool {
	return name == "Retry-After" || strings.Contains(strings.ReplaceAll(strings.ToLower(name), "-", ""), "ratelimit")
}

// madeUpPath is the path and the query of the request.
func (e *Exchange) madeUpPath(made *replacer, found func(place, kind, value string)) string {
	replaced := func(kind, original string) string {
		value := original
		if original != showID(impossibleID) {
			value = made.value(kind, original)
			found("request", kind, value)
		}
		return value
	}
	parameters := url.Values{}
	for name, values := range e.sent.Query {
		attribute, isFilter := strings.CutPrefix(name, "filter[")
		if key, inMetadata := strings.CutPrefix(strings.TrimSuffix(attribute, "]"), "metadata."); inMetadata && key != customers.DefaultRequestIDKey {
			name = "filter[metadata." + replaced(kindMetadata, key) + "]"
		}
		for _, value := range values {
			if operator, wanted, ok := strings.Cut(value, ":"); isFilter && ok {
				words := strings.Split(wanted, ",")
				for i, word := range words {
					words[i] = replaced(kindOther, word)
				}
				value = operator + ":" + strings.Join(words, ",")
			}
			parameters.Add(name, value)
		}
	}
	path := "/api/v1/core/" + e.sent.Template
	if e.sent.ID != 0 {
		path = strings.Replace(path, "{id}", replaced(kindID, showID(e.sent.ID)), 1)
	}
	if len(parameters) == 0 {
		return path
	}
	return path + "?" + parameters.Encode()
}

// expect returns what a caller gets for the response.
func expect(operation mapping.Operation, response mapping.Response) expectation {
	if isSuccess(response.StatusCode) && operation.Kind != mapping.Delete {
		_, err := customers.Read(operation, response.Body)
		response.Unusable = err != nil
	}
	result := mapping.FromResponse(mapping.Call{Operation: operation, ResourceID: "42", RequestID: "vector"}, response)
	expected := expectation{
		Code: code.Code(result.Code()).String(), RetryDelaySeconds: result.RetryDelay().Seconds(), Outcome: string(result.Outcome()),
	}
	if !result.OK() {
		expected.Reason = result.Reason().String()
	}
	expected.Violations = violationsOf(result)
	return expected
}
