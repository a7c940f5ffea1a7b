package customers_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// Any 2xx with a customer is a success, whatever is beside "data".
func TestSuccessStatuses(t *testing.T) {
	for _, status := range []int{200, 201, 202, 203, 206, 299} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			g := start(t, responding(respond(status, `{"status":"success","data":{"id":42},"errors":{"email":["x"]},"message":"m"}`)))
			for i, c := range g.rpcs(42) {
				if r := c.do(t.Context()); i != 1 && i != 4 && r.err != nil {
					t.Errorf("%s: %v", c.name, r.err)
				}
			}
		})
	}
}

func TestCreatedCustomer(t *testing.T) {
	g := start(t, responding(respond(201, `{"data":{"id":1009,"email":"new@example.com"}}`)))
	got := mustSucceed(t, g.customers.CreateCustomer, newCustomer("new@example.com"))
	mustEqual(t, got, &pelcrov1.CreateCustomerResponse{Customer: &pelcrov1.Customer{Id: 1009, Email: new("new@example.com")}})
}

func TestDelete(t *testing.T) {
	const ok = pelcrov1.ErrorReason_ERROR_REASON_UNSPECIFIED
	for _, test := range []struct {
		name     string
		response http.HandlerFunc
		reason   pelcrov1.ErrorReason
	}{
		{"204", respond(204, ``), ok},
		{"200, empty", respond(200, ``), ok},
		{"200, whitespace", respond(200, " \n"), ok},
		{"200, empty object", respond(200, `{}`), ok},
		{"200, status and message", respond(200, `{"status":200,"message":"ok"}`), ok},
		{"200, the customer", respond(200, `{"data":{"id":42}}`), ok},
		{"200, data null", respond(200, `{"data":null}`), ok},
		{"202, empty", respond(202, ``), ok},
		{"200, errors without fields", respond(200, `{"errors":{}}`), ok},
		{"200, field errors", respond(200, `{"errors":{"customer_id":["This customer cannot be deleted."]}}`),
			pelcrov1.ErrorReason_PELCRO_VALIDATION_FAILED},
		{"200, error", respond(200, `{"error":{"message":"No."}}`), pelcrov1.ErrorReason_PELCRO_ERROR_IN_SUCCESS},
		{"200, page", html(200), pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE},
		{"200, a large object", respond(200, `{"note":"`+strings.Repeat("x", 300<<10)+`"}`), ok},
		{"200, field errors in a large object", respond(200, `{"note":"`+strings.Repeat("x", 300<<10)+`","errors":{"id":["No."]}}`),
			pelcrov1.ErrorReason_PELCRO_VALIDATION_FAILED},
		{"200, text", respond(200, `ok`), pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE},
		{"200, empty list", respond(200, `[]`), ok},
		{"200, null", respond(200, `null`), ok},
		{"200, true", respond(200, `true`), ok},
		{"200, 1", respond(200, `1`), ok},
		{"200, false", respond(200, `false`), pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE},
		{"200, success false", respond(200, `{"success":false,"message":"No."}`), pelcrov1.ErrorReason_PELCRO_ERROR_IN_SUCCESS},
		{"200, challenge", respond(200, ``, "Cf-Mitigated", "challenge"), pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE},
		{"200, cut", cut(200, `{"mess`), pelcrov1.ErrorReason_PELCRO_CONNECTION_LOST},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := start(t, responding(test.response))
			_, r := call(t.Context(), g.customers.DeleteCustomer, &pelcrov1.DeleteCustomerRequest{Id: 42})
			if test.reason == ok {
				log := g.log.String()
				if r.err != nil || !strings.Contains(log, `"level":"INFO"`) || strings.Contains(log, `"reason"`) || strings.Contains(log, `"cause"`) {
					t.Errorf("%v %s", r.err, log)
				}
				return
			}
			f := r.failure(t)
			f.mustBe(t, f.code, test.reason)
			f.mustAdvise(t, "", "", 0)
		})
	}
}

// "errors" and "error" count even under 200, when there is no data.
func TestErrorsInSuccess(t *testing.T) {
	g := start(t, responding(respond(200, `{"errors":{"email":["The email field is required."]}}`)))
	for _, c := range g.rpcs(42) {
		f := c.do(t.Context()).failure(t)
		f.mustBe(t, codes.InvalidArgument, pelcrov1.ErrorReason_PELCRO_VALIDATION_FAILED)
		if len(f.violations) != 1 || f.violations[0].GetReason() != "FIELD_REQUIRED" {
			t.Errorf("%s: %v", c.name, f.violations)
		}
	}
	g = start(t, responding(respond(200, `{"error":{"status":409,"message":"Already there."}}`)))
	for _, c := range g.rpcs(42) {
		f := c.do(t.Context()).failure(t)
		f.mustBe(t, codes.Unknown, pelcrov1.ErrorReason_PELCRO_ERROR_IN_SUCCESS)
		if f.metadata["upstreamMessage"] != "Already there." {
			t.Errorf("%s: %v", c.name, f.metadata)
		}
		if c.name == "CreateCustomer" {
			f.mustAdvise(t, "unknown", "-1", 0)
		}
	}
}

