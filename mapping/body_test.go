package mapping_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// TestFieldErrorShapes has every shape that the field errors of a 400 may have.
func TestFieldErrorShapes(t *testing.T) {
	for _, test := range []struct {
		name, body string
		want       []string // field=description
	}{
		{"documented", `{"errors":{"email":["A."]}}`, []string{"customer.email=A."}},
		{"with a message", `{"message":"M.","errors":{"email":["A."]}}`, []string{"customer.email=A."}},
		{"several texts", `{"errors":{"email":["A.","B."]}}`, []string{"customer.email=A.", "customer.email=B."}},
		{"document order", `{"errors":{"zip":["A."],"email":["B."],"Zip":["C."]}}`, []string{
			"customer.zip=A.", "customer.email=B.", "customer.Zip=C.",
		}},
		{"a text instead of a list", `{"errors":{"email":"A."}}`, []string{"customer.email=A."}},
		{"nested", `{"errors":{"metadata":{"color":["A."],"deep":{"er":"B."}}}}`, []string{
			`customer.metadata["color"]=A.`, `customer.metadata["deep.er"]=B.`,
		}},
		{"nested indexes", `{"errors":{"addresses":{"0":{"line1":["A."]}}}}`, []string{"customer.addresses[0].line1=A."}},
		{"dotted indexes", `{"errors":{"addresses.10.line1":["A."]}}`, []string{"customer.addresses[10].line1=A."}},
		{"foreign key", `{"errors":{"registered_on_other_sites":["x.example"],"email":["A."]}}`, []string{"customer.email=A."}},
		{"foreign key, object", `{"errors":{"registered_on_other_sites":{"a":"b"},"email":["A."]}}`, []string{"customer.email=A."}},
		{"not texts", `{"errors":{"a":1,"b":null,"c":true,"d":[1,null,{"x":"y"},["z"]],"e":{},"email":["A.",7]}}`, []string{
			"customer.d[2]=y", "customer.d[3]=z", "customer.email=A.",
		}},
		{"empty text", `{"errors":{"email":["  "]}}`, []string{"customer.email=Pelcro rejected this value."}},
		{"key twice", `{"errors":{"email":["A."]},"errors":{"phone":["B."]}}`, []string{"customer.email=A.", "customer.phone=B."}},
		{"after other members", `{"status":400,"x":[{"errors":{"n":["N."]}}],"errors":{"email":["A."]},"y":{}}`, []string{"customer.email=A."}},
		{"escaped", `{"err\u006frs":{"em\u0061il":["Caf\u00e9 \"\ud83d\ude00\"."]}}`, []string{`customer.email=Café "😀".`}},
		{"half a surrogate", `{"errors":{"email":["\ud83d!"]}}`, []string{"customer.email=\ufffd!"}},
		{"whitespace everywhere", " \r\n{ \"errors\" :\t{ \"email\" : [ \"A.\" , \"B.\" ] , \"phone\" : \"C.\" } } \n", []string{
			"customer.email=A.", "customer.email=B.", "customer.phone=C.",
		}},
		{"byte order mark", "\ufeff" + `{"errors":{"email":["A."]}}`, []string{"customer.email=A."}},
		{"empty key", `{"errors":{"":["A."]}}`, []string{"customer=A."}},
		{"empty list", `{"errors":[]}`, nil},
		{"empty object", `{"errors":{}}`, nil},
		{"empty field", `{"errors":{"email":[]}}`, nil},
		{"null", `{"errors":null}`, nil},
		{"list of objects", `{"errors":[{"email":["A."]}]}`, []string{"customer.email=A."}},
		{"within error", `{"error":{"errors":{"email":["A."]}}}`, []string{"customer.email=A."}},

		{"object with a message", `{"errors":{"email":{"message":"A.","code":"REQUIRED"}}}`, []string{"customer.email=A."}},
		{"object of rules", `{"errors":{"email":{"required":"A.","email":"B."}}}`, []string{"customer.email=A.", "customer.email=B."}},
		{"list of objects with messages", `{"errors":{"email":[{"message":"A.","code":1},{"message":"B."}]}}`, []string{"customer.email=A.", "customer.email=B."}},
		{"list of nested objects", `{"errors":{"addresses":[{},{"line1":["A."]}]}}`, []string{"customer.addresses[1].line1=A."}},
		{"a list that PHP has filtered", `{"errors":{"1":{"source":{"pointer":"/data/attributes/email"},"detail":"A."}}}`, []string{"customer.email=A."}},
		{"JSON:API", `{"errors":[{"title":"T","detail":"A.","source":{"pointer":"/data/attributes/email"}},{"detail":"B.","source":{"parameter":"phone"}}]}`,
			[]string{"customer.email=A.", "customer.phone=B."}},
		{"JSON:API, nested pointer", `{"errors":[{"detail":"A.","source":{"pointer":"/data/attributes/metadata/color"}}]}`, []string{`customer.metadata["color"]=A.`}},
		{"field and message", `{"errors":[{"field":"email","message":"A."}]}`, []string{"customer.email=A."}},
		{"problem+json", `{"title":"T","invalid-params":[{"name":"email","reason":"A."}]}`, []string{"customer.email=A."}},
		{"Lumen", `{"email":["A."],"zip":["B."]}`, []string{"customer.email=A.", "customer.zip=B."}},
		{"Lumen, one text", `{"email":"A.","request":"x"}`, []string{"customer.email=A."}},
		{"Lumen, beside a message", `{"message":"M.","email":["A."],"hosts":["x"]}`, []string{"customer.email=A.", "customer.hosts=x"}},
		{"unknown lists beside a message", `{"message":"M.","hosts":["x"]}`, nil},
		{"under error", `{"error":{"email":["A."]}}`, []string{"customer.email=A."}},
		{"under message", `{"message":{"email":["A."]}}`, []string{"customer.email=A."}},
		{"JSend", `{"status":"fail","data":{"email":"A.","title":"B."}}`, []string{"customer.email=A.", "customer.title=B."}},
		{"under data of a failure", `{"success":false,"message":"M.","data":{"email":["A."]}}`, []string{"customer.email=A."}},
		{"data of something else", `{"message":"M.","data":{"id":7,"email":"a@example.com"}}`, nil},
		{"under data, beside a message only", `{"message":"Validation Error.","data":{"email":["A."],"plan":["B."]}}`, []string{"customer.email=A.", "customer.plan=B."}},
		{"list under error", `{"error":[{"field":"email","message":"A."}]}`, []string{"customer.email=A."}},
		{"list of objects without an envelope", `{"plan":[{"message":"A."}]}`, []string{"customer.plan=A."}},
		{"fields within a message", `{"errors":{"message":{"email":["A."]}}}`, []string{"customer.email=A."}},
		{"express-validator", `{"errors":[{"type":"field","value":"secret","msg":"A.","path":"email","location":"body"}]}`, []string{"customer.email=A."}},
		{"Spring", `{"errors":[{"field":"email","rejectedValue":"secret","defaultMessage":"A."}]}`, []string{"customer.email=A."}},
		{"a rule of metadata", `{"errors":{"metadata":{"array":"A."}}}`, []string{"customer.metadata=A."}},
		{"the whole document", `{"errors":[{"detail":"A.","source":{"pointer":"/data"}}]}`, nil},
		{"the base of Rails", `{"errors":[{"field":"base","message":"A."}]}`, nil},
		{"a customer's title", `{"errors":{"title":["A."]}}`, []string{"customer.title=A."}},
		{"title of an error", `{"errors":{"title":"T","detail":"D","status":"422"}}`, nil},
		{"after a PHP warning", "<br />\n<b>Warning</b>:  Undefined {index} in <b>/x.php</b> on line <b>1</b><br />\n" + `{"errors":{"email":["A."]}}`,
			[]string{"customer.email=A."}},
		{"in a list", `[{"errors":{"email":["A."]}}]`, nil},
		{"trailing comma", `{"errors":{"email":["A."],}}`, nil},
		{"unclosed", `{"errors":{"email":["A."]}`, nil},
		{"something after it", `{"errors":{"email":["A."]}} x`, nil},
		{"single quotes", `{'errors':{'email':['A.']}}`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			result := mapping.FromResponse(callOf(t, "CreateCustomer"), jsonResponse(400, test.body))
			checkPromises(t, result)
			if got := violationsOf(t, result); !slices.Equal(got, test.want) {
				t.Errorf("violations %q, want %q", got, test.want)
			}
		})
	}
}

