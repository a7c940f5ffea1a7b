package sandbox_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// Each rule fails once, alone, on create and on update; the body is compared byte by byte.
func TestEveryRule(t *testing.T) {
	c := start(t, sandbox.Config{})
	for _, test := range []struct {
		name string
		body string // a "display_name" is added, so that only the rule fails
		want string // the inside of errors
	}{
		{"email type", `"email":5`, `"email":["The email field must be a string.","The email field must be a valid email address."]`},
		{"email format", `"email":"nope"`, `"email":["The email field must be a valid email address."]`},
		{"email with a name", `"email":"A <a@example.com>"`, `"email":["The email field must be a valid email address."]`},
		{"email domain", `"email":"a@nowhere.INVALID"`, `"email":["The email field must be a valid email address."]`},
		{"email domain, check on", `"email":"a@invalid","skip_email_dns_validations":false`, `"email":["The email field must be a valid email address."]`},
		{"email domain with an underscore", `"email":"a@exam_ple.com"`, `"email":["The email field must be a valid email address."]`},
		{"email domain with a leading hyphen", `"email":"a@-example.com"`, `"email":["The email field must be a valid email address."]`},
		{"email domain too long", `"email":"a@` + strings.Repeat("d.", 130) + `com"`, `"email":["The email field must be a valid email address."]`},
		{"email domain of RFC 6762", `"email":"a@printer.local"`, `"email":["The email field must be a valid email address."]`},
		{"email taken", `"email":"TAKEN@example.com"`, `"email":["The email has already been taken."]`},
		{"first name type", `"first_name":["a"]`, `"first_name":["The first name field must be a string."]`},
		{"first name length", `"first_name":"` + strings.Repeat("é", 256) + `"`, `"first_name":["The first name field must not be greater than 255 characters."]`},
		{"last name type", `"last_name":true`, `"last_name":["The last name field must be a string."]`},
		{"last name length", `"last_name":"` + strings.Repeat("x", 256) + `"`, `"last_name":["The last name field must not be greater than 255 characters."]`},
		{"username type", `"username":{"a":1}`, `"username":["The username field must be a string.","The username field must only contain letters, numbers, dashes, and underscores."]`},
		{"username number", `"username":5`, `"username":["The username field must be a string."]`},
		{"username letters", `"username":"no spaces"`, `"username":["The username field must only contain letters, numbers, dashes, and underscores."]`},
		{"username taken", `"username":"Taken"`, `"username":["The username has already been taken."]`},
		{"phone type", `"phone":12345`, `"phone":["The phone field must be a string."]`},
		{"phone short", `"phone":"+1 2-3 4"`, `"phone":["The phone field must be between 5 and 20 digits."]`},
		{"phone without digits", `"phone":"none"`, `"phone":["The phone field must be between 5 and 20 digits."]`},
		{"phone long", `"phone":"123456789012345678901"`, `"phone":["The phone field must be between 5 and 20 digits."]`},
		{"salutation type", `"salutation":1`, `"salutation":["The salutation field must be a string."]`},
		{"title type", `"title":1`, `"title":["The title field must be a string."]`},
		{"tin type", `"tin":1`, `"tin":["The tin field must be a string."]`},
		{"organization type", `"organization":"acme"`, `"organization":["The organization field must be an integer."]`},
		{"organization with a leading zero", `"organization":"05001"`, `"organization":["The organization field must be an integer."]`},
		{"organization of PHP's true", `"organization":true`, `"organization":["The selected organization is invalid."]`},
		{"organization fraction", `"organization":1.5`, `"organization":["The organization field must be an integer."]`},
		{"organization unknown", `"organization":1`, `"organization":["The selected organization is invalid."]`},
		{"tele marketing", `"tele_marketing":"yes"`, `"tele_marketing":["The tele marketing field must be true or false."]`},
		{"mail marketing", `"mail_marketing":2`, `"mail_marketing":["The mail marketing field must be true or false."]`},
		{"hardbounce", `"email_hardbounce":[]`, `"email_hardbounce":["The email hardbounce field must be true or false."]`},
		{"metadata", `"metadata":"a=b"`, `"metadata":["The metadata field must be an array."]`},
		{"metadata of too many keys", `"metadata":[` + strings.Repeat(`1,`, 50) + `1]`, `"metadata":["The metadata field must not have more than 50 items."]`},
		{"metadata value", `"metadata":{"k":"` + strings.Repeat("é", 501) + `"}`, `"metadata.k":["The metadata.k field must not be greater than 500 characters."]`},
		{"metadata value of many", `"metadata":[[` + strings.Repeat(`1,`, 500) + `1]]`, `"metadata.0":["The metadata.0 field must not be greater than 500 characters."]`},
		{"metadata deep down", `"metadata":{"k":{"b.c":"` + strings.Repeat("x", 501) + `"}}`, `"metadata.k.b.c":["The metadata.k.b.c field must not be greater than 500 characters."]`},
		{"old provider id type", `"old_provider_id":7`, `"old_provider_id":["The old provider id field must be a string."]`},
		{"old provider id taken", `"old_provider_id":"old-1"`, `"old_provider_id":["The old provider id has already been taken."]`},
		{"skip flag", `"skip_email_dns_validations":"on"`, `"skip_email_dns_validations":["The skip email dns validations field must be true or false."]`},
		{"password type without password", `"password_type":"password_bcrypt"`, `"password":["The password field is required when password type is present."]`},
		{"password type with an empty one", `"password_type":"password_bcrypt","password":""`, `"password":["The password field is required when password type is present."]`},
		{"password type with a password of whitespace", `"password_type":"password_bcrypt","password":" "`, `"password":["The password field is required when password type is present."]`},
		{"password not a text", `"password":1`, `"password":["The password field must be a string."]`},
		{"password type unknown", `"password":"x","password_type":"md5"`, `"password_type":["The selected password type is invalid."]`},
		{"import flag", `"import_payment_methods":"maybe"`, `"import_payment_methods":["The import payment methods field must be true or false."]`},
		{"import without gateway", `"import_payment_methods":true`, `"payment_gateway_id":["The payment gateway id field is required."]`},
		{"gateway id type", `"payment_gateway_id":1`, `"payment_gateway_id":["The payment gateway id field must be a string."]`},
		{"gateway id", `"payment_gateway_id":"acct_1"`, `"payment_gateway_id":["The payment gateway id field must start with one of the following: cus_."]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := c
			c.t = t
			want := `{"errors":{` + test.want + `}}`
			c.call("POST", "customers", `{"display_name":"x",`+test.body+`}`).mustBe(400, want)
			c.call("PUT", "customers/1001", `{`+test.body+`}`).mustBe(400, want)
		})
	}
	t.Run("display name", func(t *testing.T) {
		c.call("POST", "customers", `{"display_name":[]}`).mustBe(400, strings.TrimSuffix(nothingGiven, "}}")+
			`,"display_name":["The display name field must be a string."]}}`)
		c.call("POST", "customers", `{"display_name":1}`).mustBe(400,
			`{"errors":{"display_name":["The display name field must be a string."]}}`)
		c.call("POST", "customers", `{"display_name":"`+strings.Repeat("é", 101)+`"}`).mustBe(400,
			`{"errors":{"display_name":["The display name field must not be greater than 100 characters."]}}`)
	})
}

const nothingGiven = `{"errors":{"email":["The email field is required when none of old provider id \/ display name are present."]}}`

func TestOneOfThreeMustBeThere(t *testing.T) {
	c := start(t, sandbox.Config{})
	for _, body := range []string{
		`{}`, ``, `{"email":"a@example.com"`, `{"email":"a@example.com"} x`, `[1]`, `null`, "{\"email\":\"\xff@example.com\"}",
		`{"email":" ","display_name":"\u00a0\u200b","old_provider_id":null}`,
	} {
		t.Run(body, func(t *testing.T) {
			c := c
			c.t = t
			c.call("POST", "customers", body).mustBe(400, nothingGiven)
		})
	}
	form := c.request("POST", "customers", `{"email":"a@example.com"}`)
	form.Header.Set("Content-Type", "text/plain")
	c.send(form).mustBe(400, nothingGiven)

	// 1003 has a display name only, 1001 all three.
	c.call("PUT", "customers/1003", `{"display_name":null}`).mustBe(400, nothingGiven)
	c.call("PUT", "customers/1001", `{"display_name":null,"email":"","old_provider_id":null}`).mustBe(400, nothingGiven)
	mustHave(t, c.call("PUT", "customers/1003", `{"display_name":null,"old_provider_id":"kept"}`).data(),
		map[string]any{"display_name": nil, "old_provider_id": "kept"})
}

func TestAllViolationsTogetherInOrder(t *testing.T) {
	c := start(t, sandbox.Config{})
	got := c.call("POST", "customers", `{"old_provider_id":"old-1","username":"taken","email":"taken@example.com",
		"metadata":1,"first_name":2,"default_source_id":"ignored on create"}`)
	got.mustBe(400, `{"errors":{"email":["The email has already been taken."],"first_name":["The first name field must be a string."],`+
		`"username":["The username has already been taken."],"metadata":["The metadata field must be an array."],`+
		`"old_provider_id":["The old provider id has already been taken."]}}`)
}

func TestAccepted(t *testing.T) {
	c := start(t, sandbox.Config{})
	for i, test := range []struct {
		name string
		body string
		want map[string]any
	}{
		{"longest names", fmt.Sprintf(`"first_name":"%s","display_name":"%s"`, strings.Repeat("é", 255), strings.Repeat("漢", 100)), nil},
		{"unknown domain, check off", `"email":"a@b.invalid","skip_email_dns_validations":"1"`, map[string]any{"email": "a@b.invalid"}},
		{"http-200 is an ordinary address", `"email":"http-200@example.com"`, map[string]any{"email": "http-200@example.com"}},
		{"username beyond ASCII", `"username":"Zoë_漢-1"`, map[string]any{"username": "Zoë_漢-1"}},
		{"phone limits", `"phone":"(12345)"`, map[string]any{"phone": "12345"}},
		{"booleans of PHP", `"tele_marketing":"0","mail_marketing":1,"email_hardbounce":null`,
			map[string]any{"tele_marketing": false, "mail_marketing": true, "email_hardbounce": nil}},
		{"organization with a fraction of zero", `"organization":5002.0`, map[string]any{"organization": 5002.0}},
		{"largest metadata", `"metadata":{"k":"` + strings.Repeat("é", 500) + `"}`, nil},
		{"organization in quotes", `"organization":"5002"`, map[string]any{"organization": 5002.0}},
		{"metadata from a list", `"metadata":["a","b"]`, map[string]any{"metadata": []any{"a", "b"}}},
		{"metadata with gaps", `"metadata":{"0":"a","2":{}}`, map[string]any{"metadata": []any{"a", []any{}}}},
		{"metadata with gaps inside", `"metadata":{"k":[{"10":"b","9":"a"}]}`, map[string]any{"metadata": map[string]any{"k": []any{[]any{"a", "b"}}}}},
		{"quoted email", `"email":"\"a b\"@example.com"`, map[string]any{"email": `"a b"@example.com`}},
		{"no metadata", ``, map[string]any{"metadata": []any{}}},
		{"trimmed metadata", `"metadata":{"k":" v ","e":" "}`, map[string]any{"metadata": map[string]any{"k": "v"}}},
		{"password of whitespace", `"password":" "`, map[string]any{"has_password": 1.0}},
		{"empty password", `"password":""`, map[string]any{"has_password": 0.0, "password_last_updated_at": nil}},
		{"import", `"import_payment_methods":true,"payment_gateway_id":"cus_1"`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := c
			c.t = t
			body := fmt.Sprintf(`{"old_provider_id":"accepted-%d"`, i)
			if test.body != "" {
				body += "," + test.body
			}
			got := c.call("POST", "customers", body+"}")
			if got.status != 201 {
				t.Fatalf("%d %s", got.status, got.body)
			}
			mustHave(t, got.data(), test.want)
		})
	}
}

// Every writable attribute comes back under its own name, and null clears it.
func TestWritableAttributes(t *testing.T) {
	c := start(t, sandbox.Config{})
	values := map[string]any{
		"email": "w@example.com", "first_name": "First", "last_name": "Last", "display_name": "Display",
		"username": "user", "phone": "55501000", "salutation": "Mx", "title": "Prof", "tin": "T-1", "organization": 5002.0,
		"tele_marketing": true, "mail_marketing": false, "email_hardbounce": true, "old_provider_id": "w-1",
	}
	body, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	mustHave(t, c.call("POST", "customers", string(body)).data(), values)
	for name := range values {
		fresh := start(t, sandbox.Config{})
		got := fresh.call("PUT", "customers/1001", `{"`+name+`":null}`).data()
		mustHave(t, got, map[string]any{name: nil})
	}
}

func TestUpdate(t *testing.T) {
	c := start(t, sandbox.Config{})

	// Its own unique values are free for a customer, and freed by it when it
	// takes others.
	c.call("PUT", "customers/1006", `{"email":"Taken@example.com","username":"taken","old_provider_id":"old-1"}`).data()
	c.call("PUT", "customers/1001", `{"email":"taken@example.com"}`).mustBe(400, `{"errors":{"email":["The email has already been taken."]}}`)
	c.call("PUT", "customers/1006", `{"email":"other@example.com"}`).data()
	c.call("PUT", "customers/1001", `{"email":"taken@example.com"}`).data()

	c.call("PUT", "customers/1001", `{"default_source_id":3003}`).mustBe(400, `{"errors":{"default_source_id":["The selected default source id is invalid."]}}`)
	c.call("PUT", "customers/1001", `{"default_source_id":"x"}`).mustBe(400, `{"errors":{"default_source_id":["The default source id field must be an integer."]}}`)
	mustHave(t, c.call("PUT", "customers/1001", `{"default_source_id":3002}`).data(), map[string]any{"default_source_id": 3002.0, "default_source": 3002.0})
	mustHave(t, c.call("PUT", "customers/1001", `{"default_source_id":null}`).data(), map[string]any{"default_source_id": nil, "default_source": nil})
	mustHave(t, c.call("PUT", "customers/1001", `{"metadata":null}`).data(), map[string]any{"metadata": nil})
	mustHave(t, c.call("PUT", "customers/1001", `{"metadata":{"a":1}}`).data(), map[string]any{"metadata": map[string]any{"a": 1.0}})

	// Nothing of a rejected body is stored, and nothing of an empty one changes
	// but the time.
	before := c.call("GET", "customers/1002", "").data()
	if got := c.call("PUT", "customers/1002", `{"first_name":"New","last_name":1}`); got.status != 400 {
		t.Errorf("status %d", got.status)
	}
	after := c.call("PUT", "customers/1002", `{}`).data()
	delete(before, "updated_at")
	delete(after, "updated_at")
	if !reflect.DeepEqual(before, after) {
		t.Errorf("before %v\nafter %v", before, after)
	}
}
