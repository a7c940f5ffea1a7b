package server_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// A misconfigured upstream may contain the API key in any of its texts.
func TestKeyInErrors(t *testing.T) {
	const canary = "canary/key-4711"
	with := func(s *setup) { s.pelcro.APIKey = pelcro.NewSecret(canary) }
	for _, key := range []string{canary, strings.ReplaceAll(canary, "/", `\/`)} {
		for _, body := range []string{
			`{"message":"The key ` + key + ` is not valid"}`,
			`{"error":{"message":"` + key + `"}}`,
			`{"errors":{"email":["The key ` + key + ` is not valid"]}}`,
			`{"errors":{"` + key + `":["Not valid."]}}`,
			`{"errors":["` + key + `"]}`,
		} {
			for _, status := range []int{200, 400, 401, 409} {
				g := start(t, respondingWith(respond(status, body)), with)
				for _, c := range g.calls(42) {
					a := c.do(t.Context())
					if a.err == nil {
						continue // a delete that was done
					}
					f := a.failure(t)
					f.mustHide(t, canary, key)
				}
				if log := g.log.rest(); strings.Contains(log, canary) {
					t.Errorf("logged: %s", log)
				}
			}
		}
	}
}

// The exact key counts, with or without a byte order mark.
func TestEnvelope(t *testing.T) {
	for _, test := range []struct{ name, body, reason string }{
		{"byte order mark", "\xef\xbb\xbf" + `{"data":{"id":42}}`, ""},
		{"another key besides", `{"data":{"id":42},"DATA":null}`, ""},
		{"another case", `{"Data":{"id":42}}`, "PELCRO_MALFORMED_RESPONSE"},
		{"another case with field errors", `{"Data":{"id":42},"errors":{"email":["x"]}}`, "PELCRO_VALIDATION_FAILED"},
		{"large, with field errors", `{"note":"` + strings.Repeat("x", 300<<10) + `","errors":{"email":["x"]}}`, "PELCRO_VALIDATION_FAILED"},
		{"large, with an error", `{"note":"` + strings.Repeat("x", 300<<10) + `","error":"x"}`, "PELCRO_ERROR_IN_SUCCESS"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := start(t, respondingWith(respond(200, test.body)))
			a := g.calls(42)[0].do(t.Context())
			if test.reason == "" {
				if a.err != nil {
					t.Error(a.err)
				}
			} else if f := a.failure(t); f.reason != test.reason {
				t.Errorf("%s: %s", f.reason, f.message)
			}
		})
	}
}

// A success that cannot be decompressed proves nothing.
func TestBrokenCompression(t *testing.T) {
	upstream := respond(200, "canary canary canary", "Content-Encoding", "gzip")
	g := start(t, respondingWith(upstream))
	for _, c := range g.calls(42) {
		f := c.do(t.Context()).failure(t)
		f.mustBe(t, codes.Internal, pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE)
		if c.name == "CreateCustomer" {
			f.mustAdvise(t, "unknown", "-1", 0)
		}
	}
}

// However much is wrong with a request, it makes one line of bounded length.
func TestVeryInvalidRequest(t *testing.T) {
	g := start(t, http.NotFoundHandler())
	expand := make([]pelcrov1.CustomerRelation, 19_998) // with the id and the list the most fields that a request may have
	_, a := call(t.Context(), g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 42, Expand: expand})
	f := a.failure(t)
	f.mustBe(t, codes.InvalidArgument, pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST)
	omitted, err := strconv.Atoi(f.metadata["violationsOmitted"])
	if err != nil || omitted+len(f.violations) != len(expand) {
		t.Errorf("%d violations and %s omitted", len(f.violations), f.metadata["violationsOmitted"])
	}
	if cause := g.log.call(t).text("cause"); len(cause) > 1000 {
		t.Errorf("%d bytes are logged", len(cause))
	}
}
