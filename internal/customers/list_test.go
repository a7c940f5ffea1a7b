package customers_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// walk reads all pages and returns the ids of each.
func walk(t *testing.T, g *gateway, req *pelcrov1.ListCustomersRequest) (pages [][]int64, total int32) {
	t.Helper()
	req = proto.CloneOf(req)
	for {
		resp := mustSucceed(t, g.customers.ListCustomers, req)
		pages, total = append(pages, ids(resp)), resp.GetTotalSize()
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			return pages, total
		}
		if len(pages) > 1000 {
			t.Fatal("the list does not end")
		}
	}
}

func ids(resp *pelcrov1.ListCustomersResponse) []int64 {
	list := make([]int64, len(resp.GetCustomers()))
	for i, c := range resp.GetCustomers() {
		list[i] = c.GetId()
	}
	return list
}

func TestWalkSandbox(t *testing.T) {
	g := startSandbox(t)
	for i := range 15 {
		mustSucceed(t, g.customers.CreateCustomer, newCustomer(fmt.Sprintf("%c@example.com", 'z'-i)))
	}
	const total = 8 + 15
	for _, orderBy := range []string{"", "id", "id desc", "email", "email desc"} {
		all, _ := walk(t, g, &pelcrov1.ListCustomersRequest{PageSize: 100, OrderBy: orderBy})
		for _, size := range []int32{0, 1, 5, total - 1, total, total + 1, 1000} {
			pages, got := walk(t, g, &pelcrov1.ListCustomersRequest{PageSize: size, OrderBy: orderBy})
			perPage := map[int32]int{0: 10, 1000: 100}[size]
			if perPage == 0 {
				perPage = int(size)
			}
			if want := slices.Collect(slices.Chunk(all[0], perPage)); got != total || !slices.EqualFunc(pages, want, slices.Equal) {
				t.Errorf("order_by %q, page_size %d: %v, total %d, want %v", orderBy, size, pages, got, want)
			}
		}
		slices.Sort(all[0])
		if n := len(slices.Compact(all[0])); n != total {
			t.Errorf("order_by %q: %d customers", orderBy, n)
		}
	}
}

func TestOrder(t *testing.T) {
	g := startSandbox(t)
	for orderBy, want := range map[string][]int64{
		"":           {1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008},
		"id desc":    {1008, 1007, 1006, 1005, 1004, 1003, 1002, 1001},
		"email":      {1003, 1004, 1001, 1008, 1007, 1002, 1006, 1005},
		"email desc": {1005, 1006, 1002, 1007, 1008, 1001, 1003, 1004},
	} {
		if got := ids(mustSucceed(t, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{OrderBy: orderBy})); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", orderBy, got, want)
		}
	}
}

func TestFilterSandbox(t *testing.T) {
	g := startSandbox(t)
	const contains, hasKey = pelcrov1.CustomerFilter_OPERATOR_CONTAINS, pelcrov1.CustomerFilter_OPERATOR_HAS_KEY
	for _, test := range []struct {
		name    string
		filters []*pelcrov1.CustomerFilter
		want    []int64
	}{
		{"equals", []*pelcrov1.CustomerFilter{{Attribute: "email", Values: []string{"ada@example.com", "zoe@example.org"}}}, []int64{1001, 1005}},
		{"contains", []*pelcrov1.CustomerFilter{{Attribute: "last_name", Operator: contains, Values: []string{"o"}}}, []int64{1001, 1002, 1007, 1008}},
		{"metadata", []*pelcrov1.CustomerFilter{{Attribute: "metadata.plan", Values: []string{"gold"}}}, []int64{1001, 1005}},
		{"has key", []*pelcrov1.CustomerFilter{{Attribute: "metadata.region", Operator: hasKey}}, []int64{1005}},
		{"and", []*pelcrov1.CustomerFilter{
			{Attribute: "metadata.plan", Values: []string{"gold"}}, {Attribute: "first_name", Values: []string{"Zoë"}},
		}, []int64{1005}},
		{"or", []*pelcrov1.CustomerFilter{
			{Attribute: "metadata.plan", Values: []string{"gold"}, OrWithOthers: true},
			{Attribute: "email", Operator: contains, Values: []string{"grace"}, OrWithOthers: true},
		}, []int64{1001, 1002, 1005}},
		{"none", []*pelcrov1.CustomerFilter{{Attribute: "email", Values: []string{"nobody"}}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			pages, total := walk(t, g, &pelcrov1.ListCustomersRequest{PageSize: 1, Filters: test.filters})
			if got := slices.Concat(pages...); !slices.Equal(got, test.want) || int(total) != len(test.want) {
				t.Errorf("%v, total %d, want %v", got, total, test.want)
			}
		})
	}
}

