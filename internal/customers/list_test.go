package customers_test

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
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
		{"ids", []*pelcrov1.CustomerFilter{{Attribute: "id", Values: []string{"1008", "9", "1002"}}}, []int64{1002, 1008}},
		{"id, or", []*pelcrov1.CustomerFilter{
			{Attribute: "id", Values: []string{"1003"}, OrWithOthers: true}, {Attribute: "metadata.plan", Values: []string{"gold"}},
			{Attribute: "last_name", Values: []string{"Lovelace"}},
		}, []int64{1001, 1003}},
		{"none", []*pelcrov1.CustomerFilter{{Attribute: "email", Values: []string{"absent"}}}, nil},
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
	if plain.GetOrganizationId() != 5001 || plain.Organization != nil || plain.GetDefaultSourceId() != 3001 || plain.DefaultSource != nil ||
		!slices.Equal(plain.GetAddressIds(), []int64{2001, 2002}) || plain.Addresses != nil || plain.Extra != nil {
		t.Errorf("not expanded:\n%s", show(plain))
	}
	expanded := mustSucceed(t, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{
		PageSize: 1, Expand: []pelcrov1.CustomerRelation{pelcrov1.CustomerRelation_CUSTOMER_RELATION_ADDRESSES, pelcrov1.CustomerRelation_CUSTOMER_RELATION_DEFAULT_SOURCE, pelcrov1.CustomerRelation_CUSTOMER_RELATION_ORGANIZATION, pelcrov1.CustomerRelation_CUSTOMER_RELATION_SUBSCRIPTIONS},
	}).GetCustomers()[0]
	if expanded.GetOrganizationId() != 5001 || expanded.GetOrganization().GetName() != "Analytical Engines Ltd" ||
		expanded.GetDefaultSource().GetLast4() != "4242" ||
		!slices.Equal(expanded.GetAddressIds(), []int64{2001, 2002}) || !slices.Equal(expanded.GetSubscriptionIds(), []int64{4001, 4002}) ||
		len(expanded.GetAddresses()) != 2 || len(expanded.GetSubscriptions()) != 2 || expanded.Extra != nil {
		t.Errorf("expanded:\n%s", show(expanded))
	}
}

// numbered is an upstream with so many customers, numbered from 1. said is what follows the data.
func numbered(total int, said func(page, last int) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		rows := []string{}
		for id := (page-1)*limit + 1; id <= min(page*limit, total); id++ {
			rows = append(rows, fmt.Sprintf(`{"id":%d}`, id))
		}
		last := max(1, (total+limit-1)/limit)
		respond(200, fmt.Sprintf(`{"data":[%s]%s}`, strings.Join(rows, ","), said(page, last)))(w, r)
	}
}

func TestMeta(t *testing.T) {
	constant := func(said string) func(int, int) string { return func(int, int) string { return said } }
	// The link of a complete meta leads elsewhere: it must not be followed.
	meta := func(format string) func(int, int) string {
		return func(page, last int) string {
			return fmt.Sprintf(`,"links":{"next":"http://127.0.0.1:1/?page=99"},"meta":`+format, page, last)
		}
	}
	for _, test := range []struct {
		name  string
		said  func(page, last int) string
		rows  int
		pages int // of 3
		total int32
	}{
		{"complete", meta(`{"current_page":%d,"last_page":%d,"total":7}`), 7, 3, 7},
		{"complete, full last page", meta(`{"current_page":%d,"last_page":%d,"total":6}`), 6, 2, 6},
		{"complete, no rows", meta(`{"current_page":%d,"last_page":%d,"total":0,"from":null,"to":null}`), 0, 1, 0},
		{"digits in quotes", meta(`{"current_page":"%d","last_page":"%d","total":"7"}`), 7, 3, 7},
		{"no total", meta(`{"current_page":%d,"last_page":%d}`), 7, 3, 0},
		{"total negative", meta(`{"current_page":%d,"last_page":%d,"total":-1}`), 7, 3, 0},
		{"total beyond int32", meta(`{"current_page":%d,"last_page":%d,"total":5000000000}`), 7, 4, 1<<31 - 1},
		{"total below the rows", constant(`,"meta":{"last_page":1,"total":2}`), 3, 1, 2},
		{"page count too low for the total", constant(`,"meta":{"per_page":100,"last_page":1,"total":7}`), 7, 3, 7},
		{"total counts more rows", constant(`,"meta":{"per_page":3,"last_page":1,"total":9}`), 2, 2, 9},
		// Without a word about the end, only an empty page is the end.
		{"missing", constant(``), 7, 4, 0},
		{"missing, full last page", constant(``), 6, 3, 0},
		{"missing, no rows", constant(``), 0, 1, 0},
		{"missing, one page", constant(``), 2, 2, 0},
		{"null", constant(`,"meta":null`), 7, 4, 0},
		{"list", constant(`,"meta":[]`), 7, 4, 0},
		{"empty", constant(`,"meta":{}`), 7, 4, 0},
		{"words", constant(`,"meta":{"current_page":"one","last_page":"two","total":"many"}`), 7, 4, 0},
		{"fractions", constant(`,"meta":{"current_page":1.5,"last_page":3.5,"total":7}`), 7, 4, 7},
		{"only a total", constant(`,"meta":{"total":7}`), 7, 4, 7},
		{"total and size", constant(`,"meta":{"total":7,"per_page":3}`), 7, 3, 7},
		{"last page 0", constant(`,"meta":{"last_page":0}`), 7, 4, 0},
		{"links without next", constant(`,"links":{"self":"x"}`), 7, 4, 0},
		{"links as a list", constant(`,"links":[]`), 7, 4, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			pelcro := responding(numbered(test.rows, test.said))
			g := start(t, pelcro)
			pages, total := walk(t, g, &pelcrov1.ListCustomersRequest{PageSize: 3})
			if len(pages) != test.pages || total != test.total {
				t.Errorf("%d pages, total %d, want %d, %d: %v", len(pages), total, test.pages, test.total, pages)
			}
			if rows := slices.Concat(pages...); len(rows) != min(test.rows, 3*test.pages) {
				t.Errorf("%d rows: %v", len(rows), pages)
			}
			want := int64(1)
			for _, id := range slices.Concat(pages...) {
				if id != want {
					t.Errorf("%v", pages)
				}
				want++
			}
			for i, request := range pelcro.received() {
				if want := fmt.Sprintf("GET /api/v1/core/customers?limit=3&page=%d&site_id=7&sort=id", i+1); request.line != want {
					t.Errorf("request %d: %s", i, request.line)
				}
			}
		})
	}
}

