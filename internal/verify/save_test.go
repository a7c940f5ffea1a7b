package verify_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
	"github.com/pelcro-grpc/pelcro-grpc/test/vectors"
)

// originals returns every value of every customer of a sandbox that could belong to a person or an
// account, read without the code under test: all texts and numbers, and the names in metadata, but
// for words from fixed lists and what is too short to be told from other text.
func originals(t *testing.T, handler http.Handler) map[string]string {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet,
		sandbox.BasePath+"/customers?site_id=1&limit=100&expand=addresses,defaultSource,organization,subscriptions", nil)
	request.Header.Set("Authorization", "Bearer "+sandbox.DefaultAPIKey)
	request.Header.Set("Accept", "application/json")
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, request)
	var body struct {
		Data []map[string]any `json:"data"`
	}
	decoder := json.NewDecoder(response.Body)
	decoder.UseNumber()
	if err := decoder.Decode(&body); err != nil || len(body.Data) < 8 {
		t.Fatalf("%v, %d customers", err, len(body.Data))
	}
	values, names := map[string]string{}, map[string]bool{"first": true} // the latter of links
	for _, customer := range body.Data {
		collect("", customer, values, names)
	}
	for name, isAttribute := range names {
		if isAttribute { // as a value, too, it would be in every response
			delete(values, name)
		}
	}
	return values
}

// fixed are the attributes whose values are from fixed lists.
var fixed = regexp.MustCompile(`^\.(.*\.)?(status|type|billing|object_gateway|brand|funding|canceled_by_type)$`)

// collect adds the values below the path, and the names that are not free.
func collect(path string, value any, values map[string]string, names map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			isFree := strings.Contains(path, ".metadata") || strings.Contains(path, ".properties")
			if isFree && len(name) > 2 {
				values[name] = path
			}
			names[name] = names[name] || !isFree
			collect(path+"."+name, member, values, names)
		}
	case []any:
		for _, element := range value {
			collect(path, element, values, names)
		}
	case string, json.Number:
		if text := fmt.Sprint(value); len(text) > 2 && !fixed.MatchString(path) {
			values[text] = path
		}
	}
}

// mustHaveNone fails the test if one of the values is in one of the files of the directory.
func mustHaveNone(t *testing.T, directory string, values map[string]string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(directory, "*"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%v, %d files", err, len(files))
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for value, path := range values {
			word := regexp.MustCompile(`(?:^|[^\pL\pN_.])` + regexp.QuoteMeta(value) + `(?:$|[^\pL\pN_])`)
			if at := word.FindIndex(raw); at != nil {
				t.Errorf("%s has %q, a value of %s: …%s…", filepath.Base(file), value, path, raw[max(0, at[0]-60):min(len(raw), at[1]+60)])
			}
		}
	}
}

// The saved responses hold no value of a customer, and are vectors: the mapping gives the status that
// they expect.
func TestSave(t *testing.T) {
	u := &upstream{Handler: sandbox.New(sandbox.Config{})}
	values := originals(t, u.Handler)
	if len(values) < 60 {
		t.Errorf("only %d values to look for", len(values))
	}
	directory := filepath.Join(t.TempDir(), "new")
	report := check(t, u)
	saved, err := report.Save(directory)
	if err != nil || saved.Vectors != len(report.Requests) || saved.Replaced < len(values) {
		t.Errorf("%+v, %v", saved, err)
	}
	mustHaveNone(t, directory, values)
	mustBeVectors(t, directory)
	list, err := os.ReadFile(filepath.Join(directory, "replacements.txt"))
	if err != nil || strings.Count(string(list), "\n") != saved.Replaced {
		t.Errorf("%v, %d lines", err, strings.Count(string(list), "\n"))
	}
	for _, line := range []string{"check-03-a-page-size-of-1000\t/data/0/email\te-mail address\tperson"} {
		if !strings.Contains(string(list), line) {
			t.Errorf("the list has no line %q", line)
		}
	}
}

func mustBeVectors(t *testing.T, directory string) {
	t.Helper()
	for _, v := range vectors.Read(t, directory) {
		operation, known := mapping.CustomerOperation(v.Operation)
		if !known {
			t.Errorf("%s: operation %q", v.Name, v.Operation)
		}
		result := mapping.FromResponse(mapping.Call{Operation: operation, ResourceID: "42", RequestID: "vector"},
			mapping.Response{StatusCode: v.Response.Status, Header: v.Header(), Body: v.Body()})
		got := vectors.Result{Code: code.Code(result.Code()).String(), RetryDelay: result.RetryDelay(), Outcome: string(result.Outcome())}
		for _, detail := range result.Status().Details() {
			switch detail := detail.(type) {
			case *errdetails.ErrorInfo:
				got.Reason = detail.GetReason()
			case *errdetails.BadRequest:
				got.Violations = vectors.ViolationsOf(detail.GetFieldViolations())
			}
		}
		v.Expect.Check(t, got)
	}
}
