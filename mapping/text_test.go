package mapping_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// TestTextsAreCleaned shows the same raw text as Pelcro's sentence and as the
// text of a field error.
func TestTextsAreCleaned(t *testing.T) {
	for _, test := range []struct{ name, raw, want string }{
		{"plain", "Plain text.", "Plain text."},
		{"not ASCII", "Ünïcödé 😀.", "Ünïcödé 😀."},
		{"surrounding whitespace", ` \t a \n`, "a"},
		{"invalid UTF-8", "a\xffb", "a\ufffdb"},
		{"invalid UTF-8 in a row", "a\xff\xfe\x80b", "a\ufffdb"},
		{"half a character", "caf\xc3", "caf\ufffd"},
		{"overlong encoding", "a\xc0\xafb", "a\ufffdb"},
		{"encoded surrogate", "a\xed\xa0\x80b", "a\ufffdb"},
		{"line breaks", `a\r\nb\tc`, "a  b c"},
		{"control characters", `a\u0000b\u001b[31mc\u007fd`, "a b [31mc d"},
		{"C1 controls", "a\u0085b\u009bc", "a b c"},
		{"line and paragraph separators", "a\u2028b\u2029c", "a b c"},
		{"format directives", "100% %s %!d %00", "100% %s %!d %00"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, body := range []string{
				`{"message":"` + test.raw + `"}`,
				`{"errors":{"email":["` + test.raw + `"]}}`,
			} {
				result := mapping.FromResponse(callOf(t, "CreateCustomer"), jsonResponse(400, body))
				d := checkPromises(t, result)
				if got := d.info.GetMetadata()["upstreamMessage"]; got != test.want {
					t.Errorf("upstreamMessage %q, want %q", got, test.want)
				}
				if got := result.Status().Message(); !strings.HasSuffix(got, test.want) {
					t.Errorf("message %q, want the end %q", got, test.want)
				}
				for _, v := range d.badRequest.GetFieldViolations() {
					if v.GetDescription() != test.want {
						t.Errorf("description %q, want %q", v.GetDescription(), test.want)
					}
				}
			}
		})
	}
}

// TestTextsAreCut cuts at every offset within characters of one to four bytes.
func TestTextsAreCut(t *testing.T) {
	for _, character := range []string{"x", "й", "日", "😀"} {
		for shift := range 5 {
			text := strings.Repeat("a", shift) + strings.Repeat(character, 2000)
			raw, err := json.Marshal(text)
			if err != nil {
				t.Fatal(err)
			}
			result := mapping.FromResponse(callOf(t, "GetCustomer"), jsonResponse(403, `{"message":`+string(raw)+`}`))
			d := checkPromises(t, result)
			checkCut(t, "upstreamMessage", d.info.GetMetadata()["upstreamMessage"], text, 512)
			start := "Pelcro does not allow this with the API key (HTTP 403): "
			checkCut(t, "message", result.Status().Message(), start+text, 256)

			result = mapping.FromResponse(callOf(t, "GetCustomer"), jsonResponse(400, `{"errors":{`+string(raw)+`:`+string(raw)+`}}`))
			d = checkPromises(t, result)
			checkCut(t, "description", d.badRequest.GetFieldViolations()[0].GetDescription(), text, 256)
			checkCut(t, "field", d.badRequest.GetFieldViolations()[0].GetField(), text, 128)
		}
	}
}

// checkCut checks that got is as much of text as fits.
func checkCut(t *testing.T, what, got, text string, limit int) {
	t.Helper()
	if !strings.HasPrefix(text, got) || len(got) > limit || len(got) <= limit-utf8.UTFMax {
		t.Errorf("%s has %d bytes: %q", what, len(got), got)
	}
}

