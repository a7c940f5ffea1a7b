package sandbox_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

const seedFile = `{
  "now": "2026-01-15T12:00:00Z",
  "customers": [
    {"id": 2001, "email": "reader@example.com", "first_name": "Rea", "metadata": {"plan": "gold", "big": 9007199254740993},
     "has_password": true, "organization": 5001,
     "addresses": [{"id": 1, "line1": "1 Main St", "country": "US"}],
     "sources": [{"id": 7, "brand": "Visa", "last4": "4242"}], "default_source_id": 7,
     "subscriptions": [{"id": 9, "status": "active"}]},
    {"email": "second@example.com", "created_at": 1700000000}
  ]
}`

// TestSeed: a sandbox begins with the customers of the file only, and its changes have the file's
// time, so that two sandboxes give equal responses to equal requests, whenever they run.
func TestSeed(t *testing.T) {
	var first string
	for _, began := range []int64{1800000000, 1900000000} {
		seed, err := sandbox.ReadSeed([]byte(seedFile))
		if err != nil {
			t.Fatal(err)
		}
		c := start(t, sandbox.Config{Seed: seed, Now: func() time.Time { return time.Unix(began, 0) }})
		mustHave(t, c.call("GET", "customers/2001?expand=addresses,defaultSource,organization,subscriptions", "").data(), map[string]any{
			"id": 2001.0, "email": "reader@example.com", "name": "Rea", "has_password": 1.0, "created_at": 1704067200.0,
		})
		mustHave(t, c.call("GET", "customers/2002", "").data(), map[string]any{"email": "second@example.com", "created_at": 1700000000.0, "updated_at": 1700000000.0})
		if missing := c.call("GET", "customers/1001", ""); missing.status != http.StatusNotFound {
			t.Errorf("customer 1001: %d", missing.status)
		}
		mustHave(t, c.call("PUT", "customers/2002", `{"title":"Dr."}`).data(), map[string]any{"created_at": 1700000000.0, "updated_at": 1768478400.0})
		created := c.call("POST", "customers", `{"email":"new@example.com"}`)
		mustHave(t, created.data(), map[string]any{"id": 2003.0, "created_at": 1768478400.0, "updated_at": 1768478400.0})
		if taken := c.call("POST", "customers", `{"email":"READER@example.com"}`); taken.status != http.StatusBadRequest {
			t.Errorf("a taken email: %d %s", taken.status, taken.body)
		}
		got := created.body + c.call("GET", "customers/2001", "").body + c.call("GET", "customers/2002", "").body
		if first == "" {
			first = got
		}
		if got != first {
			t.Errorf("differs from the first run:\n%s\n%s", got, first)
		}
	}
}

// TestSeedProblems: each invalid seed is explained.
func TestSeedProblems(t *testing.T) {
	for _, test := range []struct{ name, file, want string }{
		{"no JSON", "id: 1", `is not the JSON of fixtures (invalid character 'i' looking for beginning of value); write {"customers": [{"email": "reader@example.com"}]}`},
		{"empty", "", `is not the JSON of fixtures (EOF); write {"customers": [{"email": "reader@example.com"}]}`},
		{"an unknown attribute", `{"customers": [{"mail": "a"}]}`, `is not the JSON of fixtures (unknown field "mail"); write {"customers": [{"email": "reader@example.com"}]}`},
		{"two values", "{} {}", "goes on after the JSON of fixtures; write one object"},
		{"a failure's id", `{"customers": [{"id": 404}]}`, "customer 1 has the id 404, which is kept for failures on request; use one from 1001 on"},
		{"a negative id", `{"customers": [{"id": -1}]}`, "customer 1 has a negative id; leave it out, or write one from 1001 on"},
		{
			"everything", `{"customers": [{"id": 2001, "email": "a@example.com"}, {"id": 2001}, {"email": "A@example.com"}, {"organization": 1}]}`,
			"customer 2 has the id 2001 of an earlier one; ids must differ\n" +
				"customer 3 has the email of an earlier one; no two customers may share it\n" +
				"customer 4 has an organization that does not exist; use 5001 or 5002",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := sandbox.ReadSeed([]byte(test.file)); err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
	if _, err := sandbox.ReadSeed([]byte(`{"customers": []}`)); err != nil {
		t.Error(err)
	}
}
