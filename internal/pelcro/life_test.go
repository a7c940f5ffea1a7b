package pelcro_test

import (
	"encoding/json"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// customer is what these tests read of one.
type customer struct {
	ID           int64          `json:"id"`
	Email        *string        `json:"email"`
	FirstName    *string        `json:"first_name"`
	Title        *string        `json:"title"`
	Metadata     map[string]any `json:"metadata"`
	Organization any            `json:"organization"`
}

func read[T any](t *testing.T, raw rawjson.Value) (value T) {
	t.Helper()
	if err := json.Unmarshal([]byte(raw.String()), &value); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return value
}

func must(t *testing.T, received *pelcro.Response, err error) *pelcro.Response {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return received
}

// inSandbox returns a client of a new sandbox.
func inSandbox(t *testing.T) *pelcro.Client {
	t.Helper()
	server := httptest.NewServer(sandbox.New(sandbox.Config{APIKey: canaryKey, SiteID: siteID}))
	t.Cleanup(server.Close)
	return at(t, server.URL+sandbox.BasePath)
}

// TestLife makes all calls of a customer's life against the sandbox, which shares no code with this
// client.
func TestLife(t *testing.T) {
	ctx, client := t.Context(), inSandbox(t)

	received, err := client.CreateCustomer(ctx, 0, map[string]any{
		"email": "new@example.com", "first_name": "Nova", "title": "Dr.",
		"metadata": map[string]any{"color": "green", "plan": "gold"},
	})
	created := read[customer](t, must(t, received, err).JSON.Member("data"))
	if created.ID == 0 || *created.Email != "new@example.com" || created.Metadata["plan"] != "gold" {
		t.Fatalf("created %+v", created)
	}

	// What is not sent is kept, null clears, metadata merges.
	_, err = client.UpdateCustomer(ctx, 0, created.ID, map[string]any{
		"title": nil, "organization": 5002, "metadata": map[string]any{"color": nil, "seats": 3},
	})
	must(t, nil, err)
	received, err = client.GetCustomer(ctx, 0, created.ID, []string{"organization"})
	got := read[customer](t, must(t, received, err).JSON.Member("data"))
	organization, _ := got.Organization.(map[string]any)
	if *got.FirstName != "Nova" || got.Title != nil || organization["name"] != "Café Zürich" ||
		len(got.Metadata) != 2 || got.Metadata["plan"] != "gold" || got.Metadata["seats"] != 3.0 {
		t.Errorf("after the update: %+v", got)
	}

	received, err = client.ListCustomers(ctx, 0, pelcro.ListOptions{
		Page: 1, Limit: 10, Sort: "-id",
		Filters: []pelcro.Filter{
			{Attribute: "email", Operator: "eq", Values: []string{"new@example.com", "nobody@example.com"}},
			{Attribute: "metadata.seats", Operator: "eq", Values: []string{"3"}},
		},
	})
	rows := read[[]customer](t, must(t, received, err).JSON.Member("data"))
	if len(rows) != 1 || rows[0].ID != created.ID {
		t.Errorf("found %+v", rows)
	}

	received, err = client.DeleteCustomer(ctx, 0, created.ID)
	must(t, received, err)
	_, err = client.GetCustomer(ctx, 0, created.ID, nil)
	if gone := response(t, err, 404); len(gone.Body) == 0 {
		t.Errorf("after the delete: %+v", gone)
	}
	_, err = client.DeleteCustomer(ctx, 0, created.ID)
	response(t, err, 404)
}

// TestPages walks through the list in pages of three.
func TestPages(t *testing.T) {
	client := inSandbox(t)
	var ids []int64
	for page := 1; ; page++ {
		received, err := client.ListCustomers(t.Context(), 0, pelcro.ListOptions{Page: page, Limit: 3, Sort: "-id"})
		for _, row := range read[[]struct{ ID int64 }](t, must(t, received, err).JSON.Member("data")) {
			ids = append(ids, row.ID)
		}
		meta := read[map[string]any](t, received.JSON.Member("meta"))
		if meta["current_page"] != float64(page) || meta["total"] != 8.0 {
			t.Errorf("page %d says %v", page, meta)
		}
		if meta["current_page"] == meta["last_page"] {
			break
		}
	}
	if len(ids) != 8 || ids[0] != 1008 || ids[7] != 1001 {
		t.Errorf("got %v", ids)
	}
}

// TestRejections checks what the sandbox rejects: each response arrives with its status, headers and
// body.
func TestRejections(t *testing.T) {
	server := httptest.NewServer(sandbox.New(sandbox.Config{SiteID: siteID}))
	t.Cleanup(server.Close)
	right := func(config *pelcro.Config) { config.APIKey = pelcro.NewSecret(sandbox.DefaultAPIKey) }
	for _, test := range []struct {
		name   string
		err    error
		status int
	}{
		{"wrong key", get(t.Context(), at(t, server.URL+sandbox.BasePath)), 401},
		{"wrong path", get(t.Context(), at(t, server.URL, right)), 404},
		{"wrong site", func() error {
			_, err := at(t, server.URL+sandbox.BasePath, right).GetCustomer(t.Context(), 8, 1001, nil)
			return err
		}(), 403},
		{"invalid", func() error {
			_, err := at(t, server.URL+sandbox.BasePath, right).CreateCustomer(t.Context(), 0, map[string]any{"email": "nope"})
			return err
		}(), 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := response(t, test.err, test.status)
			if failed := failure(t, test.err); !json.Valid(got.Body) || got.Incomplete || got.Header.Get("Content-Type") != "application/json" ||
				failed.Outcome != pelcro.Rejected || failed.Err != nil {
				t.Errorf("got %+v %s", failed, got.Body)
			}
		})
	}
}

// TestScripts asks for the failures that are not proper responses.
func TestScripts(t *testing.T) {
	client := inSandbox(t)
	t.Run("reset", func(t *testing.T) {
		_, err := client.GetCustomer(t.Context(), 0, 601, nil)
		noResponse(t, err, pelcro.ConnectionLost, true)
	})
	t.Run("cut", func(t *testing.T) {
		_, err := client.GetCustomer(t.Context(), 0, 603, nil)
		noResponse(t, err, pelcro.ConnectionLost, true)
	})
	t.Run("HTML", func(t *testing.T) {
		received, err := client.GetCustomer(t.Context(), 0, 604, nil)
		if got := must(t, received, err); got.StatusCode != 200 || !got.JSON.IsZero() || len(got.Body) == 0 {
			t.Errorf("got %+v", got)
		}
	})
}

// TestConcurrency uses one client from many goroutines, for the race detector.
func TestConcurrency(t *testing.T) {
	client := inSandbox(t)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for _, call := range calls[:4] {
				if err := call.do(t.Context(), client); err != nil && call.name != "POST customers" && call.name != "PUT customers/{id}" {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}