// A response that is not the page asked for is an error.
func TestOtherPage(t *testing.T) {
	const (
		first     = `{"data":[{"id":3},{"id":5}],"meta":{"current_page":1,"last_page":9}}`
		firstDesc = `{"data":[{"id":5},{"id":3}],"meta":{"current_page":1,"last_page":9}}`
	)
	for _, test := range []struct {
		name, orderBy string
		second        string // empty if the first page is the error
		first         string
	}{
		{"first page is number 0", "id", ``, `{"data":[{"id":1}],"meta":{"current_page":0,"last_page":3}}`},
		{"first page is number 4", "id", ``, `{"data":[{"id":1}],"meta":{"current_page":4,"last_page":9}}`},
		{"first page is beyond int32", "id", ``, `{"data":[{"id":1}],"meta":{"current_page":4294967297,"last_page":4294967299}}`},
		{"no rows, other page", "id", ``, `{"data":[],"meta":{"current_page":2,"last_page":2}}`},
		{"page number in meta.pagination", "id", ``, `{"data":[{"id":1}],"meta":{"pagination":{"current_page":2}}}`},
		{"page number beside data", "id", ``, `{"data":[{"id":1}],"current_page":2}`},
		{"first page again, with its number", "id", first, first},
		{"first page again", "id", `{"data":[{"id":3},{"id":5}]}`, first},
		{"rows before the last id", "id", `{"data":[{"id":1},{"id":4}]}`, first},
		{"rows in another order", "id", `{"data":[{"id":7},{"id":6}]}`, first},
		{"first page in another order", "id", ``, `{"data":[{"id":5},{"id":3}]}`},
		{"first page in another order, descending", "id desc", ``, `{"data":[{"id":3},{"id":5}]}`},
		{"always the first page, the total says that more exist", "id",
			`{"data":[{"id":3}],"meta":{"current_page":1,"last_page":1,"total":7}}`,
			`{"data":[{"id":3}],"meta":{"current_page":1,"last_page":1,"total":7}}`},
		{"first page again, descending", "id desc", `{"data":[{"id":5},{"id":3}]}`, firstDesc},
		{"ascending instead of descending", "id desc", `{"data":[{"id":1},{"id":2}]}`, firstDesc},
		{"first page again, by email", "email", `{"data":[{"id":3},{"id":5}]}`, first},
		{"first page again, by email, in another order", "email", `{"data":[{"id":5},{"id":3}]}`, first},
		{"first page again, by email, descending", "email desc", `{"data":[{"id":3},{"id":5}]}`, first},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := start(t, responding(respond(200, test.first), respond(200, test.second)))
			req := &pelcrov1.ListCustomersRequest{OrderBy: test.orderBy}
			if test.second != "" {
				req.PageToken = mustSucceed(t, g.customers.ListCustomers, req).GetNextPageToken()
			}
			f := mustFail(t, g.customers.ListCustomers, req)
			f.mustBe(t, codes.Internal, pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE)
		})
	}
}

