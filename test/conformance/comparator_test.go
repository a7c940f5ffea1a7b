package conformance_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/test/vectors"
)

// recorder is a test that may fail.
type recorder struct {
	testing.TB

	failed bool
}

func (*recorder) Helper()                 {}
func (r *recorder) Error(...any)          { r.failed = true }
func (r *recorder) Errorf(string, ...any) { r.failed = true }

// correct is a response that the vector expects.
func correct(e expected, call request) response {
	want := e.vector.Expect
	r := response{
		Name: call.Name, Code: want.Code, Message: "Pelcro rejected the request: " + want.MessageHas,
		Domain: "pelcro-grpc", Reason: want.Reason,
		Metadata: map[string]string{
			"httpStatus": strconv.Itoa(e.vector.Response.Status),
			"operation":  call.Operation, "upstreamMessage": "x", "origin": "pelcro", "outcome": want.Outcome,
		},
		Precondition: e.precondition(), Quota: e.quota(), Resource: e.resource, RequestID: "r-1",
		ErrorReason: want.Reason, Pushback: e.pushback, DetailTypes: e.detailTypes(),
	}
	if call.Operation == "CreateCustomer" && want.Outcome == "" {
		r.Metadata["outcome"] = "rejected"
	}
	for _, v := range want.Violations {
		r.Violations = append(r.Violations, violation(v))
	}
	if want.RetryDelaySeconds > 0 {
		r.RetryDelaySeconds = &want.RetryDelaySeconds
	}
	return r
}

// TestComparator changes one detail of a correct response: the comparator must fail.
// Every language has the same comparator.
func TestComparator(t *testing.T) {
	all := vectors.Read(t, vectorFiles)
	calls := requests(all)
	find := func(name string) (expected, request) {
		n := slices.IndexFunc(all, func(v vectors.Vector) bool { return v.Name == name })
		if n < 0 {
			t.Fatalf("no vector %s", name)
		}
		return expect(t, all[n], calls[n]), calls[n]
	}
	test := func(vector, name string, change func(r *response, attempts *int)) {
		t.Run(vector+"/"+name, func(t *testing.T) {
			e, call := find(vector)
			r, attempts := correct(e, call), e.attempts
			e.check(t, r, attempts)
			r.mustMatch(t, correct(e, call))
			r.Metadata, r.Violations = maps.Clone(r.Metadata), slices.Clone(r.Violations)
			change(&r, &attempts)
			rec := &recorder{TB: t}
			e.check(rec, r, attempts)
			r.mustMatch(rec, correct(e, call))
			if !rec.failed {
				t.Errorf("the comparator accepts %+v", r)
			}
		})
	}
	const fields, limited, missing = "laravel-create-bad-email", "laravel-throttled", "laravel-missing-model"
	for _, vector := range []string{fields, limited, missing} {
		test(vector, "code", func(r *response, _ *int) { r.Code = "INTERNAL" })
		test(vector, "message", func(r *response, _ *int) { r.Message = "other" })
		test(vector, "message too long", func(r *response, _ *int) { r.Message += strings.Repeat("x", 256) })
		test(vector, "message not UTF-8", func(r *response, _ *int) { r.Message += "\xff" })
		test(vector, "leak", func(r *response, _ *int) { r.Metadata["upstreamMessage"] = apiKey })
		test(vector, "domain", func(r *response, _ *int) { r.Domain = "pelcro" })
		test(vector, "reason", func(r *response, _ *int) { r.Reason = "PELCRO_CONFLICT" })
		test(vector, "metadata", func(r *response, _ *int) { r.Metadata["httpStatus"] = "418" })
		test(vector, "operation", func(r *response, _ *int) { r.Metadata["operation"] = "Get" })
		test(vector, "origin", func(r *response, _ *int) { r.Metadata["origin"] = "" })
		test(vector, "metadata lost", func(r *response, _ *int) { delete(r.Metadata, "upstreamMessage") })
		test(vector, "metadata not UTF-8", func(r *response, _ *int) { r.Metadata["upstreamMessage"] = "\xff" })
		test(vector, "request id", func(r *response, _ *int) { r.RequestID = "" })
		test(vector, "x-error-reason", func(r *response, _ *int) { r.ErrorReason = "" })
		test(vector, "pushback", func(r *response, _ *int) { r.Pushback = "7" })
		test(vector, "delay", func(r *response, _ *int) { r.RetryDelaySeconds = new(7.0) })
		test(vector, "quota", func(r *response, _ *int) { r.Quota = new(int64(7)) })
		test(vector, "precondition", func(r *response, _ *int) { r.Precondition = "OTHER" })
		test(vector, "resource", func(r *response, _ *int) { r.Resource = "7" })
		test(vector, "missing detail", func(r *response, _ *int) { r.DetailTypes = r.DetailTypes[1:] })
		test(vector, "additional detail", func(r *response, _ *int) { r.DetailTypes = append(r.DetailTypes, "google.rpc.Help") })
		test(vector, "additional violation", func(r *response, _ *int) { r.Violations = append(r.Violations, violation{"a", "b", "c"}) })
		test(vector, "additional attempt", func(_ *response, attempts *int) { *attempts++ })
	}
	test(fields, "field", func(r *response, _ *int) { r.Violations[0].Field = "email" })
	test(fields, "description", func(r *response, _ *int) { r.Violations[0].Description = "x" })
	test(fields, "violation's reason", func(r *response, _ *int) { r.Violations[0].Reason = "FIELD_REQUIRED" })
	test(fields, "missing violation", func(r *response, _ *int) { r.Violations = r.Violations[1:] })
	test(fields, "missing outcome", func(r *response, _ *int) { r.Metadata["outcome"] = "" })
	test(limited, "missing delay", func(r *response, _ *int) { r.RetryDelaySeconds = nil })
	test(limited, "missing quota", func(r *response, _ *int) { r.Quota = nil })
	test(missing, "missing resource", func(r *response, _ *int) { r.Resource = "" })
	const unknown, payment = "public-503-varnish-create", "laravel-abort-402"
	test(unknown, "outcome", func(r *response, _ *int) { r.Metadata["outcome"] = "rejected" })
	test(payment, "missing precondition", func(r *response, _ *int) { r.Precondition = "" })
}

