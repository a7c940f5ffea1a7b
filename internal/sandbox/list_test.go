package sandbox_test

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// ids returns the listed ids in order.
func (r received) ids() []int {
	r.t.Helper()
	rows, ok := r.decoded()["data"].([]any)
	if r.status != 200 || !ok {
		r.t.Fatalf("%d %s", r.status, r.body)
	}
	ids := []int{}
	for _, row := range rows {
		ids = append(ids, int(row.(map[string]any)["id"].(float64)))
	}
	return ids
}

var everyID = []int{1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008}

func TestPagingWithoutRepeats(t *testing.T) {
	c := start(t, sandbox.Config{})
	for limit := 1; limit <= 9; limit++ {
		var walked []int
		for page := 1; ; page++ {
			got := c.call("GET", fmt.Sprintf("customers?limit=%d&page=%d", limit, page), "")
			walked = append(walked, got.ids()...)
			if meta := got.decoded()["meta"].(map[string]any); meta["current_page"] == meta["last_page"] {
				break
			}
		}
		if !slices.Equal(walked, everyID) {
			t.Errorf("limit %d: %v", limit, walked)
		}
	}
}

// A hundred ids in one filter: those that exist are listed.
func TestFilterByManyIDs(t *testing.T) {
	c := start(t, sandbox.Config{})
	asked := make([]string, 100)
	for i := range asked {
		asked[i] = strconv.Itoa(1103 - i)
	}
	query := url.Values{"limit": {"100"}, "sort": {"id"}, "filter[id]": {"eq:" + strings.Join(asked, ",")}}
	if got := c.call("GET", "customers?"+query.Encode(), "").ids(); !slices.Equal(got, everyID[3:]) {
		t.Errorf("listed %v, want %v", got, everyID[3:])
	}
}

func TestEnvelope(t *testing.T) {
	c := start(t, sandbox.Config{})
	path := strings.ReplaceAll(c.url+sandbox.BasePath+"/customers", "/", `\/`)
	got := c.call("GET", "customers?limit=3&page=2", "")
	if ids := got.ids(); !slices.Equal(ids, everyID[3:6]) {
		t.Errorf("page 2: %v", ids)
	}
	_, envelope, _ := strings.Cut(got.body, `],"links":`)
	want := strings.ReplaceAll(`{"first":"PATH?page=1","last":"PATH?page=3","prev":"PATH?page=1","next":"PATH?page=3"},`+
		`"meta":{"current_page":2,"from":4,"last_page":3,"links":[`+
		`{"url":"PATH?page=1","label":"&laquo; Previous","active":false},`+
		`{"url":"PATH?page=1","label":"1","active":false},`+
		`{"url":"PATH?page=2","label":"2","active":true},`+
		`{"url":"PATH?page=3","label":"3","active":false},`+
		`{"url":"PATH?page=3","label":"Next &raquo;","active":false}],`+
		`"path":"PATH","per_page":3,"to":6,"total":8}}`, "PATH", path)
	if envelope != want {
		t.Errorf("got  %s\nwant %s", envelope, want)
	}

	beyond := c.call("GET", "customers?limit=3&page=9223372036854775807", "").decoded()
	mustHave(t, beyond, map[string]any{"data": []any{}})
	mustHave(t, beyond["meta"].(map[string]any), map[string]any{"from": nil, "to": nil, "last_page": 3.0, "total": 8.0})
	mustHave(t, beyond["links"].(map[string]any), map[string]any{"next": nil})

	none := c.call("GET", "customers?filter[email]=none", "").decoded()
	mustHave(t, none["meta"].(map[string]any), map[string]any{"from": nil, "last_page": 1.0, "total": 0.0})
	mustHave(t, none["links"].(map[string]any), map[string]any{"prev": nil, "next": nil})
}