// A list that never ends costs a bounded number of requests.
func TestEndlessList(t *testing.T) {
	for name, body := range map[string]string{
		"by its links":      `{"data":[],"links":{"next":"x"}}`,
		"by its page count": `{"data":[],"meta":{"last_page":1000000}}`,
		"by its total":      `{"data":[],"meta":{"total":1000000,"per_page":1}}`,
	} {
		t.Run(name, func(t *testing.T) {
			pelcro := responding(respond(200, body))
			g := start(t, pelcro)
			rows, err := tryWalk(t, g, &pelcrov1.ListCustomersRequest{})
			if len(rows) > 0 || err == nil {
				t.Fatalf("rows %v", rows)
			}
			err.mustBe(t, codes.Internal, pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE)
			if n := len(pelcro.received()); n < 20 || n > 60 {
				t.Errorf("%d requests", n)
			}
		})
	}
	// The last page number that a token can hold.
	g := start(t, responding(respond(200, `{"data":[{"id":1}]}`)))
	req := &pelcrov1.ListCustomersRequest{}
	raw, err := base64.RawURLEncoding.DecodeString(mustSucceed(t, g.customers.ListCustomers, req).GetNextPageToken())
	if err != nil {
		t.Fatal(err)
	}
	req.PageToken = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(raw), " 2 10 ", " 2147483647 10 ", 1)))
	f := mustFail(t, g.customers.ListCustomers, req)
	f.mustBe(t, codes.Internal, pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE)
}

// Rows that a new or deleted customer moved to another page are returned once.
func TestMovedRows(t *testing.T) {
	for _, test := range []struct {
		name, orderBy string
		first, second string
		want          []int64
	}{
		{"ascending", "id", `{"data":[{"id":1},{"id":2},{"id":3}]}`, `{"data":[{"id":2},{"id":3},{"id":4}]}`, []int64{4}},
		{"descending", "id desc", `{"data":[{"id":9},{"id":8},{"id":7}]}`, `{"data":[{"id":7},{"id":6},{"id":5}]}`, []int64{6, 5}},
		{"the last one was deleted", "id", `{"data":[{"id":1},{"id":2},{"id":4}]}`, `{"data":[{"id":2},{"id":5}]}`, []int64{5}},
		{"the last one was deleted, others created", "id desc", `{"data":[{"id":9},{"id":8},{"id":7}]}`,
			`{"data":[{"id":9},{"id":8},{"id":6}]}`, []int64{6}},
		{"twice on a page", "id", `{"data":[{"id":1}]}`, `{"data":[{"id":2},{"id":2},{"id":3}]}`, []int64{2, 3}},
		{"by email", "email", `{"data":[{"id":9},{"id":1}]}`, `{"data":[{"id":1},{"id":4}]}`, []int64{1, 4}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := start(t, responding(respond(200, test.first), respond(200, test.second)))
			req := &pelcrov1.ListCustomersRequest{OrderBy: test.orderBy}
			req.PageToken = mustSucceed(t, g.customers.ListCustomers, req).GetNextPageToken()
			if got := ids(mustSucceed(t, g.customers.ListCustomers, req)); !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

// Forms of an empty page and of a list with missing elements.
func TestListData(t *testing.T) {
	for _, test := range []struct {
		name, body string
		want       []int64
	}{
		{"empty list", `{"data":[]}`, nil},
		{"empty object", `{"data":{}}`, nil},
		{"filtered array", `{"data":{"0":{"id":4},"2":{"id":5},"10":{"id":6}}}`, []int64{4, 5, 6}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := start(t, responding(respond(200, test.body)))
			if got := ids(mustSucceed(t, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{})); !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
	for _, data := range []string{`{"id":42}`, `{"0":{"id":1},"x":{"id":2}}`, `{"":{"id":1}}`, `{"-1":{"id":1}}`, `{"0":1}`, `"x"`, `true`} {
		g := start(t, responding(respond(200, `{"data":`+data+`}`)))
		f := mustFail(t, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{})
		f.mustBe(t, codes.Internal, pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE)
	}
}

// total_size is set whenever the response says it, also for an empty list.
func TestTotalSize(t *testing.T) {
	for _, test := range []struct {
		name, said string
		want       *int32
	}{
		{"nothing", ``, nil},
		{"null", `,"meta":{"total":null}`, nil},
		{"negative", `,"meta":{"total":-1}`, nil},
		{"text", `,"meta":{"total":"many"}`, nil},
		{"no customers", `,"meta":{"total":0}`, new(int32(0))},
		{"some", `,"meta":{"total":7}`, new(int32(7))},
		{"digits in quotes", `,"meta":{"total":"7"}`, new(int32(7))},
		{"beside data", `,"total":7`, new(int32(7))},
		{"Fractal", `,"meta":{"pagination":{"total":7}}`, new(int32(7))},
		{"capped", `,"meta":{"total":4294967296}`, new(int32(math.MaxInt32))},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := start(t, respond(200, `{"data":[]`+test.said+`}`))
			got := mustSucceed(t, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{}).TotalSize
			if (got == nil) != (test.want == nil) || got != nil && *got != *test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}
