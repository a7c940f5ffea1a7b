package customers_test

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/customers"
)

// people is a Pelcro with the customers 1 to last, of which every seventh does not exist.
type people struct {
	last int64
	// most is how many customers a page has at most; isBare pages do not say that they were cut.
	most   int
	isBare bool
	// filter says which customers the filter by id selects: of those asked for, unless it is replaced.
	filter func(asked []int64) (selected []int64, status int)
	// metadata is that of each customer.
	metadata string
	// fail may respond to a request instead, the number of which begins with 1.
	fail func(number int, w http.ResponseWriter, r *http.Request) bool

	mu       sync.Mutex
	requests []*http.Request
}

func (p *people) exists(id int64) bool { return 0 < id && id <= p.last && id%7 != 0 }

func (p *people) all() []int64 {
	var ids []int64
	for id := int64(1); id <= p.last; id++ {
		if p.exists(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (p *people) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.requests = append(p.requests, r)
	number := len(p.requests)
	p.mu.Unlock()
	if p.fail != nil && p.fail(number, w, r) {
		return
	}
	if id, err := strconv.ParseInt(path.Base(r.URL.Path), 10, 64); err == nil {
		if !p.exists(id) {
			respond(http.StatusNotFound, `{"message":"No such customer."}`)(w, r)
			return
		}
		respond(http.StatusOK, `{"data":`+p.row(id)+`}`)(w, r)
		return
	}
	asked, isFiltered := idsAsked(r)
	selected, status := p.all(), http.StatusOK
	if isFiltered && p.filter != nil {
		selected, status = p.filter(asked)
	} else if isFiltered {
		selected = slices.DeleteFunc(slices.Sorted(slices.Values(asked)), func(id int64) bool { return !p.exists(id) })
	}
	if status != http.StatusOK {
		respond(status, `{"message":"The selected filter is invalid."}`)(w, r)
		return
	}
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	if p.most > 0 {
		limit = min(limit, p.most)
	}
	from := min((page-1)*limit, len(selected))
	rows := []string{}
	for _, id := range selected[from:min(from+limit, len(selected))] {
		rows = append(rows, p.row(id))
	}
	meta := ""
	if !p.isBare {
		meta = fmt.Sprintf(`,"meta":{"current_page":%d,"per_page":%d,"total":%d,"last_page":%d}`, page, limit, len(selected), max(1, (len(selected)+limit-1)/limit))
	}
	respond(http.StatusOK, `{"data":[`+strings.Join(rows, ",")+`]`+meta+`}`)(w, r)
}

func (p *people) row(id int64) string {
	return fmt.Sprintf(`{"id":%d,"email":"%d@example.com","metadata":{%s}}`, id, id, p.metadata)
}

// count returns how many requests came since the last call.
func (p *people) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.requests)
	p.requests = nil
	return n
}

// idsAsked returns the ids that a list is filtered by.
func idsAsked(r *http.Request) (ids []int64, isFiltered bool) {
	filter, isFiltered := strings.CutPrefix(r.URL.Query().Get("filter[id]"), "eq:")
	for text := range strings.SplitSeq(filter, ",") {
		id, err := strconv.ParseInt(text, 10, 64)
		if isFiltered && err != nil {
			panic(err)
		}
		ids = append(ids, id)
	}
	return ids, isFiltered
}

// upTo returns the ids from 1, backwards.
func upTo(last int64) []int64 {
	ids := make([]int64, last)
	for i := range ids {
		ids[i] = last - int64(i)
	}
	return ids
}

// mustReturn checks that a batch has the customers that exist, in the order asked, and the others as
// missing.
func (p *people) mustReturn(t *testing.T, resp *pelcrov1.BatchGetCustomersResponse, asked []int64) {
	t.Helper()
	var found, missing []int64
	for _, id := range asked {
		if p.exists(id) {
			found = append(found, id)
		} else {
			missing = append(missing, id)
		}
	}
	var got []int64
	for _, customer := range resp.GetCustomers() {
		got = append(got, customer.GetId())
	}
	if !slices.Equal(got, found) || !slices.Equal(resp.GetMissingIds(), missing) || len(resp.GetFailures()) > 0 {
		t.Errorf("%d customers, %d missing, %d failures; want %d, %d, none", len(got), len(resp.GetMissingIds()), len(resp.GetFailures()), len(found), len(missing))
	}
}