func TestLimits(t *testing.T) {
	c := start(t, sandbox.Config{})
	for i := range 100 {
		c.call("POST", "customers", fmt.Sprintf(`{"display_name":"%d"}`, i))
	}
	for query, want := range map[string]float64{"": 10, "?limit=": 10, "?limit=100": 100, "?limit=101": 100, "?limit=99": 99} {
		got := c.call("GET", "customers"+query, "")
		perPage := got.decoded()["meta"].(map[string]any)["per_page"]
		if perPage != want || len(got.ids()) != int(want) {
			t.Errorf("%q: per_page %v, %d rows, want %v", query, perPage, len(got.ids()), want)
		}
	}
	// If there are many pages, Laravel links only to the ends and the neighbours.
	for page, want := range map[int]string{
		1:   "1 2 3 4 5 6 7 8 9 10 ... 107 108",
		50:  "1 2 ... 47 48 49 50 51 52 53 ... 107 108",
		108: "1 2 ... 99 100 101 102 103 104 105 106 107 108",
	} {
		got := c.call("GET", fmt.Sprintf("customers?limit=1&page=%d", page), "")
		links := got.decoded()["meta"].(map[string]any)["links"].([]any)
		var labels []string
		for _, link := range links[1 : len(links)-1] {
			labels = append(labels, link.(map[string]any)["label"].(string))
		}
		if strings.Join(labels, " ") != want {
			t.Errorf("page %d: %s", page, strings.Join(labels, " "))
		}
	}
}