// A value that is nested too deep for the protobuf libraries of other languages is text.
func TestDeepNesting(t *testing.T) {
	read := reading(t)
	const depth = 500
	for name, nested := range map[string]string{
		"objects": strings.Repeat(`{"a":`, depth) + `"<x>"` + strings.Repeat(`}`, depth),
		"lists":   strings.Repeat(`[`, depth) + `1e999` + strings.Repeat(`]`, depth),
		"mixed":   strings.Repeat(`[{"a":`, depth/2) + `9007199254740993` + strings.Repeat(`}]`, depth/2),
	} {
		t.Run(name, func(t *testing.T) {
			customer := read(t, `{"id":42,"metadata":{"m":`+nested+`},"organization":{"o":`+nested+`},"addresses":[{"a":`+nested+`}],"e":`+nested+`}`)
			raw, err := proto.Marshal(&pelcrov1.ListCustomersResponse{Customers: []*pelcrov1.Customer{customer}})
			if err != nil {
				t.Fatal(err)
			}
			// C++, Java and Python stop at 100; Go counts map entries, too.
			if err := (proto.UnmarshalOptions{RecursionLimit: 100}).Unmarshal(raw, &pelcrov1.ListCustomersResponse{}); err != nil {
				t.Error(err)
			}
			for place, s := range map[string]*structpb.Struct{
				"metadata": customer.GetMetadata(), "organization": customer.GetOrganization().GetExtra(),
				"addresses": customer.GetAddresses()[0].GetExtra(), "extra": customer.GetExtra(),
			} {
				levels, rest := unwrap(structpb.NewStructValue(s))
				rest = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(rest)
				if want := peel(nested, 29); levels != 30 || rest != want {
					t.Errorf("%s: %d levels, then %s, want %s", place, levels, rest, want)
				}
			}
		})
	}
	flat := `{"id":42,"e":` + strings.Repeat(`[`, 29) + `[]` + strings.Repeat(`]`, 29) + `}`
	if _, rest := unwrap(structpb.NewStructValue(read(t, flat).GetExtra())); rest != "[]" {
		t.Errorf("level 31 is %q", rest)
	}
}

// unwrap follows the only element down to a scalar, and returns the number of levels.
func unwrap(v *structpb.Value) (levels int, scalar string) {
	for ; ; levels++ {
		switch kind := v.GetKind().(type) {
		case *structpb.Value_StructValue:
			for _, v = range kind.StructValue.GetFields() {
				break
			}
		case *structpb.Value_ListValue:
			v = kind.ListValue.GetValues()[0]
		default:
			return levels, v.GetStringValue()
		}
	}
}

// peel removes levels of nesting.
func peel(nested string, levels int) string {
	for range levels {
		nested = strings.TrimPrefix(nested[1:len(nested)-1], `"a":`)
	}
	return nested
}

func TestCompressedResponse(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	w.Write([]byte(`{"data":{"id":42,"email":"a@example.com"}}`))
	w.Close()
	g := start(t, responding(respond(200, packed.String(), "Content-Encoding", "gzip")))
	got := mustSucceed(t, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 42})
	mustEqual(t, got.GetCustomer(), &pelcrov1.Customer{Id: 42, Email: new("a@example.com")})
}

func TestTooLargeResponse(t *testing.T) {
	g := start(t, responding(respond(200, `{"data":{"id":42,"email":"`+strings.Repeat("canary", 8<<20/6)+`"}}`)))
	for _, c := range g.rpcs(42)[1:3] {
		f := c.do(t.Context()).failure(t)
		f.mustBe(t, codes.Internal, pelcrov1.ErrorReason_PELCRO_RESPONSE_TOO_LARGE)
		f.mustHide(t, "canary")
		if c.name == "CreateCustomer" {
			f.mustAdvise(t, "unknown", "-1", 0) // its data was not read
		}
	}
}

// TestTooLargeResponseOrigin: the beginning of a response that is too large shows whether it is Pelcro's.
func TestTooLargeResponseOrigin(t *testing.T) {
	filling := strings.Repeat("x", 5<<20)
	for _, test := range []struct{ name, body, origin, message string }{
		{"customer", `{"data":{"id":42,"first_name":"` + filling + `"}}`, "pelcro", "The response of Pelcro is larger than this service accepts"},
		{"page of a proxy", "<html>" + filling, "intermediary", "The response did not come from the Pelcro API (HTTP 200)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := start(t, responding(respond(200, test.body)))
			f := mustFail(t, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 42})
			f.mustBe(t, codes.Internal, pelcrov1.ErrorReason_PELCRO_RESPONSE_TOO_LARGE)
			if f.metadata["origin"] != test.origin || !strings.Contains(f.text, test.message) {
				t.Errorf("want origin %q and %q, got %s", test.origin, test.message, f.text)
			}
		})
	}
}