func TestExpandSandbox(t *testing.T) {
	g := startSandbox(t)
	plain := mustSucceed(t, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{PageSize: 1}).GetCustomers()[0]
	if plain.GetOrganizationId() != 5001 || plain.Organization != nil || plain.GetDefaultSourceId() != 3001 || plain.DefaultSource != nil {
		t.Errorf("not expanded:\n%s", show(plain))
	}
	expanded := mustSucceed(t, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{
		PageSize: 1, Expand: []string{"addresses", "default_source", "organization", "subscriptions"},
	}).GetCustomers()[0]
	if expanded.GetOrganizationId() != 5001 || expanded.GetOrganization().GetFields()["name"].GetStringValue() != "Analytical Engines Ltd" ||
		expanded.GetDefaultSource().GetFields()["last4"].GetStringValue() != "4242" ||
		len(expanded.GetAddresses()) != 2 || len(expanded.GetSubscriptions()) != 2 || expanded.Extra != nil {
		t.Errorf("expanded:\n%s", show(expanded))
	}
}

// paging is an upstream with so many customers, numbered from 1, and a "meta" of
// its own.
func paging(total int, meta func(page, last int) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		rows := []string{}
		for id := (page-1)*limit + 1; id <= min(page*limit, total); id++ {
			rows = append(rows, fmt.Sprintf(`{"id":%d}`, id))
		}
		last := max(1, (total+limit-1)/limit)
		reply(200, fmt.Sprintf(`{"data":[%s],"links":{"next":"http://127.0.0.1:1/?page=99"}%s}`, strings.Join(rows, ","), meta(page, last)))(w, r)
	}
}

func TestMeta(t *testing.T) {
	constant := func(meta string) func(int, int) string { return func(int, int) string { return meta } }
	for _, test := range []struct {
		name  string
		meta  func(page, last int) string
		rows  int
		pages int // of 3
		total int32
	}{
		{"complete", func(p, l int) string {
			return fmt.Sprintf(`,"meta":{"current_page":%d,"last_page":%d,"total":7}`, p, l)
		}, 7, 3, 7},
		{"complete, full last page", func(p, l int) string {
			return fmt.Sprintf(`,"meta":{"current_page":%d,"last_page":%d,"total":6}`, p, l)
		}, 6, 2, 6},
		{"complete, nothing there", func(p, l int) string {
			return fmt.Sprintf(`,"meta":{"current_page":%d,"last_page":%d,"total":0,"from":null,"to":null}`, p, l)
		}, 0, 1, 0},
		{"digits in quotes", func(p, l int) string {
			return fmt.Sprintf(`,"meta":{"current_page":"%d","last_page":"%d","total":"7"}`, p, l)
		}, 7, 3, 7},
		{"no total", func(p, l int) string { return fmt.Sprintf(`,"meta":{"current_page":%d,"last_page":%d}`, p, l) }, 7, 3, 0},
		{"total negative", func(p, l int) string {
			return fmt.Sprintf(`,"meta":{"current_page":%d,"last_page":%d,"total":-1}`, p, l)
		}, 7, 3, 0},
		{"total beyond int32", func(p, l int) string {
			return fmt.Sprintf(`,"meta":{"current_page":%d,"last_page":%d,"total":5000000000}`, p, l)
		}, 7, 3, 1<<31 - 1},
		{"missing", constant(``), 7, 3, 0},
		{"missing, full last page", constant(``), 6, 3, 0},
		{"missing, nothing there", constant(``), 0, 1, 0},
		{"missing, one page", constant(``), 2, 1, 0},
		{"null", constant(`,"meta":null`), 7, 3, 0},
		{"list", constant(`,"meta":[]`), 7, 3, 0},
		{"empty", constant(`,"meta":{}`), 7, 3, 0},
		{"words", constant(`,"meta":{"current_page":"one","last_page":"two","total":"many"}`), 7, 3, 0},
		{"fractions", constant(`,"meta":{"current_page":1.5,"last_page":3.5,"total":7}`), 7, 3, 0},
		{"only a total", constant(`,"meta":{"total":7}`), 7, 3, 0},
		{"always the first page", constant(`,"meta":{"current_page":1,"last_page":1,"total":7}`), 7, 1, 7},
		{"stuck on the first page", constant(`,"meta":{"current_page":1,"last_page":3,"total":7}`), 7, 3, 0},
		{"page 0", constant(`,"meta":{"current_page":0,"last_page":3,"total":7}`), 7, 3, 0},
		{"page beyond int32", constant(`,"meta":{"current_page":2147483648,"last_page":2147483649,"total":7}`), 7, 3, 0},
		{"last page", constant(`,"meta":{"current_page":2147483647,"last_page":2147483647,"total":7}`), 7, 1, 7},
		{"last page but no end", constant(`,"meta":{"current_page":2147483647,"last_page":2147483649,"total":7}`), 7, 1, 7},
	} {
		t.Run(test.name, func(t *testing.T) {
			upstream := answering(paging(test.rows, test.meta))
			g := start(t, upstream)
			pages, total := walk(t, g, &pelcrov1.ListCustomersRequest{PageSize: 3})
			if len(pages) != test.pages || total != test.total {
				t.Errorf("%d pages, total %d, want %d, %d: %v", len(pages), total, test.pages, test.total, pages)
			}
			want := int64(1)
			for _, id := range slices.Concat(pages...) {
				if id != want {
					t.Errorf("%v", pages)
				}
				want++
			}
			for i, request := range upstream.sent() {
				if want := fmt.Sprintf("GET /api/v1/core/customers?limit=3&page=%d&site_id=7&sort=id", i+1); request.line != want {
					t.Errorf("request %d: %s", i, request.line)
				}
			}
		})
	}
}

