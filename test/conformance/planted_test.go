package conformance_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/vectors"
)

// recorder is a test that may fail.
type recorder struct {
	testing.TB

	failed bool
}

func (*recorder) Helper()                 {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

// right is an answer that the vector expects, as far as the vector says.
func right(e expected, call request) answer {
	want := e.vector.Expect
	a := answer{
		Name: call.Name, Code: want.Code, Message: "Pelcro refused it: " + want.MessageHas,
		Domain: "pelcro-grpc", Reason: want.Reason,
		Metadata: map[string]string{
			"httpStatus": strconv.Itoa(e.vector.Response.Status),
			"operation":  call.Operation, "upstreamMessage": "x",
		},
		Quota: e.quota(), Resource: e.resource, RequestID: "r-1", ErrorReason: want.Reason, Pushback: e.pushback(),
		DetailTypes: []string{"google.rpc.ErrorInfo"},
	}
	for _, v := range want.Violations {
		a.Violations = append(a.Violations, violation(v))
	}
	if len(a.Violations) > 0 {
		a.DetailTypes = append(a.DetailTypes, "google.rpc.BadRequest")
	}
	if want.RetryDelaySeconds > 0 {
		a.RetryDelaySeconds = &want.RetryDelaySeconds
		a.DetailTypes = append(a.DetailTypes, "google.rpc.RetryInfo")
	}
	if a.Quota != nil {
		a.DetailTypes = append(a.DetailTypes, "google.rpc.QuotaFailure")
	}
	if a.Resource != "" {
		a.DetailTypes = append(a.DetailTypes, "google.rpc.ResourceInfo")
	}
	a.DetailTypes = append(a.DetailTypes, "google.rpc.RequestInfo")
	return a
}

// TestPlanted: one wrong detail in an answer, and the comparator fails. So it does
// for each language, because there is one comparator.
func TestPlanted(t *testing.T) {
	all := vectors.Read(t, vectorFiles)
	calls := requests(all)
	find := func(name string) (expected, request) {
		n := slices.IndexFunc(all, func(v vectors.Vector) bool { return v.Name == name })
		if n < 0 {
			t.Fatalf("no vector %s", name)
		}
		return expect(all[n], calls[n]), calls[n]
	}
	plant := func(vector, name string, fault func(a *answer, attempts *int)) {
		t.Run(vector+"/"+name, func(t *testing.T) {
			e, call := find(vector)
			a, attempts := right(e, call), e.attempts
			e.check(t, a, attempts)
			a.mustBeLike(t, right(e, call))
			a.Metadata, a.Violations = maps.Clone(a.Metadata), slices.Clone(a.Violations)
			fault(&a, &attempts)
			r := &recorder{TB: t}
			e.check(r, a, attempts)
			a.mustBeLike(r, right(e, call))
			if !r.failed {
				t.Errorf("nobody noticed: %+v", a)
			}
		})
	}
	const fields, limited, missing = "laravel-create-bad-email", "laravel-throttled", "laravel-missing-model"
	for _, vector := range []string{fields, limited, missing} {
		plant(vector, "code", func(a *answer, _ *int) { a.Code = "INTERNAL" })
		plant(vector, "message", func(a *answer, _ *int) { a.Message = "other" })
		plant(vector, "message too long", func(a *answer, _ *int) { a.Message += strings.Repeat("x", 256) })
		plant(vector, "message not UTF-8", func(a *answer, _ *int) { a.Message += "\xff" })
		plant(vector, "leak", func(a *answer, _ *int) { a.Metadata["upstreamMessage"] = apiKey })
		plant(vector, "domain", func(a *answer, _ *int) { a.Domain = "pelcro" })
		plant(vector, "reason", func(a *answer, _ *int) { a.Reason = "PELCRO_CONFLICT" })
		plant(vector, "metadata", func(a *answer, _ *int) { a.Metadata["httpStatus"] = "418" })
		plant(vector, "operation", func(a *answer, _ *int) { a.Metadata["operation"] = "Get" })
		plant(vector, "metadata lost", func(a *answer, _ *int) { delete(a.Metadata, "upstreamMessage") })
		plant(vector, "metadata not UTF-8", func(a *answer, _ *int) { a.Metadata["upstreamMessage"] = "\xff" })
		plant(vector, "request id", func(a *answer, _ *int) { a.RequestID = "" })
		plant(vector, "x-error-reason", func(a *answer, _ *int) { a.ErrorReason = "" })
		plant(vector, "pushback", func(a *answer, _ *int) { a.Pushback = "7" })
		plant(vector, "delay", func(a *answer, _ *int) { a.RetryDelaySeconds = new(7.0) })
		plant(vector, "quota", func(a *answer, _ *int) { a.Quota = new(int64(7)) })
		plant(vector, "resource", func(a *answer, _ *int) { a.Resource = "7" })
		plant(vector, "detail lost", func(a *answer, _ *int) { a.DetailTypes = a.DetailTypes[1:] })
		plant(vector, "detail too many", func(a *answer, _ *int) { a.DetailTypes = append(a.DetailTypes, "google.rpc.Help") })
		plant(vector, "violation too many", func(a *answer, _ *int) { a.Violations = append(a.Violations, violation{"a", "b", "c"}) })
		plant(vector, "repeated", func(_ *answer, attempts *int) { *attempts++ })
	}
	plant(fields, "field", func(a *answer, _ *int) { a.Violations[0].Field = "email" })
	plant(fields, "description", func(a *answer, _ *int) { a.Violations[0].Description = "x" })
	plant(fields, "violation's reason", func(a *answer, _ *int) { a.Violations[0].Reason = "FIELD_REQUIRED" })
	plant(fields, "violation lost", func(a *answer, _ *int) { a.Violations = a.Violations[1:] })
	plant(limited, "delay lost", func(a *answer, _ *int) { a.RetryDelaySeconds = nil })
	plant(limited, "quota lost", func(a *answer, _ *int) { a.Quota = nil })
	plant(missing, "resource lost", func(a *answer, _ *int) { a.Resource = "" })
}

// Each call asks for its own vector.
func TestAskedFor(t *testing.T) {
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
		if got := askedFor(path, query, body); got != n {
			t.Errorf("%s asks for %d, want %d", call.Name, got, n)
		}
	}
	if got := askedFor("/api/v1/core/customers", "site_id=1", "{}"); got != -1 {
		t.Errorf("nothing asks for %d", got)
	}
}