// TestUpstreamText has every shape that Pelcro's own sentence may come in.
func TestUpstreamText(t *testing.T) {
	for _, test := range []struct{ name, body, want string }{
		{"message", `{"message":"No."}`, "No."},
		{"error object", `{"error":{"status":403,"message":"No."}}`, "No."},
		{"error text", `{"error":"no","error_description":"Long."}`, "no: Long."},
		{"errors as text", `{"errors":"No."}`, "No."},
		{"errors as list", `{"errors":["",1,"No.","Nor that."]}`, "No. Nor that."},
		{"message first", `{"errors":["C."],"error":{"message":"B."},"message":"A."}`, "A."},
		{"error before errors", `{"errors":["C."],"error":"B.","message":" "}`, "B."},
		{"message that is no text", `{"message":{"a":"b"},"error":"B."}`, "B."},
		{"error message that is no text", `{"error":{"message":["a"]}}`, ""},
		{"problem+json", `{"title":"Forbidden","detail":"No."}`, "No."},
		{"title only", `{"title":"No."}`, "No."},
		{"list of texts", `{"message":["email must be an email","No."],"error":"Bad Request"}`, "email must be an email No."},
		{"errors as one error", `{"errors":{"code":"no","detail":"No."}}`, "No."},
		{"errors without fields", `{"errors":[{"message":"No."}]}`, "No."},
		{"debug", `{"message":"No.","exception":"E","file":"f","line":1,"trace":[]}`, ""},
		{"debug without a trace", `{"message":"No.","exception":"E","file":"f"}`, ""},
		{"page", `<p>No.</p>`, ""},
		{"plain text", `No.`, ""},
		{"JSON text", `"No."`, ""},
		{"nothing", ``, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			result := mapping.FromResponse(callOf(t, "GetCustomer"), jsonResponse(400, test.body))
			d := checkPromises(t, result)
			if got := d.info.GetMetadata()["upstreamMessage"]; got != test.want {
				t.Errorf("upstreamMessage %q, want %q", got, test.want)
			}
			want := "Pelcro rejected the request (HTTP 400)"
			if result.Origin() != mapping.OriginPelcro {
				want = "The response did not come from the Pelcro API (HTTP 400)"
			}
			if test.want != "" {
				want += ": " + test.want
			}
			if got := result.Status().Message(); got != want {
				t.Errorf("message %q, want %q", got, want)
			}
		})
	}
}

