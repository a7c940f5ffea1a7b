package mapping_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
	"github.com/pelcro-grpc/pelcro-grpc/test/vectors"
)

// said is the findings as text, for example "field_key[color size] status[]".
func said(found []mapping.Unrecognised) string {
	texts := make([]string, len(found))
	for i, u := range found {
		texts[i] = fmt.Sprintf("%s%v", u.Kind, u.Names)
	}
	return strings.Join(texts, " ")
}

func TestUnrecognised(t *testing.T) {
	for _, test := range []struct {
		name, operation string
		status          int
		header          string
		body, want      string
	}{
		{"documented field errors", "CreateCustomer", 400, "", `{"errors": {"email": ["The email field is required."]}}`, ""},
		{"a text with only a general reason", "CreateCustomer", 400, "", `{"errors": {"organization": ["The selected organization is invalid."]}}`, ""},
		{"a rule's key", "CreateCustomer", 400, "", `{"errors": {"organization": ["validation.exists"], "email": ["validation.custom.email.unique"]}}`, ""},
		{"an unknown text", "CreateCustomer", 400, "", `{"errors": {"email": ["Nope, ada@example.com!"], "phone": ["Nope."]}}`, "field_text[email phone]"},
		{"an unknown rule", "CreateCustomer", 400, "", `{"errors": {"email": ["validation.lucky"]}}`, "field_text[email]"},
		{"an unknown key", "CreateCustomer", 422, "", `{"errors": {"shoe_size": ["The shoe size field is required."]}}`, "field_key[shoe_size]"},
		{"a key within metadata", "CreateCustomer", 400, "", `{"errors": {"metadata.shoe.size": ["The metadata.shoe.size field is required."]}}`, ""},
		{"a key of a list", "ListCustomers", 400, "", `{"errors": {"filter.email": ["The selected filter.email is invalid."]}}`, ""},
		{"a part of something else", "CreateCustomer", 400, "", `{"errors": {"email.domain": ["The domain field is required."]}}`, "field_key[email.domain]"},
		{"keys that are values", "CreateCustomer", 400, "", `{"errors": {"ada@example.com": ["x is required."], "4111111111111111": ["x is required."]}}`, "field_key[]"},
		{"many keys", "CreateCustomer", 400, "", manyKeys(12), "field_key[k00 k01 k02 k03 k04 k05 k06 k07 k08 k09]"},
		{"a named status", "GetCustomer", 503, "", `{"message": "Service Unavailable"}`, ""},
		{"a redirect", "GetCustomer", 307, "", "", ""},
		{"another 4xx", "GetCustomer", 418, "", `{"message": "I'm a teapot"}`, "status[]"},
		{"another 5xx", "GetCustomer", 507, "", `{"message": "Insufficient Storage"}`, "status[]"},
		{"no status at all", "GetCustomer", 799, "", `{"message": "?"}`, "status[]"},
		{"a page of a proxy", "GetCustomer", 502, "", "<html><h1>502 Bad Gateway</h1></html>", ""},
		{"a text of a proxy", "GetCustomer", 503, "", "no healthy upstream", ""},
		{"problem+json", "GetCustomer", 400, "Content-Type: application/problem+json", `{"title": "Bad Request"}`, ""},
		{"another object", "GetCustomer", 500, "", `{"fault": {"faultstring": "x"}, "reference": "17"}`, "body[fault reference]"},
		{"another value", "GetCustomer", 400, "", `["no"]`, "body[]"},
		{"field errors of an unknown form", "CreateCustomer", 400, "", `{"errors": {"email": [42]}}`, "body[errors]"},
		{"a success without data", "GetCustomer", 200, "", `{"customer": {"id": 7}}`, "body[customer]"},
		{"a success that is a page", "GetCustomer", 200, "", `<html></html>`, ""},
		{"an empty success", "GetCustomer", 204, "", "", "body[]"},
		{"known headers", "GetCustomer", 429, "Retry-After: 7\nX-RateLimit-Limit: 120\nX-RateLimit-Remaining: 0", `{"message": "Too Many Attempts."}`, ""},
		{"unknown headers", "GetCustomer", 429, "Retry-After: soon\nRateLimit-Policy: 120;w=60", `{"message": "Too Many Attempts."}`, "header[Ratelimit-Policy Retry-After]"},
		{"everything", "UpdateCustomer", 400, "Retry-After: soon", `{"errors": {"shoe_size": ["Nope."], "x": [1]}}`, "field_text[shoe_size] field_key[shoe_size] body[errors] header[Retry-After]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			header := http.Header{}
			for line := range strings.SplitSeq(test.header, "\n") {
				name, value, _ := strings.Cut(line, ": ")
				header.Set(name, value)
			}
			result := mapping.FromResponse(callOf(t, test.operation), mapping.Response{StatusCode: test.status, Header: header, Body: []byte(test.body)})
			if got := said(result.Unrecognised()); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func manyKeys(n int) string {
	var members []string
	for i := range n {
		members = append(members, fmt.Sprintf(`"k%02d": ["x is required."]`, i))
	}
	return `{"errors": {` + strings.Join(members, ",") + `}}`
}

// The responses of real servers hold almost nothing unknown; each exception is named.
func TestUnrecognisedInVectors(t *testing.T) {
	exceptions := map[string]string{
		"insufficient-storage-507":       "status[]",
		"laravel-maintenance-status-200": "body[message]",
		"pelcro-list-indexes":            "field_key[addresses.0.line1 addresses.1.country]",
		"retry-after-fraction":           "header[Retry-After]",
		"retry-after-garbage":            "header[Retry-After]",
		"retry-after-negative":           "header[Retry-After]",
		"retry-after-overlong":           "header[Retry-After]",
		"success-empty-get":              "body[]",
		"success-message-only-create":    "body[message status]",
		"teapot-418":                     "status[]",
		"too-early-425":                  "body[]",
		"translated-french":              "field_text[email phone]",
		"translated-japanese":            "field_text[email]",
		"unicode-escapes":                "field_text[email]",
	}
	seen := map[string]bool{}
	for _, v := range vectors.Read(t, vectorFiles) {
		if strings.HasPrefix(v.Name, "hostile-") {
			continue
		}
		result := mapping.FromResponse(callOf(t, v.Operation), responseOf(v))
		got := said(result.Unrecognised())
		seen[v.Name] = true
		if got != exceptions[v.Name] {
			t.Errorf("%s: got %q, want %q", v.Name, got, exceptions[v.Name])
		}
	}
	for name := range exceptions {
		if !seen[name] {
			t.Errorf("%s does not exist", name)
		}
	}
}

// What a response is about is for operators only: the status of a caller does not change.
func TestUnrecognisedSample(t *testing.T) {
	header := http.Header{"Content-Type": {"application/json; charset=utf-8"}, "X-Ratelimit-Limit": {"120/min"}}
	customer := &pelcrov1.Customer{Id: 7, Extra: &structpb.Struct{Fields: map[string]*structpb.Value{
		"shoe_size":         structpb.NewNumberValue(42),
		"username":          structpb.NewBoolValue(true),
		"metadata":          structpb.NewListValue(&structpb.ListValue{}), // as PHP prints a map with the keys 0, 1, 2
		"a@b.org":           structpb.NewNullValue(),
		"first_name":        structpb.NewNumberValue(1),
		"default_source_id": structpb.NewBoolValue(true),
	}}}
	list := &pelcrov1.ListCustomersResponse{Customers: []*pelcrov1.Customer{{Id: 1}, customer, customer}}
	got := mapping.UnrecognisedInSuccess(200, header, list)
	if want := "attribute[shoe_size] attribute_type[default_source_id first_name username] header[X-Ratelimit-Limit]"; said(got) != want {
		t.Errorf("got %s, want %s", said(got), want)
	}
	for _, u := range got {
		if u.StatusCode != 200 || u.ContentType != "application/json" {
			t.Errorf("%+v", u)
		}
	}
	for _, message := range []*pelcrov1.GetCustomerResponse{nil, {}, {Customer: &pelcrov1.Customer{Id: 1, Metadata: customer.Extra}}} {
		if got := mapping.UnrecognisedInSuccess(200, nil, message); got != nil {
			t.Errorf("%v: got %v", message, got)
		}
	}
	if got := mapping.UnrecognisedInSuccess(204, nil, nil); got != nil {
		t.Errorf("no message: got %v", got)
	}
	if kinds := mapping.UnrecognisedKinds(); len(kinds) != 7 {
		t.Errorf("%v", kinds)
	}
}