// TestLeaks has texts that say more than a caller should know, and texts that
// only look a little like it.
func TestLeaks(t *testing.T) {
	for _, leak := range []string{
		`No query results for model [App\Models\Customer] 42`,
		`No query results for model [Customer] 42`,
		`Target class [CustomerController] does not exist.`,
		`Class "App\\Http\\Kernel" not found`,
		`App\Exceptions\Handler::render()`,
		`Undefined property: stdClass::$id`,
		`Call to undefined method User::foo()`,
		`Uncaught ModelNotFoundException`,
		`SQLSTATE[23000]: Integrity constraint violation: 1062 Duplicate entry`,
		`Error in /var/www/html/app/Customer.php on line 12`,
		`customer.php: syntax error`,
		`Unable to open /home/forge/storage/logs`,
		`See https://internal.pelcro.example/admin?api_key=x`,
		`mysql://root@db/pelcro`,
		`connect to 10.0.0.17 port 3306 failed`,
		`Bearer abc.def was refused`,
		`got "authorization: bearer xyz"`,
		`Token eyJhbGciOiJIUzI1NiJ9 expired`,
		`<!DOCTYPE html><html>`,
		`Oops <script>alert(1)</script>`,
		`<p>Sorry</p>`,
		`<BODY bgcolor=red>`,
		`<img src=x onerror=alert(1)>`,
		`Class "StripeGateway" not found`,
		`Object of class stdClass could not be converted to string`,
		`Too few arguments to function CustomerController->store(), 1 passed`,
		`TypeError: strlen(): Argument #1 must be a string`,
		`Duplicate entry 'a@b.c' for key 'users.users_email_unique' (SQL: insert into users)`,
		`select * from customers where id = 42`,
		`insert into customers values`,
		`violates unique constraint "customers_email_unique"`,
		`The stream or file "/app/storage/logs/laravel.log" could not be opened`,
		`db-master.internal does not answer`,
		`connect to 2001:db8:1:2:3:4:5:6 failed`,
		`Invalid API Key provided: sk_live_51H000000`,
		`AKIAIOSFODNN7EXAMPLE is not valid`,
		`Authorization: Basic dXNlcjpwYXNz`,
		`The GET method is not supported for route api/v1/core/customers/42.`,
	} {
		raw, err := json.Marshal(leak)
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range []string{
			`{"message":` + string(raw) + `}`,
			`{"error":{"message":` + string(raw) + `}}`,
			`{"errors":[` + string(raw) + `]}`,
			`{"message":` + string(raw) + `,"errors":{"email":[` + string(raw) + `]}}`,
			`{"errors":{` + string(raw) + `:"The field is required."}}`,
		} {
			result := mapping.FromResponse(callOf(t, "UpdateCustomer"), jsonResponse(400, body))
			checkPromises(t, result)
			if everything := everyText(t, result); strings.Contains(everything, leak) {
				t.Errorf("leaked: %s", everything)
			}
		}
	}
	for _, harmless := range []string{
		"The email field is required.",
		"An Exception to the rule applies.",
		"Use a PHP session.",
		"Either/or, and 24/7.",
		"Version 1.2.3 is required.",
		"Too long: at most 255 (a < b).",
		"C:\\",
		"[1, 2]",
		"Only example.com is allowed... Sorry.",
		"Please select a plan from the list.",
		"The first class is full; ask again at 10:30.",
		"The time must be before 10:20:30.",
		"old provider id / display name",
		"The metadata.a<b field must be a string.",
		"Insert a coin (twice).",
	} {
		raw, err := json.Marshal(harmless)
		if err != nil {
			t.Fatal(err)
		}
		result := mapping.FromResponse(callOf(t, "GetCustomer"), jsonResponse(400, `{"message":`+string(raw)+`}`))
		if !strings.Contains(result.Status().Message(), harmless) {
			t.Errorf("%q is missing: %q", harmless, result.Status().Message())
		}
	}
}

// TestUnshownTextKeepsItsViolation: the caller learns which field, if not why,
// and upstreamMessage has only words of Pelcro.
func TestUnshownTextKeepsItsViolation(t *testing.T) {
	body := `{"message":"The given data was invalid.","errors":{"email":["SQLSTATE[42S02]: no table users"],"phone":["The phone field is required."]}}`
	result := mapping.FromResponse(callOf(t, "CreateCustomer"), jsonResponse(422, body))
	d := checkPromises(t, result)
	want := []string{"customer.email=Pelcro rejected this value.", "customer.phone=The phone field is required."}
	if got := violationsOf(t, result); got[0] != want[0] || got[1] != want[1] {
		t.Errorf("violations %q", got)
	}
	if got := d.info.GetMetadata()["upstreamMessage"]; got != "The given data was invalid." {
		t.Errorf("upstreamMessage %q", got)
	}
}