func TestFilters(t *testing.T) {
	c := start(t, sandbox.Config{})
	for _, test := range []struct {
		name    string
		filters []string // attribute, value, attribute, value…
		want    []int
	}{
		{"equal by default", []string{"email", "ADA@example.com"}, []int{1001}},
		{"equal", []string{"first_name", "eq:Zoë"}, []int{1005}},
		{"not a part of it", []string{"first_name", "eq:Zo"}, []int{}},
		{"null never", []string{"email", "eq:,like:"}, []int{}},
		{"any of several", []string{"last_name", "eq:Hopper,Liskov"}, []int{1002, 1008}},
		{"contains", []string{"email", "like:EXAMPLE.org"}, []int{1005, 1008}},
		{"contains any", []string{"first_name", "like:ada,ala"}, []int{1001, 1004}},
		{"both", []string{"email", "like:example", "metadata.plan", "gold"}, []int{1001, 1005}},
		{"or", []string{"first_name", "eq:Ada", "last_name", "oreq:Hopper"}, []int{1001, 1002}},
		{"or alone", []string{"last_name", "oreq:Hopper"}, []int{1002}},
		{"or contains", []string{"email", "orlike:bounced", "metadata.plan", "eq:silver"}, []int{1002, 1007, 1008}},
		{"metadata number", []string{"metadata.seats", "3"}, []int{1001}},
		{"metadata boolean", []string{"metadata.beta", "eq:true"}, []int{1001}},
		{"metadata contains", []string{"metadata.region", "like:zürich/"}, []int{1005}},
		{"metadata list", []string{"metadata.tags", "like:cobol"}, []int{1002}},
		{"has", []string{"metadata", "has:seats"}, []int{1001}},
		{"has any", []string{"metadata", "has:seats,tags"}, []int{1001, 1002}},
		{"or has", []string{"metadata", "orhas:tags", "first_name", "Barbara"}, []int{1002, 1008}},
		{"unknown operator is part of the value", []string{"email", "regex:.*"}, []int{}},
		{"no value, no filter", []string{"email", ""}, everyID},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := c
			c.t = t
			query := url.Values{}
			for i := 0; i < len(test.filters); i += 2 {
				query.Set("filter["+test.filters[i]+"]", test.filters[i+1])
			}
			if got := c.call("GET", "customers?"+query.Encode(), "").ids(); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestSort(t *testing.T) {
	c := start(t, sandbox.Config{})
	byEmail := []int{1003, 1004, 1001, 1008, 1007, 1002, 1006, 1005}
	for sort, want := range map[string][]int{
		"":          everyID,
		"id":        everyID,
		"-id":       {1008, 1007, 1006, 1005, 1004, 1003, 1002, 1001},
		"email":     byEmail,
		"-email":    {1005, 1006, 1002, 1007, 1008, 1001, 1003, 1004},
		"email,-id": {1004, 1003, 1001, 1008, 1007, 1002, 1006, 1005},
	} {
		if got := c.call("GET", "customers?sort="+sort, "").ids(); !slices.Equal(got, want) {
			t.Errorf("sort %q: got %v, want %v", sort, got, want)
		}
	}
}

func TestRefusedListParameters(t *testing.T) {
	c := start(t, sandbox.Config{})
	for query, want := range map[string]string{
		"page=0":                         `"page":["The page field must be at least 1."]`,
		"page=x":                         `"page":["The page field must be an integer."]`,
		"limit=0":                        `"limit":["The limit field must be at least 1."]`,
		"limit=1.5":                      `"limit":["The limit field must be an integer."]`,
		"sort=name":                      `"sort":["The selected sort is invalid."]`,
		"sort=id,":                       `"sort":["The selected sort is invalid."]`,
		"filter[phone]=1":                `"filter.phone":["The selected filter.phone is invalid."]`,
		"filter[metadata]=eq:x":          `"filter.metadata":["The selected filter.metadata is invalid."]`,
		"filter[metadata.]=x":            `"filter.metadata.":["The selected filter.metadata. is invalid."]`,
		"filter[email]=has:x":            `"filter.email":["The selected filter.email is invalid."]`,
		"expand=cards":                   `"expand":["The selected expand is invalid."]`,
		"page=0&limit=0&sort=x&expand=y": `"page":["The page field must be at least 1."],"limit":["The limit field must be at least 1."],"sort":["The selected sort is invalid."],"expand":["The selected expand is invalid."]`,
	} {
		t.Run(query, func(t *testing.T) {
			c := c
			c.t = t
			c.call("GET", "customers?"+query, "").mustBe(400, `{"errors":{`+want+`}}`)
		})
	}
}

func TestExpand(t *testing.T) {
	c := start(t, sandbox.Config{})
	plain := c.call("GET", "customers/1001", "").data()
	mustHave(t, plain, map[string]any{"organization": 5001.0, "default_source": 3001.0, "addresses": []any{2001.0, 2002.0}})
	if _, has := plain["subscriptions"]; has {
		t.Error("subscriptions without expand")
	}

	const all = "expand=addresses,defaultSource,organization,subscriptions"
	rows := c.call("GET", "customers?"+all, "").decoded()["data"].([]any)
	for _, got := range []map[string]any{c.call("GET", "customers/1001?"+all, "").data(), rows[0].(map[string]any)} {
		mustHave(t, got["organization"].(map[string]any), map[string]any{"id": 5001.0, "name": "Analytical Engines Ltd"})
		mustHave(t, got["default_source"].(map[string]any), map[string]any{"id": 3001.0, "last4": "4242"})
		mustHave(t, got["addresses"].([]any)[1].(map[string]any), map[string]any{"id": 2002.0, "state": "NY"})
		mustHave(t, got["subscriptions"].([]any)[0].(map[string]any), map[string]any{"id": 4001.0, "status": "active", "cancel_at_period_end": 0.0})
	}
	mustHave(t, c.call("GET", "customers/1003?"+all, "").data(), map[string]any{
		"organization": nil, "default_source": nil, "addresses": []any{}, "subscriptions": []any{}})
	c.call("GET", "customers/1001?expand=cards", "").mustBe(400, `{"errors":{"expand":["The selected expand is invalid."]}}`)
}

// The seeded customers have every form of metadata.
func TestSeededMetadata(t *testing.T) {
	c := start(t, sandbox.Config{})
	for id, want := range map[int]string{
		1001: `"metadata":{"beta":true,"color":"green","plan":"gold","seats":3}`,
		1003: `"metadata":[]`,
		1004: `"metadata":null`,
		1005: `"metadata":{"plan":"gold","region":"z\u00fcrich\/west"}`,
		1007: `"metadata":["first","second"]`,
	} {
		if got := c.call("GET", fmt.Sprintf("customers/%d", id), ""); !strings.Contains(got.body, want) {
			t.Errorf("%d: no %s in %s", id, want, got.body)
		}
	}
	if got := c.call("GET", "customers/1005", ""); !strings.Contains(got.body, `Zo\u00eb \ud83d\udeb2`) {
		t.Errorf("not in PHP's spelling: %s", got.body)
	}
}