// A page number that Pelcro gives counts, so that a page that it skipped is not
// asked for.
func TestSkippedPage(t *testing.T) {
	upstream := answering(reply(200, `{"data":[{"id":1}],"meta":{"current_page":4,"last_page":9}}`))
	g := start(t, upstream)
	token := mustSucceed(t, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{}).GetNextPageToken()
	mustSucceed(t, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{PageToken: token})
	if got := upstream.sent()[1].line; got != "GET /api/v1/core/customers?limit=10&page=5&site_id=7&sort=id" {
		t.Error(got)
	}
}

func TestLastPossiblePage(t *testing.T) {
	g := start(t, answering(reply(200, `{"data":[{"id":1}]}`)))
	req := &pelcrov1.ListCustomersRequest{PageSize: 1}
	raw, err := base64.RawURLEncoding.DecodeString(mustSucceed(t, g.customers.ListCustomers, req).GetNextPageToken())
	if err != nil {
		t.Fatal(err)
	}
	last := strings.Replace(string(raw), "2", "2147483647", 1)
	req.PageToken = base64.RawURLEncoding.EncodeToString([]byte(last))
	if next := mustSucceed(t, g.customers.ListCustomers, req).GetNextPageToken(); next != "" {
		t.Errorf("next page %q", next)
	}
}

func TestPageToken(t *testing.T) {
	upstream := answering(paging(100, func(int, int) string { return "" }))
	g := start(t, upstream)
	first := &pelcrov1.ListCustomersRequest{
		PageSize: 5, OrderBy: "email desc", Expand: []string{"addresses"}, SiteId: new(int32(9)),
		Filters: []*pelcrov1.CustomerFilter{{Attribute: "email", Values: []string{"a"}}},
	}
	first.PageToken = mustSucceed(t, g.customers.ListCustomers, first).GetNextPageToken()
	want := upstream.sent()[0].line
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
			before := len(upstream.sent())
			req := proto.CloneOf(first)
			test.change(req)
			if test.field != "" {
				f := mustFail(t, g.customers.ListCustomers, req)
				f.mustViolate(t, violation{test.field, test.reason})
				upstream.mustHaveSeen(t, before)
				return
			}
			got := ids(mustSucceed(t, g.customers.ListCustomers, req))
			line := upstream.sent()[before].line
			if !slices.Equal(got, []int64{6, 7, 8, 9, 10}) || line != strings.Replace(want, "page=1", "page=2", 1) {
				t.Errorf("%v %s", got, line)
			}
		})
	}
}

func TestGarbageTokens(t *testing.T) {
	upstream := answering(paging(100, func(int, int) string { return "" }))
	g := start(t, upstream)
	good := mustSucceed(t, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{}).GetNextPageToken()
	tokens := []string{"x", "%", "2", " ", good[1:], good[:len(good)-1], good + "=", good + "A", good + good, strings.ToUpper(good), "🚲"}
	for _, json := range []string{
		``, `null`, `1`, `{}`, `[]`, `{"n":2}`, `{"n":0,"s":10}`, `{"n":-1,"s":10}`, `{"n":2,"s":0}`, `{"n":2,"s":101}`, `{"n":2,"s":-1}`,
		`{"n":2147483648,"s":10}`, `{"n":99999999999999999999,"s":10}`, `{"n":1.5,"s":10}`, `{"n":"2","s":"10"}`, `{"n":2,"s":10} {}`,
	} {
		tokens = append(tokens, base64.RawURLEncoding.EncodeToString([]byte(json)))
	}
	for _, token := range tokens {
		if token == "" {
			continue // the first page
		}
		f := mustFail(t, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{PageToken: token})
		f.mustViolate(t, violation{"page_token", "FIELD_INVALID_FORMAT"})
	}
	upstream.mustHaveSeen(t, 1)
	for _, json := range []string{`{"n":2,"s":10}`, `{"n":2,"s":10,"q":"AAAA"}`} {
		f := mustFail(t, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{PageToken: base64.RawURLEncoding.EncodeToString([]byte(json))})
		f.mustViolate(t, violation{"page_token", "FIELD_INVALID_VALUE"})
	}
}
