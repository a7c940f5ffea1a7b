package customers_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

func TestPageToken(t *testing.T) {
	pelcro := responding(numbered(100, func(int, int) string { return "" }))
	g := start(t, pelcro)
	first := &pelcrov1.ListCustomersRequest{
		PageSize: 5, OrderBy: "email desc", Expand: []pelcrov1.CustomerRelation{pelcrov1.CustomerRelation_CUSTOMER_RELATION_ADDRESSES}, SiteId: new(int32(9)),
		Filters: []*pelcrov1.CustomerFilter{{Attribute: "email", Values: []string{"a"}}},
	}
	first.PageToken = mustSucceed(t, g.customers.ListCustomers, first).GetNextPageToken()
	want := pelcro.received()[0].line
	for _, test := range []struct {
		name   string
		change func(*pelcrov1.ListCustomersRequest)
		field  string // of the violation, none if accepted
		reason string
	}{
		{"unchanged", func(*pelcrov1.ListCustomersRequest) {}, "", ""},
		{"page_size left out", func(r *pelcrov1.ListCustomersRequest) { r.PageSize = 0 }, "", ""},
		{"page_size grows", func(r *pelcrov1.ListCustomersRequest) { r.PageSize = 6 }, "", ""},
		{"page_size beyond the maximum", func(r *pelcrov1.ListCustomersRequest) { r.PageSize = 1000 }, "", ""},
		{"page_size shrinks", func(r *pelcrov1.ListCustomersRequest) { r.PageSize = 4 }, "page_size", "FIELD_OUT_OF_RANGE"},
		{"page_size negative", func(r *pelcrov1.ListCustomersRequest) { r.PageSize = -1 }, "page_size", "FIELD_OUT_OF_RANGE"},
		{"other order", func(r *pelcrov1.ListCustomersRequest) { r.OrderBy = "email" }, "page_token", "FIELD_INVALID_VALUE"},
		{"no order", func(r *pelcrov1.ListCustomersRequest) { r.OrderBy = "" }, "page_token", "FIELD_INVALID_VALUE"},
		{"other relations", func(r *pelcrov1.ListCustomersRequest) { r.Expand = nil }, "page_token", "FIELD_INVALID_VALUE"},
		{"other site", func(r *pelcrov1.ListCustomersRequest) { r.SiteId = new(int32(8)) }, "page_token", "FIELD_INVALID_VALUE"},
		{"no site", func(r *pelcrov1.ListCustomersRequest) { r.SiteId = nil }, "page_token", "FIELD_INVALID_VALUE"},
		{"no filter", func(r *pelcrov1.ListCustomersRequest) { r.Filters = nil }, "page_token", "FIELD_INVALID_VALUE"},
		{"other value", func(r *pelcrov1.ListCustomersRequest) { r.Filters[0].Values[0] = "b" }, "page_token", "FIELD_INVALID_VALUE"},
		{"other operator", func(r *pelcrov1.ListCustomersRequest) { r.Filters[0].OrWithOthers = true }, "page_token", "FIELD_INVALID_VALUE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := len(pelcro.received())
			req := proto.CloneOf(first)
			test.change(req)
			if test.field != "" {
				f := mustFail(t, g.customers.ListCustomers, req)
				f.mustViolate(t, violation{test.field, test.reason})
				pelcro.mustHaveReceived(t, before)
				return
			}
			got := ids(mustSucceed(t, g.customers.ListCustomers, req))
			line := pelcro.received()[before].line
			if !slices.Equal(got, []int64{6, 7, 8, 9, 10}) || line != strings.Replace(want, "page=1", "page=2", 1) {
				t.Errorf("%v %s", got, line)
			}
		})
	}
}

// A token is not readable, and only the text that the service wrote is accepted.
func TestInvalidTokens(t *testing.T) {
	pelcro := responding(numbered(100, func(int, int) string { return "" }))
	g := start(t, pelcro)
	good := mustSucceed(t, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{}).GetNextPageToken()
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil || utf8.Valid(raw) {
		t.Fatalf("the token %q is %q, %v", good, raw, err)
	}
	tokens := []string{"x", "%", "2", " ", good[1:], good[:len(good)-1], good + "=", good + "A", good + good, good + "\n", strings.ToUpper(good), "🚲"}
	for i := range raw { // any other byte, and any other length
		changed := slices.Clone(raw)
		changed[i] ^= 1
		tokens = append(tokens, base64.RawURLEncoding.EncodeToString(changed), base64.RawURLEncoding.EncodeToString(raw[:max(1, i)]))
	}
	for _, token := range tokens {
		f := mustFail(t, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{PageToken: token})
		f.mustViolate(t, violation{"page_token", "FIELD_INVALID_FORMAT"})
	}
	pelcro.mustHaveReceived(t, 1)
}

// Replicas share no key: each reads the tokens of the others, if they have the same site.
func TestTokenOfAnotherReplica(t *testing.T) {
	list := numbered(100, func(int, int) string { return "" })
	g, other := start(t, list), start(t, list)
	first := &pelcrov1.ListCustomersRequest{OrderBy: "id"}
	first.PageToken = mustSucceed(t, g.customers.ListCustomers, first).GetNextPageToken()
	named := &pelcrov1.ListCustomersRequest{SiteId: new(int32(siteID)), PageToken: first.GetPageToken()} // the same list
	for _, req := range []*pelcrov1.ListCustomersRequest{first, named} {
		if got := ids(mustSucceed(t, other.customers.ListCustomers, req)); len(got) != 10 || got[0] != 11 {
			t.Errorf("%v", got)
		}
	}
	elsewhere := startAt(t, siteID+1, list)
	f := mustFail(t, elsewhere.customers.ListCustomers, first)
	f.mustViolate(t, violation{"page_token", "FIELD_INVALID_VALUE"})
}

// Once Pelcro has said that its pages are smaller than asked for, the token holds its size.
func TestSizeOfPelcro(t *testing.T) {
	const page = `{"data":[{"id":%d}],"meta":{"current_page":%d,"last_page":3,"per_page":%s}}`
	for _, test := range []struct {
		name, perPage, limit string
		smaller              int32 // the largest size that is an error
	}{
		{"smaller", "25", "25", 24},
		{"digits in quotes", `"25"`, "25", 24},
		{"as asked for", "50", "50", 49},
		{"larger", "100", "50", 49},
		{"smaller than the page itself", "0", "50", 49},
		{"null", "null", "50", 49},
	} {
		t.Run(test.name, func(t *testing.T) {
			pelcro := responding(respond(200, fmt.Sprintf(page, 1, 1, test.perPage)), respond(200, fmt.Sprintf(page, 2, 2, test.perPage)))
			g := start(t, pelcro)
			req := &pelcrov1.ListCustomersRequest{PageSize: 50}
			req.PageToken = mustSucceed(t, g.customers.ListCustomers, req).GetNextPageToken()
			req.PageSize = test.smaller
			f := mustFail(t, g.customers.ListCustomers, req)
			f.mustViolate(t, violation{"page_size", "FIELD_OUT_OF_RANGE"})
			for _, size := range []int32{0, test.smaller + 1, 50, 1000} {
				req.PageSize = size
				mustSucceed(t, g.customers.ListCustomers, req)
			}
			for _, got := range pelcro.received()[1:] {
				if want := "GET /api/v1/core/customers?limit=" + test.limit + "&page=2&site_id=7&sort=id"; got.line != want {
					t.Errorf("%s, want %s", got.line, want)
				}
			}
		})
	}
}
