package verify_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/verify"
)

func withWrites(c *verify.Config) { c.Writes = 1 }

// written are the requests after those that only read.
func (u *upstream) written() []string {
	first := slices.IndexFunc(u.requests, func(request string) bool { return !strings.HasPrefix(request, "GET ") })
	if first < 0 {
		return nil
	}
	return u.requests[first:]
}

// Writes create one customer, and delete it.
func TestWrites(t *testing.T) {
	const path = "/api/v1/core/customers"
	u := &upstream{}
	report := check(t, u, withWrites)
	if got := differences(report); got != "" || report.Aborted != "" {
		t.Errorf("differences:\n%s%s", got, report.Aborted)
	}
	want := []string{
		"POST " + path, "GET " + path, "POST " + path, "PUT " + path + "/1009", "DELETE " + path + "/1009", "GET " + path + "/1009",
	}
	if !slices.Equal(u.written(), want) {
		t.Errorf("got %q\nwant %q", u.written(), want)
	}
	if last := report.Features[len(report.Features)-1]; last.Name != "writes" || last.State != verify.Works {
		t.Errorf("%+v", last)
	}
	mustFit(t, text(t, report))
}

func TestDifferentWrites(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*http.Request, *httptest.ResponseRecorder)
		want   string
	}{
		{
			"a create is rejected",
			func(r *http.Request, response *httptest.ResponseRecorder) {
				if r.Method == http.MethodPost {
					replace(response, 403, `{"message": "This action is unauthorized."}`)
				}
			}, `
a new customer: a customer cannot be created: HTTP 403, PELCRO_PERMISSION_DENIED
  writes fails: CreateCustomer fails
`,
		},
		{
			"the request_id cannot be found",
			func(r *http.Request, response *httptest.ResponseRecorder) {
				if strings.Contains(r.URL.RawQuery, "grpc_request_id") {
					edit(response, func(body map[string]any) { body["data"] = []any{} })
				}
			}, `
the new customer by request_id: the new customer is not found by its request_id
  request_id fails: a create is never repeated: its outcome stays unknown
`,
		},
		{
			"another text of a taken email",
			func(r *http.Request, response *httptest.ResponseRecorder) {
				if r.Method == http.MethodPost && response.Code == 400 {
					replace(response, 400, `{"errors": {"email": ["Déjà vu."]}}`)
				}
			}, `
the same customer again: an email that is taken is HTTP 400, PELCRO_VALIDATION_FAILED
  writes limited: callers do not get FIELD_ALREADY_TAKEN for customer.email
`,
		},
		{
			"nulls are ignored",
			func(r *http.Request, response *httptest.ResponseRecorder) {
				if r.Method == http.MethodPut {
					edit(response, func(body map[string]any) {
						data := body["data"].(map[string]any)
						data["first_name"] = "Pelcro-grpc"
						data["metadata"].(map[string]any)["removed"] = "removed"
					})
				}
			}, `
a changed customer: null does not clear a name
  writes limited: UpdateCustomer cannot clear fields
a changed customer: null does not remove a key of metadata
  writes limited: UpdateCustomer cannot remove keys
`,
		},
		{
			"a put replaces everything",
			func(r *http.Request, response *httptest.ResponseRecorder) {
				if r.Method == http.MethodPut {
					edit(response, func(body map[string]any) {
						data := body["data"].(map[string]any)
						data["last_name"] = nil
						delete(data["metadata"].(map[string]any), "kept")
					})
				}
			}, `
a changed customer: metadata is not merged
  writes limited: UpdateCustomer replaces all metadata
a changed customer: attributes that are not sent are changed
  writes fails: UpdateCustomer clears what it does not name
`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := &upstream{change: test.change}
			report := check(t, u, withWrites)
			if got, want := differences(report), strings.TrimPrefix(test.want, "\n"); got != want {
				t.Errorf("differences:\n%s\nwant:\n%s", got, want)
			}
			deleted := slices.ContainsFunc(u.requests, func(request string) bool { return strings.HasPrefix(request, "DELETE ") })
			if created := report.Requests[len(report.Requests)-1].Name != "a new customer"; deleted != created {
				t.Errorf("deleted: %v, created: %v", deleted, created)
			}
			mustFit(t, text(t, report))
		})
	}
	// What a sandbox creates is gone afterwards, also when the same email makes a second customer.
	t.Run("the same email twice", func(t *testing.T) {
		posts := 0
		u := &upstream{change: func(r *http.Request, response *httptest.ResponseRecorder) {
			if r.Method == http.MethodPost {
				if posts++; posts == 2 {
					replace(response, 201, `{"data": {"id": 1001, "email": "second@example.com"}}`)
				}
			}
		}}
		report := check(t, u, withWrites)
		if got := differences(report); !strings.Contains(got, "a second customer with the same email is created") {
			t.Errorf("differences:\n%s", got)
		}
		for _, want := range []string{"DELETE /api/v1/core/customers/1001", "DELETE /api/v1/core/customers/1009"} {
			if !slices.Contains(u.requests, want) {
				t.Errorf("no %s in %q", want, u.requests)
			}
		}
	})
}