// TestErrorsSayNothingElsewhere: under other statuses "errors" does not count, not
// even as a text.
func TestErrorsSayNothingElsewhere(t *testing.T) {
	for _, body := range []string{`{"errors":"No."}`, `{"errors":["No."]}`, fieldErrors} {
		result := mapping.FromResponse(callOf(t, "GetCustomer"), jsonResponse(403, body))
		if got := checkPromises(t, result).info.GetMetadata()["upstreamMessage"]; got != "" {
			t.Errorf("%s: upstreamMessage %q", body, got)
		}
	}
}

func TestStatusesOfFieldErrors(t *testing.T) {
	for status := range everyStatus {
		result := mapping.FromResponse(callOf(t, "UpdateCustomer"), jsonResponse(status, fieldErrors))
		has := detailsOf(t, result.Status()).badRequest != nil
		want := status >= 200 && status <= 299 || slices.Contains([]int{400, 404, 409, 422}, status)
		if has != want {
			t.Errorf("HTTP %d: field errors %v, want %v", status, has, want)
		}
	}
}

// TestTextsAreShownForRefusalsOnly has a text under every status.
func TestTextsAreShownForRefusalsOnly(t *testing.T) {
	for _, operation := range mapping.CustomerOperations() {
		for status := range everyStatus {
			result := mapping.FromResponse(callOf(t, operation.Name), jsonResponse(status, `{"message":"Some text."}`))
			shown := strings.Contains(everyText(t, result), "Some text.")
			if want := status >= 400 && status <= 499; shown != want {
				t.Errorf("%s, HTTP %d: text shown %v, want %v", operation.Name, status, shown, want)
			}
		}
	}
	result := mapping.FromResponse(callOf(t, "GetCustomer"), jsonResponse(200, `{"error":{"message":"Some text."}}`))
	if !strings.Contains(result.Status().Message(), "Some text.") {
		t.Errorf("error in a success: %v", result.Status())
	}
}

