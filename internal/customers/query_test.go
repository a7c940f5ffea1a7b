package customers_test

import (
	"net/url"
	"strings"
	"testing"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

func TestGetAndDeleteUpstream(t *testing.T) {
	pelcro := responding(succeed)
	g := start(t, pelcro)
	get := func(req *pelcrov1.GetCustomerRequest) func(*testing.T) {
		return func(t *testing.T) { mustSucceed(t, g.customers.GetCustomer, req) }
	}
	del := func(req *pelcrov1.DeleteCustomerRequest) func(*testing.T) {
		return func(t *testing.T) { mustSucceed(t, g.customers.DeleteCustomer, req) }
	}
	for _, test := range []struct {
		name string
		do   func(*testing.T)
		want string
	}{
		{"get", get(&pelcrov1.GetCustomerRequest{Id: 42}), "GET /api/v1/core/customers/42?site_id=7"},
		{"get, largest id", get(&pelcrov1.GetCustomerRequest{Id: 1<<63 - 1}), "GET /api/v1/core/customers/9223372036854775807?site_id=7"},
		{"get, one relation", get(&pelcrov1.GetCustomerRequest{Id: 42, Expand: []pelcrov1.CustomerRelation{pelcrov1.CustomerRelation_CUSTOMER_RELATION_DEFAULT_SOURCE}}),
			"GET /api/v1/core/customers/42?expand=defaultSource&site_id=7"},
		{"get, all relations", get(&pelcrov1.GetCustomerRequest{
			Id: 42, Expand: []pelcrov1.CustomerRelation{pelcrov1.CustomerRelation_CUSTOMER_RELATION_SUBSCRIPTIONS, pelcrov1.CustomerRelation_CUSTOMER_RELATION_ORGANIZATION, pelcrov1.CustomerRelation_CUSTOMER_RELATION_DEFAULT_SOURCE, pelcrov1.CustomerRelation_CUSTOMER_RELATION_ADDRESSES},
		}), "GET /api/v1/core/customers/42?expand=subscriptions%2Corganization%2CdefaultSource%2Caddresses&site_id=7"},
		{"get, other site", get(&pelcrov1.GetCustomerRequest{Id: 42, SiteId: new(int32(9))}), "GET /api/v1/core/customers/42?site_id=9"},
		{"delete", del(&pelcrov1.DeleteCustomerRequest{Id: 42}), "DELETE /api/v1/core/customers/42?site_id=7"},
		{"delete, other site", del(&pelcrov1.DeleteCustomerRequest{Id: 42, SiteId: new(int32(9))}), "DELETE /api/v1/core/customers/42?site_id=9"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := len(pelcro.received())
			test.do(t)
			got := pelcro.received()[before:]
			if len(got) != 1 || got[0].line != test.want || got[0].body != "" {
				t.Errorf("sent %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestListUpstream(t *testing.T) {
	pelcro := responding(succeed)
	g := start(t, pelcro)
	filter := func(attribute string, operator pelcrov1.CustomerFilter_Operator, or bool, values ...string) *pelcrov1.ListCustomersRequest {
		return &pelcrov1.ListCustomersRequest{Filters: []*pelcrov1.CustomerFilter{
			{Attribute: attribute, Operator: operator, OrWithOthers: or, Values: values},
		}}
	}
	const (
		unspecified = pelcrov1.CustomerFilter_OPERATOR_UNSPECIFIED
		equals      = pelcrov1.CustomerFilter_OPERATOR_EQUALS
		contains    = pelcrov1.CustomerFilter_OPERATOR_CONTAINS
		hasKey      = pelcrov1.CustomerFilter_OPERATOR_HAS_KEY
	)
	for _, test := range []struct {
		name  string
		req   *pelcrov1.ListCustomersRequest
		query string // one parameter a line
	}{
		{"default", &pelcrov1.ListCustomersRequest{}, "limit=10\npage=1\nsite_id=7\nsort=id"},
		{"page size", &pelcrov1.ListCustomersRequest{PageSize: 1}, "limit=1\npage=1\nsite_id=7\nsort=id"},
		{"largest page", &pelcrov1.ListCustomersRequest{PageSize: 100}, "limit=100\npage=1\nsite_id=7\nsort=id"},
		{"larger page", &pelcrov1.ListCustomersRequest{PageSize: 1000}, "limit=100\npage=1\nsite_id=7\nsort=id"},
		{"other site", &pelcrov1.ListCustomersRequest{SiteId: new(int32(9))}, "limit=10\npage=1\nsite_id=9\nsort=id"},
		{"relations", &pelcrov1.ListCustomersRequest{Expand: []pelcrov1.CustomerRelation{pelcrov1.CustomerRelation_CUSTOMER_RELATION_ADDRESSES, pelcrov1.CustomerRelation_CUSTOMER_RELATION_DEFAULT_SOURCE}},
			"expand=addresses,defaultSource\nlimit=10\npage=1\nsite_id=7\nsort=id"},
		{"by id", &pelcrov1.ListCustomersRequest{OrderBy: "id"}, "limit=10\npage=1\nsite_id=7\nsort=id"},
		{"by id, descending", &pelcrov1.ListCustomersRequest{OrderBy: "id desc"}, "limit=10\npage=1\nsite_id=7\nsort=-id"},
		{"by email", &pelcrov1.ListCustomersRequest{OrderBy: "email"}, "limit=10\npage=1\nsite_id=7\nsort=email"},
		{"by email, with whitespace", &pelcrov1.ListCustomersRequest{OrderBy: "  email   desc "}, "limit=10\npage=1\nsite_id=7\nsort=-email"},
		{"no operator", filter("email", unspecified, false, "a@b.c"), "filter[email]=eq:a@b.c\nlimit=10\npage=1\nsite_id=7\nsort=id"},
		{"no operator, or", filter("email", unspecified, true, "a"), "filter[email]=oreq:a\nlimit=10\npage=1\nsite_id=7\nsort=id"},
		{"equals, many", filter("first_name", equals, false, "a", "b c", "d"),
			"filter[first_name]=eq:a,b c,d\nlimit=10\npage=1\nsite_id=7\nsort=id"},
		{"equals, or", filter("last_name", equals, true, "a"), "filter[last_name]=oreq:a\nlimit=10\npage=1\nsite_id=7\nsort=id"},
		{"contains", filter("metadata.plan", contains, false, "gold"), "filter[metadata.plan]=like:gold\nlimit=10\npage=1\nsite_id=7\nsort=id"},
		{"contains, or", filter("metadata.a.b", contains, true, "x"), "filter[metadata.a.b]=orlike:x\nlimit=10\npage=1\nsite_id=7\nsort=id"},
		{"has key", filter("metadata.plan", hasKey, false), "filter[metadata]=has:plan\nlimit=10\npage=1\nsite_id=7\nsort=id"},
		{"has key, or", filter("metadata.plan", hasKey, true), "filter[metadata]=orhas:plan\nlimit=10\npage=1\nsite_id=7\nsort=id"},
		{"values that look like syntax", filter("email", equals, false, "like:x", "&page=9", "%_#+?=", "Zoë 🚲"),
			"filter[email]=eq:like:x,&page=9,%_#+?=,Zoë 🚲\nlimit=10\npage=1\nsite_id=7\nsort=id"},
		{"several", &pelcrov1.ListCustomersRequest{Filters: []*pelcrov1.CustomerFilter{
			{Attribute: "metadata.plan", Values: []string{"gold"}},
			{Attribute: "email", Operator: contains, OrWithOthers: true, Values: []string{"@example.org"}},
			{Attribute: "metadata.seats", Operator: hasKey},
		}}, "filter[email]=orlike:@example.org\nfilter[metadata.plan]=eq:gold\nfilter[metadata]=has:seats\nlimit=10\npage=1\nsite_id=7\nsort=id"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := len(pelcro.received())
			mustSucceed(t, g.customers.ListCustomers, test.req)
			got := pelcro.received()[before:]
			if want := "GET /api/v1/core/customers?" + escape(test.query); len(got) != 1 || got[0].line != want || got[0].body != "" {
				t.Errorf("sent %q\nwant %q", got, want)
			}
		})
	}
}

// escape escapes a query, one parameter a line.
func escape(query string) string {
	parameters := strings.Split(query, "\n")
	for i, parameter := range parameters {
		name, value, _ := strings.Cut(parameter, "=")
		parameters[i] = url.QueryEscape(name) + "=" + url.QueryEscape(value)
	}
	return strings.Join(parameters, "&")
}