// TestSensitivePartsAcrossTheCut: a sensitive part that is cut in the middle looks harmless.
func TestSensitivePartsAcrossTheCut(t *testing.T) {
	shown := func(text string) string {
		result := mapping.FromResponse(callOf(t, "GetCustomer"), jsonResponse(400, `{"message":"`+text+`"}`))
		return checkPromises(t, result).info.GetMetadata()["upstreamMessage"]
	}
	if got := shown(strings.Repeat("a ", 250) + ` App\\Models\\Customer`); strings.Contains(got, "App") {
		t.Errorf("the beginning of a class name is shown: %q", got)
	}
	if got := shown(strings.Repeat("a ", 300) + ` SQLSTATE[1]`); got == "" {
		t.Error("a database error far beyond the cut hides the text")
	}
}

// TestOnlySensitivePartsAreCutOut: the rest of the sentence stays.
func TestOnlySensitivePartsAreCutOut(t *testing.T) {
	for text, want := range map[string]string{
		"Rate limited to 120/min, see https://docs.pelcro.com/limits?x=1 for help.": "Rate limited to 120/min, see [url] for help.",
		`No query results for model [App\Models\Customer] 42`:                       "No query results for model [class] 42",
		"The model ada@example.com is [not] good.":                                  "The model [email] is [not] good.",
		"The email ada@example.com is taken.":                                       "The email [email] is taken.",
		"Invalid bearer token.":                                                     "Invalid bearer token.",
		"Bearer authentication required.":                                           "Bearer authentication required.",
		"Bearer abc123def456 is expired.":                                           "Bearer [token] is expired.",
		`The start field must match the format Y-m-d\TH:i:s.`:                       `The start field must match the format Y-m-d\TH:i:s.`,
		"The url must start with one of: http://, https://.":                        "The url must start with one of: http://, https://.",
		"The GET method is not supported for route api/v1/core/customers/42.":       "The GET method is not supported for route [path].",
		"Could not open /var/www/html/storage/logs for writing.":                    "Could not open [path] for writing.",
		"connect to 10.0.0.17:3306 failed":                                          "connect to [host] failed",
		"upstream db-1.prod.internal timed out":                                     "upstream [host] timed out",
		"Key sk_live_51H000000 is revoked.":                                         "Key [token] is revoked.",
		"<b>Sorry</b>, not allowed.":                                                "Sorry, not allowed.",
		"SQLSTATE[23000]: Integrity constraint violation":                           "",
		"Stack trace: #0 main":                                                      "",

		"You cannot delete from this account.":                   "You cannot delete from this account.",
		"Please select a plan from the list where available.":    "Please select a plan from the list where available.",
		"Please update card set as default.":                     "Please update card set as default.",
		"Please insert into the form your name.":                 "Please insert into the form your name.",
		"The SQL mode is invalid.":                               "The SQL mode is invalid.",
		"Your Basic 30-day trial has ended.":                     "Your Basic 30-day trial has ended.",
		"The connection to Stripe failed.":                       "The connection to Stripe failed.",
		"Could not connect to the payment gateway.":              "Could not connect to the payment gateway.",
		"The time 12:30:45 is not a valid slot of plan A:B:C:D.": "The time 12:30:45 is not a valid slot of plan A:B:C:D.",
		"Authorization=Bearer secretkeyvalue is not valid.":      "Authorization: [token] is not valid.",
		"Basic dXNlcjpwYXNz was rejected.":                       "Basic [token] was rejected.",
		"password=hunter2 is wrong":                              "password=[token] is wrong",
		"Invalid API key: 0123456789abcdef0123456789abcdef":      "Invalid API key [token]",
		"redis:6379 and localhost:3306 do not respond":           "[host] and [host] do not respond",
		"[::1]:8080 refused the connection":                      "[host] refused the connection",
		"API.PELCRO.COM is down":                                 "[host] is down",
		"GET:/api/v1/core/customers failed":                      "GET:[path] failed",
		"No such file: storage/logs/laravel.log":                 "No such file: [path]",
		"Not found: ../../etc/passwd":                            "Not found: [path]",
		"Email ada@localhost is invalid.":                        "Email [email] is invalid.",
		"com.pelcro.api.CustomerService failed":                  "[class] failed",
		"Class CustomerPolicy does not exist":                    "Class [class] does not exist",
		"SELECT * FROM customers":                                "",
		"select `id` from `customers` limit 1":                   "",
		"Unknown column 'foo' in 'field list'":                   "",
		"Traceback (most recent call last): File x":              "",
	} {
		raw, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		result := mapping.FromResponse(callOf(t, "GetCustomer"), jsonResponse(403, `{"message":`+string(raw)+`}`))
		if got := checkPromises(t, result).info.GetMetadata()["upstreamMessage"]; got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}