// TestExpectedAttempts follows the published service config: reads are retried as long
// as the delay fits the deadline, writes are not.
func TestExpectedAttempts(t *testing.T) {
	for _, test := range []struct {
		name, method string
		want         vectors.Expect
		attempts     int
		pushback     string
	}{
		{"no delay", "GetCustomer", vectors.Expect{Code: "UNAVAILABLE"}, 3, ""},
		{"short delay", "GetCustomer", vectors.Expect{Code: "UNAVAILABLE", RetryDelaySeconds: 1}, 3, "1000"},
		{"short delay, rate limit", "ListCustomers", vectors.Expect{Code: "RESOURCE_EXHAUSTED", RetryDelaySeconds: 1}, 3, "1000"},
		{"a delay that fits once", "GetCustomer", vectors.Expect{Code: "UNAVAILABLE", RetryDelaySeconds: 5}, 2, "-1"},
		{"a delay beyond the deadline", "ListCustomers", vectors.Expect{Code: "UNAVAILABLE", RetryDelaySeconds: 30}, 1, "-1"},
		{"forbidden", "GetCustomer", vectors.Expect{Code: "RESOURCE_EXHAUSTED", RetryDelaySeconds: 1, Pushback: "-1"}, 1, "-1"},
		{"another code", "GetCustomer", vectors.Expect{Code: "INTERNAL"}, 1, ""},
		{"a write", "UpdateCustomer", vectors.Expect{Code: "UNAVAILABLE"}, 1, ""},
		{"a create", "CreateCustomer", vectors.Expect{Code: "UNAVAILABLE", RetryDelaySeconds: 5}, 1, "5000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			attempts, pushback := policyOf(t, test.method).retry(test.want)
			equal(t, "attempts", attempts, test.attempts)
			equal(t, "pushback", pushback, test.pushback)
		})
	}
}

// Each call identifies its own vector.
func TestRequestedVector(t *testing.T) {
	for n, call := range requests(vectors.Read(t, vectorFiles)) {
		path, query, body := "/api/v1/core/customers", "site_id=1", ""
		switch {
		case call.ID != 0:
			path += "/" + number(&call.ID)
		case call.Operation == "ListCustomers":
			query += "&filter[email]=eq:" + call.Email
		default:
			body = `{"email":"` + call.Email + `"}`
		}
		if got := requestedVector(path, query, body); got != n {
			t.Errorf("%s identifies %d, want %d", call.Name, got, n)
		}
	}
	if got := requestedVector("/api/v1/core/customers", "site_id=1", "{}"); got != -1 {
		t.Errorf("a request without id and email identifies %d", got)
	}
}