// TestBatch asks for 1,000 customers: ten requests, and the same result from a Pelcro whose filter is
// ignored, rejected or otherwise different.
func TestBatch(t *testing.T) {
	asked := upTo(1000)
	existing := len((&people{last: 1000}).all())
	for _, test := range []struct {
		name   string
		pelcro *people
		// requests are those of the batch, confirmed and replaced its single reads.
		requests, confirmed, replaced int
	}{
		{"filtered", &people{last: 1000}, 10, 0, 0},
		{"filtered, pages of 25", &people{last: 1000, most: 25}, 40, 0, 0},
		{"filtered, pages of 25, bare", &people{last: 1000, most: 25, isBare: true}, 50, 0, 0},
		{"filtered, bare", &people{last: 1000, isBare: true}, 20, 0, 0},
		{"ignored", &people{last: 1000, filter: func([]int64) ([]int64, int) { return (&people{last: 1000}).all(), 200 }}, 1 + 1000, 0, 1000},
		{"rejected", &people{last: 1000, filter: func([]int64) ([]int64, int) { return nil, 422 }}, 1 + 1000, 0, 1000},
		{"finds nothing", &people{last: 1000, filter: func([]int64) ([]int64, int) { return nil, 200 }}, 10 + 1000, 1000, 0},
		{"finds one", &people{last: 1000, filter: func(asked []int64) ([]int64, int) {
			return slices.DeleteFunc(asked[:1], func(id int64) bool { return id%7 == 0 }), 200
		}}, 10 + 1000 - 9, 1000 - 9, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			g := startWith(t, siteID, test.pelcro, customers.Config{Metrics: registry})
			resp := mustSucceed(t, g.customers.BatchGetCustomers, &pelcrov1.BatchGetCustomersRequest{Ids: asked})
			test.pelcro.mustReturn(t, resp, asked)
			if n := test.pelcro.count(); n != test.requests {
				t.Errorf("%d requests, want %d", n, test.requests)
			}
			for name, want := range map[string]int{
				"confirm_missing": test.confirmed, "filter_broken": test.replaced, "BatchGetCustomers": existing, "StreamCustomers": 0,
			} {
				if got := counters(t, registry)[name]; got != want {
					t.Errorf("%s counts %d, want %d", name, got, want)
				}
			}
		})
	}
}

// counters returns the counters by the value of their label.
func counters(t *testing.T, registry *prometheus.Registry) map[string]int {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]int{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				values[label.GetValue()] = int(metric.GetCounter().GetValue())
			}
		}
	}
	return values
}

// TestBatchEvidence: that the filter does not find an id counts only after it has found several.
func TestBatchEvidence(t *testing.T) {
	pelcro := &people{last: 100}
	g := start(t, pelcro)
	for _, step := range []struct {
		ids      []int64
		requests int
	}{
		{[]int64{1}, 1},          // by itself
		{[]int64{7}, 1},          // also if it is missing
		{[]int64{7, 14}, 1 + 2},  // nothing is known
		{[]int64{1, 7}, 1 + 1},   // the filter might take one id only
		{[]int64{1, 2, 7}, 1},    // it takes several
		{[]int64{7, 14, 200}, 1}, // and did before
		{[]int64{5, 5, 7, 5, 7}, 1},
	} {
		resp := mustSucceed(t, g.customers.BatchGetCustomers, &pelcrov1.BatchGetCustomersRequest{Ids: step.ids})
		slices.Sort(step.ids)
		pelcro.mustReturn(t, resp, slices.Compact(step.ids))
		if n := pelcro.count(); n != step.requests {
			t.Errorf("%v took %d requests, want %d", step.ids, n, step.requests)
		}
	}
}

