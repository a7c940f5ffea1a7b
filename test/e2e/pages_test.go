//go:build e2e

package e2e_test

import (
	"fmt"
	"slices"
	"testing"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// walk reads all pages of three customers and returns the ids in order. After each page
// it calls between with the page's number, from 1.
func walk(t *testing.T, g *gateway, request *pelcrov1.ListCustomersRequest, between func(page int)) (ids []int64, totals []int32) {
	t.Helper()
	request.PageSize = 3
	for page := 1; ; page++ {
		response, got := call(t, g, g.customers.ListCustomers, request)
		got.must(t, "OK", "")
		for _, c := range response.GetCustomers() {
			ids = append(ids, c.GetId())
		}
		totals = append(totals, response.GetTotalSize())
		request.PageToken = response.GetNextPageToken()
		if request.PageToken == "" {
			return ids, totals
		}
		if page == 20 {
			t.Fatal("the walk does not end")
		}
		between(page)
	}
}

// While customers are created and deleted, a walk ends, and it misses or repeats rows
// only as the contract says: Pelcro counts pages.
func TestPageWalk(t *testing.T) {
	t.Parallel()
	seeds := []int64{1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008}
	add := func(t *testing.T, g *gateway, email string) {
		t.Helper()
		_, got := call(t, g, g.customers.CreateCustomer, newCustomer(&pelcrov1.Customer{Email: new(email)}))
		got.must(t, "OK", "")
	}
	for _, test := range []struct {
		name    string
		request *pelcrov1.ListCustomersRequest
		between func(t *testing.T, g *gateway, page int)
		want    []int64
		totals  []int32
	}{
		{"nothing changes", &pelcrov1.ListCustomersRequest{}, nil, seeds, []int32{8, 8, 8}},
		{"descending", &pelcrov1.ListCustomersRequest{OrderBy: "id desc"}, nil, []int64{1008, 1007, 1006, 1005, 1004, 1003, 1002, 1001}, []int32{8, 8, 8}},
		{"rows are added at the end", &pelcrov1.ListCustomersRequest{OrderBy: "id"}, func(t *testing.T, g *gateway, page int) {
			t.Helper()
			if page <= 2 {
				add(t, g, fmt.Sprintf("added-%d@example.com", page))
			}
		}, append(slices.Clone(seeds), 1009, 1010), []int32{8, 9, 10, 10}},
		// null, null, ada | barbara, bounced, grace | taken, zoe: the new first email
		// moves ada to the second page, and so on.
		{"a row is added at the beginning", &pelcrov1.ListCustomersRequest{OrderBy: "email"}, func(t *testing.T, g *gateway, page int) {
			t.Helper()
			if page == 1 {
				add(t, g, "aaa@example.com")
			}
		}, []int64{1003, 1004, 1001, 1001, 1008, 1007, 1002, 1006, 1005}, []int32{8, 9, 9}},
		{"a row is deleted", &pelcrov1.ListCustomersRequest{}, func(t *testing.T, g *gateway, page int) {
			t.Helper()
			if page == 1 {
				_, got := call(t, g, g.customers.DeleteCustomer, &pelcrov1.DeleteCustomerRequest{Id: 1002})
				got.must(t, "OK", "")
			}
		}, []int64{1001, 1002, 1003, 1005, 1006, 1007, 1008}, []int32{8, 7, 7}},
		{"all rows are deleted", &pelcrov1.ListCustomersRequest{}, func(t *testing.T, g *gateway, page int) {
			t.Helper()
			for _, id := range seeds {
				_, got := call(t, g, g.customers.DeleteCustomer, &pelcrov1.DeleteCustomerRequest{Id: id})
				got.must(t, "OK", "")
			}
		}, []int64{1001, 1002, 1003}, []int32{8, 0}},
		{"with a filter", &pelcrov1.ListCustomersRequest{OrderBy: "email desc", Filters: []*pelcrov1.CustomerFilter{
			{Attribute: "email", Operator: pelcrov1.CustomerFilter_OPERATOR_CONTAINS, Values: []string{"example.com", "example.org"}},
		}}, nil, []int64{1005, 1006, 1002, 1008, 1001}, []int32{5, 5}},
		{"OR-ed filters, one for a metadata key", &pelcrov1.ListCustomersRequest{Filters: []*pelcrov1.CustomerFilter{
			{Attribute: "metadata.tags", Operator: pelcrov1.CustomerFilter_OPERATOR_HAS_KEY, OrWithOthers: true},
			{Attribute: "first_name", Values: []string{"ada"}, OrWithOthers: true},
		}}, nil, []int64{1001, 1002}, []int32{2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := startGateway(t, startLaravel(t).url, gatewaySettings{})
			ids, totals := walk(t, g, test.request, func(page int) {
				if test.between != nil {
					test.between(t, g, page)
				}
			})
			if !slices.Equal(ids, test.want) || !slices.Equal(totals, test.totals) {
				t.Errorf("ids %v, want %v; totals %v, want %v", ids, test.want, totals, test.totals)
			}
		})
	}
}
