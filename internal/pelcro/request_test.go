package pelcro_test

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// seen is a request as a server sees it.
type seen struct {
	method, uri, body string
	header            http.Header
}

// TestRequests checks each request to the byte.
func TestRequests(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(context.Context, *pelcro.Client) (*pelcro.Response, error)
		want string // method, URI, body
	}{
		{"get", func(ctx context.Context, c *pelcro.Client) (*pelcro.Response, error) {
			return c.GetCustomer(ctx, 0, 42, nil)
		}, "GET /api/v1/core/customers/42?site_id=7 "},
		{"get with relations and a site", func(ctx context.Context, c *pelcro.Client) (*pelcro.Response, error) {
			return c.GetCustomer(ctx, 9, 42, []string{"organization", "defaultSource"})
		}, "GET /api/v1/core/customers/42?expand=organization%2CdefaultSource&site_id=9 "},
		{"list", func(ctx context.Context, c *pelcro.Client) (*pelcro.Response, error) {
			return c.ListCustomers(ctx, 0, pelcro.ListOptions{Page: 2, Limit: 100, Sort: "-email"})
		}, "GET /api/v1/core/customers?limit=100&page=2&site_id=7&sort=-email "},
		{"list with everything", func(ctx context.Context, c *pelcro.Client) (*pelcro.Response, error) {
			return c.ListCustomers(ctx, 9, pelcro.ListOptions{
				Page: 1, Limit: 10, Sort: "id",
				Filters: []pelcro.Filter{
					{Attribute: "email", Operator: "eq", Values: []string{"a+b@example.com", "c&d"}},
					{Attribute: "metadata.color", Operator: "or:like", Values: []string{"grün"}},
				},
				Expand: []string{"addresses"},
			})
		}, "GET /api/v1/core/customers?expand=addresses" +
			"&filter%5Bemail%5D=eq%3Aa%2Bb%40example.com%2Cc%26d" +
			"&filter%5Bmetadata.color%5D=or%3Alike%3Agr%C3%BCn" +
			"&limit=10&page=1&site_id=9&sort=id "},
		{"create", func(ctx context.Context, c *pelcro.Client) (*pelcro.Response, error) {
			return c.CreateCustomer(ctx, 0, map[string]any{"email": "a@example.com", "tele_marketing": false, "organization": int64(1 << 60)})
		}, `POST /api/v1/core/customers?site_id=7 {"email":"a@example.com","organization":1152921504606846976,"tele_marketing":false}`},
		{"create of nothing", func(ctx context.Context, c *pelcro.Client) (*pelcro.Response, error) {
			return c.CreateCustomer(ctx, 9, map[string]any{})
		}, `POST /api/v1/core/customers?site_id=9 {}`},
		{"update, with null and metadata", func(ctx context.Context, c *pelcro.Client) (*pelcro.Response, error) {
			return c.UpdateCustomer(ctx, 0, 42, map[string]any{"title": nil, "metadata": map[string]any{"a": nil, "b": 1.5}})
		}, `PUT /api/v1/core/customers/42?site_id=7 {"metadata":{"a":null,"b":1.5},"title":null}`},
		{"delete", func(ctx context.Context, c *pelcro.Client) (*pelcro.Response, error) {
			return c.DeleteCustomer(ctx, 0, 42)
		}, "DELETE /api/v1/core/customers/42?site_id=7 "},
		{"delete at a site", func(ctx context.Context, c *pelcro.Client) (*pelcro.Response, error) {
			return c.DeleteCustomer(ctx, 9, 42)
		}, "DELETE /api/v1/core/customers/42?site_id=9 "},
	} {
		for _, protocol := range protocols {
			t.Run(test.name+" over "+protocol.name, func(t *testing.T) {
				requests := make(chan seen, 10)
				client := protocol.start(t, func(w http.ResponseWriter, r *http.Request) {
					body, err := io.ReadAll(r.Body)
					if err != nil || r.Proto != "HTTP/1.1" {
						t.Errorf("%s: %v", r.Proto, err)
					}
					requests <- seen{r.Method, r.RequestURI, string(body), r.Header}
					if r.Method != http.MethodDelete {
						_, _ = io.WriteString(w, ` {"data": {"id": 42}, "meta": {"total": 1}} `)
					}
				})
				received, err := test.do(t.Context(), client)
				if err != nil {
					t.Fatal(err)
				}
				if meta := received.JSON.Member("meta"); len(received.Body) > 0 && (received.JSON.Member("data").String() != `{"id": 42}` || meta.String() != `{"total": 1}`) {
					t.Errorf("data %s, meta %s", received.JSON.Member("data"), meta)
				}
				if len(requests) != 1 {
					t.Fatalf("%d requests", len(requests))
				}
				(<-requests).mustBe(t, test.want)
			})
		}
	}
}

// mustBe compares the request with its method, URI and body in one text, and the headers with those
// of every request.
func (s seen) mustBe(t *testing.T, want string) {
	t.Helper()
	if got := s.method + " " + s.uri + " " + s.body; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	header := http.Header{
		"Accept":          {"application/json"},
		"Accept-Encoding": {"gzip"},
		"Authorization":   {"Bearer " + canaryKey},
		"User-Agent":      {"pelcro-grpc/test"},
	}
	if s.body != "" {
		header["Content-Type"] = []string{"application/json"}
		header["Content-Length"] = []string{strconv.Itoa(len(s.body))}
	}
	if !reflect.DeepEqual(s.header, header) {
		t.Errorf("headers %v, want %v", s.header, header)
	}
}

// TestLanguage: Accept-Language is sent only if it is configured.
func TestLanguage(t *testing.T) {
	for _, language := range []string{"", "en"} {
		transport := &scripted{attempts: []attempt{func(r *http.Request) (*http.Response, error) {
			if _, sent := r.Header["Accept-Language"]; sent != (language != "") || r.Header.Get("Accept-Language") != language {
				t.Errorf("%q: headers %v", language, r.Header)
			}
			return responds(200)(r)
		}}}
		if err := get(t.Context(), transport.client(t, func(c *pelcro.Config) { c.Language = language })); err != nil {
			t.Error(err)
		}
	}
}