// TestBatchEvidenceComesLater: what a later request of the batch shows counts for an earlier one.
func TestBatchEvidenceComesLater(t *testing.T) {
	pelcro := &people{last: 50}
	asked := upTo(150) // the first hundred are missing
	pelcro.mustReturn(t, mustSucceed(t, start(t, pelcro).customers.BatchGetCustomers, &pelcrov1.BatchGetCustomersRequest{Ids: asked}), asked)
	if n := pelcro.count(); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

// TestBatchURL: the longest ids are far from the longest URL.
func TestBatchURL(t *testing.T) {
	const largest = int64(1<<63 - 1)
	pelcro := &people{filter: func(asked []int64) ([]int64, int) { return asked[:2], 200 }}
	g := start(t, pelcro)
	ids := make([]int64, 100)
	for i := range ids {
		ids[i] = largest - int64(i)
	}
	relations := []pelcrov1.CustomerRelation{1, 2, 3, 4}
	resp := mustSucceed(t, g.customers.BatchGetCustomers, &pelcrov1.BatchGetCustomersRequest{Ids: ids, Expand: relations, SiteId: new(int32(9))})
	if len(resp.GetCustomers()) != 2 || len(resp.GetMissingIds()) != 98 || len(pelcro.requests) != 1 {
		t.Errorf("%d customers, %d missing, %d requests", len(resp.GetCustomers()), len(resp.GetMissingIds()), len(pelcro.requests))
	}
	if query := pelcro.requests[0].URL.Query(); query.Get("limit") != "100" || query.Get("site_id") != "9" || query.Get("expand") != "addresses,defaultSource,organization,subscriptions" {
		t.Errorf("sent %v", query)
	}
}

// failing makes requests with these numbers fail.
func failing(with http.HandlerFunc, numbers ...int) func(int, http.ResponseWriter, *http.Request) bool {
	return func(number int, w http.ResponseWriter, r *http.Request) bool {
		if !slices.Contains(numbers, number) {
			return false
		}
		with(w, r)
		return true
	}
}

func TestBatchFails(t *testing.T) {
	throttled := respond(429, `{"message":"Too Many Attempts."}`, "Retry-After", "7")
	g := start(t, &people{last: 1000, fail: failing(throttled, 3)})
	f := mustFail(t, g.customers.BatchGetCustomers, &pelcrov1.BatchGetCustomersRequest{Ids: upTo(1000)})
	f.mustBe(t, codes.ResourceExhausted, pelcrov1.ErrorReason_PELCRO_RATE_LIMITED)

	pelcro := &people{last: 1000, fail: failing(throttled, 3, 5)}
	resp := mustSucceed(t, start(t, pelcro).customers.BatchGetCustomers, &pelcrov1.BatchGetCustomersRequest{Ids: upTo(1000), AllowPartial: true})
	if n := len(resp.GetCustomers()) + len(resp.GetMissingIds()); n != 800 || len(resp.GetFailures()) != 2 || pelcro.count() != 10 {
		t.Fatalf("%d ids, %d failures", n, len(resp.GetFailures()))
	}
	failure := resp.GetFailures()[0]
	if !slices.Equal(failure.GetIds(), upTo(800)[:100]) || failure.GetCode() != int32(codes.ResourceExhausted) ||
		failure.GetReason() != pelcrov1.ErrorReason_PELCRO_RATE_LIMITED || failure.GetRetryDelay().GetSeconds() != 7 ||
		!strings.Contains(failure.GetMessage(), "Too Many Attempts.") {
		t.Errorf("%v", failure)
	}
}

// TestBatchGivesUp: after three failures in a row nothing more is asked.
func TestBatchGivesUp(t *testing.T) {
	pelcro := &people{last: 1000, fail: failing(respond(401, `{"message":"Unauthenticated."}`), 3, 4, 5)}
	resp := mustSucceed(t, start(t, pelcro).customers.BatchGetCustomers, &pelcrov1.BatchGetCustomersRequest{Ids: upTo(1000), AllowPartial: true})
	failures := resp.GetFailures()
	if n := pelcro.count(); len(failures) != 3 || !slices.Equal(failures[2].GetIds(), upTo(600)) || n != 5 {
		t.Errorf("%d failures, %d requests", len(failures), n)
	}
}

// TestBatchTooLarge: a response that is too large is asked for in halves, and what does not fit into
// the response of the batch is an error.
func TestBatchTooLarge(t *testing.T) {
	large := &people{last: 100, metadata: `"x":"` + strings.Repeat("x", 60<<10) + `"`}
	g := start(t, large)
	for _, test := range []struct {
		count, requests int64
		fits            bool
	}{{30, 1, true}, {60, 1, true}, {100, 3, false}} {
		req := &pelcrov1.BatchGetCustomersRequest{Ids: upTo(test.count)}
		if test.fits {
			large.mustReturn(t, mustSucceed(t, g.customers.BatchGetCustomers, req), req.GetIds())
		} else {
			f := mustFail(t, g.customers.BatchGetCustomers, req)
			f.mustBe(t, codes.Internal, pelcrov1.ErrorReason_PELCRO_RESPONSE_TOO_LARGE)
		}
		if n := large.count(); int64(n) != test.requests {
			t.Errorf("%d customers: %d requests, want %d", test.count, n, test.requests)
		}
	}
	resp := mustSucceed(t, g.customers.BatchGetCustomers, &pelcrov1.BatchGetCustomersRequest{Ids: upTo(100), AllowPartial: true})
	if len(resp.GetCustomers()) < 40 || len(resp.GetFailures()) != 1 || resp.GetFailures()[0].GetReason() != pelcrov1.ErrorReason_PELCRO_RESPONSE_TOO_LARGE {
		t.Errorf("%d customers, failures %v", len(resp.GetCustomers()), resp.GetFailures())
	}
}

func TestBatchInvalid(t *testing.T) {
	g := start(t, unreachable(t))
	for _, test := range []struct {
		name string
		req  *pelcrov1.BatchGetCustomersRequest
		want violation
	}{
		{"no ids", &pelcrov1.BatchGetCustomersRequest{}, violation{"ids", "FIELD_REQUIRED"}},
		{"too many ids", &pelcrov1.BatchGetCustomersRequest{Ids: upTo(1001)}, violation{"ids", "FIELD_OUT_OF_RANGE"}},
		{"id 0", &pelcrov1.BatchGetCustomersRequest{Ids: []int64{1, 0}}, violation{"ids[1]", "FIELD_OUT_OF_RANGE"}},
		{"relation", &pelcrov1.BatchGetCustomersRequest{Ids: []int64{1}, Expand: []pelcrov1.CustomerRelation{9}}, violation{"expand[0]", "FIELD_INVALID_VALUE"}},
		{"site", &pelcrov1.BatchGetCustomersRequest{Ids: []int64{1}, SiteId: new(int32(0))}, violation{"site_id", "FIELD_OUT_OF_RANGE"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := mustFail(t, g.customers.BatchGetCustomers, test.req)
			f.mustViolate(t, test.want)
		})
	}
}