func TestContentType(t *testing.T) {
	for _, test := range []struct{ name, contentType, body, want string }{
		{"page", "text/html; charset=UTF-8", page, "text/html"},
		{"upper case", "Text/HTML", page, "text/html"},
		{"broken parameter", "text/html; charset", page, "text/html"},
		{"plain text", "text/plain", "No.", "text/plain"},
		{"object", "text/html", message, ""},
		{"none", "", page, ""},
		{"garbage", "http://10.0.0.1/\x00", page, ""},
		{"long", "text/" + strings.Repeat("x", 9000), page, "text/" + strings.Repeat("x", 59)},
	} {
		t.Run(test.name, func(t *testing.T) {
			response := jsonResponse(500, test.body)
			response.Header.Set("Content-Type", test.contentType)
			d := checkPromises(t, mapping.FromResponse(callOf(t, "GetCustomer"), response))
			if got := d.info.GetMetadata()["contentType"]; got != test.want {
				t.Errorf("contentType %q, want %q", got, test.want)
			}
		})
	}
}

// TestTextOfAProxy has a 404 that is not JSON.
func TestTextOfAProxy(t *testing.T) {
	for contentType, reason := range map[string]string{
		"text/html":               "PELCRO_ROUTE_NOT_FOUND",
		"TEXT/HTML;charset=utf-8": "PELCRO_ROUTE_NOT_FOUND",
		"text/plain":              "PELCRO_ROUTE_NOT_FOUND",
		"":                        "PELCRO_ROUTE_NOT_FOUND",
	} {
		response := jsonResponse(404, "404 page not found")
		response.Header.Set("Content-Type", contentType)
		checkOutcome(t, contentType, mapping.FromResponse(callOf(t, "GetCustomer"), response), "NOT_FOUND", reason)
	}
}

func TestDepth(t *testing.T) {
	nested := func(levels int) string {
		return `{"errors":` + strings.Repeat(`{"a":`, levels) + `"Deep."` + strings.Repeat("}", levels) + "}"
	}
	for levels, kept := range map[int]int{1: 1, 30: 1, 33: 0, 9000: 0, 20000: 0} {
		result := mapping.FromResponse(callOf(t, "CreateCustomer"), jsonResponse(400, nested(levels)))
		checkPromises(t, result)
		if got := len(violationsOf(t, result)); got != kept {
			t.Errorf("%d levels: %d violations, want %d", levels, got, kept)
		}
	}
}

// TestWideBelowLongKey has a body that would cost gigabytes if every key
// carried the long one above it along.
func TestWideBelowLongKey(t *testing.T) {
	var body strings.Builder
	body.WriteString(`{"errors":{"` + strings.Repeat("k", 100_000) + `":{"":"A."`)
	for body.Len() < mapping.MaxErrorBody-10 {
		body.WriteString(`,"":0`)
	}
	body.WriteString("}}}")
	response := jsonResponse(400, body.String())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	result := mapping.FromResponse(callOf(t, "CreateCustomer"), response)
	runtime.ReadMemStats(&after)
	checkPromises(t, result)
	if got := len(violationsOf(t, result)); got != 1 {
		t.Errorf("%d violations", got)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
		t.Errorf("%d bytes allocated", got)
	}
}

// violationsOf returns the violations as field=description.
func violationsOf(t testing.TB, result mapping.Result) (violations []string) {
	t.Helper()
	for _, v := range detailsOf(t, result.Status()).badRequest.GetFieldViolations() {
		violations = append(violations, v.GetField()+"="+v.GetDescription())
	}
	return violations
}

// manyErrors is a body with so many field errors, each with that text.
func manyErrors(t testing.TB, count int, text string) string {
	t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	fields := make([]string, count)
	for i := range fields {
		fields[i] = fmt.Sprintf(`"field%04d":[%s]`, i, quoted)
	}
	return `{"errors":{` + strings.Join(fields, ",") + "}}"
}
