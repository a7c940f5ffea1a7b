package customers_test

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// rejections is a table of requests that must not reach the upstream.
type rejections[Req any] []struct {
	name string
	req  *Req
	want []violation
}

func (r rejections[Req]) run(t *testing.T, fail func(*testing.T, *Req) failure) {
	t.Helper()
	for _, test := range r {
		t.Run(test.name, func(t *testing.T) {
			f := fail(t, test.req)
			f.mustViolate(t, test.want...)
		})
	}
}

func one(field, reason string) []violation { return []violation{{field, reason}} }

func TestInvalidGetAndDelete(t *testing.T) {
	g := start(t, unreachable(t))
	rejections[pelcrov1.GetCustomerRequest]{
		{"nothing", &pelcrov1.GetCustomerRequest{}, one("id", "FIELD_REQUIRED")},
		{"negative id", &pelcrov1.GetCustomerRequest{Id: -1}, one("id", "FIELD_OUT_OF_RANGE")},
		{"site 0", &pelcrov1.GetCustomerRequest{Id: 42, SiteId: new(int32(0))}, one("site_id", "FIELD_OUT_OF_RANGE")},
		{"site negative", &pelcrov1.GetCustomerRequest{Id: 42, SiteId: new(int32(-7))}, one("site_id", "FIELD_OUT_OF_RANGE")},
		{"no relation", &pelcrov1.GetCustomerRequest{Id: 42, Expand: []pelcrov1.CustomerRelation{pelcrov1.CustomerRelation_CUSTOMER_RELATION_UNSPECIFIED}}, one("expand[0]", "FIELD_INVALID_VALUE")},
		{"unknown relations", &pelcrov1.GetCustomerRequest{Id: 42, Expand: []pelcrov1.CustomerRelation{pelcrov1.CustomerRelation_CUSTOMER_RELATION_ADDRESSES, 0, 5}},
			[]violation{{"expand[1]", "FIELD_INVALID_VALUE"}, {"expand[2]", "FIELD_INVALID_VALUE"}}},
		{"everything together", &pelcrov1.GetCustomerRequest{SiteId: new(int32(0)), Expand: []pelcrov1.CustomerRelation{0}},
			[]violation{{"id", "FIELD_REQUIRED"}, {"site_id", "FIELD_OUT_OF_RANGE"}, {"expand[0]", "FIELD_INVALID_VALUE"}}},
	}.run(t, func(t *testing.T, req *pelcrov1.GetCustomerRequest) failure {
		return mustFail(t, g.customers.GetCustomer, req)
	})

	rejections[pelcrov1.DeleteCustomerRequest]{
		{"delete nothing", &pelcrov1.DeleteCustomerRequest{}, one("id", "FIELD_REQUIRED")},
		{"delete, everything together", &pelcrov1.DeleteCustomerRequest{Id: math.MinInt64, SiteId: new(int32(0))},
			[]violation{{"id", "FIELD_OUT_OF_RANGE"}, {"site_id", "FIELD_OUT_OF_RANGE"}}},
	}.run(t, func(t *testing.T, req *pelcrov1.DeleteCustomerRequest) failure {
		return mustFail(t, g.customers.DeleteCustomer, req)
	})
}

func TestInvalidList(t *testing.T) {
	g := start(t, unreachable(t))
	const equals, hasKey = pelcrov1.CustomerFilter_OPERATOR_EQUALS, pelcrov1.CustomerFilter_OPERATOR_HAS_KEY
	filter := func(attribute string, operator pelcrov1.CustomerFilter_Operator, values ...string) *pelcrov1.ListCustomersRequest {
		return &pelcrov1.ListCustomersRequest{Filters: []*pelcrov1.CustomerFilter{{Attribute: attribute, Operator: operator, Values: values}}}
	}
	const attribute, values = "filters[0].attribute", "filters[0].values[0]"
	rejections[pelcrov1.ListCustomersRequest]{
		{"page_size negative", &pelcrov1.ListCustomersRequest{PageSize: -1}, one("page_size", "FIELD_OUT_OF_RANGE")},
		{"page_size smallest", &pelcrov1.ListCustomersRequest{PageSize: math.MinInt32}, one("page_size", "FIELD_OUT_OF_RANGE")},
		{"order by an unknown field", &pelcrov1.ListCustomersRequest{OrderBy: "name"}, one("order_by", "FIELD_INVALID_VALUE")},
		{"order in Pelcro's form", &pelcrov1.ListCustomersRequest{OrderBy: "-id"}, one("order_by", "FIELD_INVALID_VALUE")},
		{"order asc", &pelcrov1.ListCustomersRequest{OrderBy: "id asc"}, one("order_by", "FIELD_INVALID_VALUE")},
		{"order, other case", &pelcrov1.ListCustomersRequest{OrderBy: "id DESC"}, one("order_by", "FIELD_INVALID_VALUE")},
		{"order by two", &pelcrov1.ListCustomersRequest{OrderBy: "id, email"}, one("order_by", "FIELD_INVALID_VALUE")},
		{"unknown relation", &pelcrov1.ListCustomersRequest{Expand: []pelcrov1.CustomerRelation{9}}, one("expand[0]", "FIELD_INVALID_VALUE")},

		{"attribute missing", filter("", equals, "x"), one(attribute, "FIELD_INVALID_VALUE")},
		{"attribute unknown", filter("phone", equals, "x"), one(attribute, "FIELD_INVALID_VALUE")},
		{"attribute, other case", filter("Email", equals, "x"), one(attribute, "FIELD_INVALID_VALUE")},
		{"attribute injects", filter("email]&x[", equals, "x"), one(attribute, "FIELD_INVALID_VALUE")},
		{"metadata without key", filter("metadata", equals, "x"), one(attribute, "FIELD_INVALID_VALUE")},
		{"metadata, empty key", filter("metadata.", equals, "x"), one(attribute, "FIELD_INVALID_VALUE")},
		{"key with brackets", filter("metadata.a[b]", equals, "x"), one(attribute, "FIELD_INVALID_FORMAT")},
		{"key with a line break", filter("metadata.a\nb", equals, "x"), one(attribute, "FIELD_INVALID_FORMAT")},
		{"id: contains", filter("id", pelcrov1.CustomerFilter_OPERATOR_CONTAINS, "1"), one("filters[0].operator", "FIELD_INVALID_VALUE")},
		{"id: has key", filter("id", hasKey), one(attribute, "FIELD_INVALID_VALUE")},
		{"id: no values", filter("id", equals), one("filters[0].values", "FIELD_REQUIRED")},
		{"id: text", filter("id", equals, "1x"), one(values, "FIELD_INVALID_FORMAT")},
		{"id: empty", filter("id", equals, ""), one(values, "FIELD_INVALID_FORMAT")},
		{"id: 0", filter("id", equals, "0"), one(values, "FIELD_INVALID_FORMAT")},
		{"id: negative", filter("id", equals, "-1"), one(values, "FIELD_INVALID_FORMAT")},
		{"id: leading zero", filter("id", equals, "01"), one(values, "FIELD_INVALID_FORMAT")},
		{"id: too large", filter("id", equals, "9223372036854775808"), one(values, "FIELD_INVALID_FORMAT")},
		{"no values", filter("email", equals), one("filters[0].values", "FIELD_REQUIRED")},
		{"empty value", filter("email", equals, ""), one(values, "FIELD_REQUIRED")},
		{"comma", filter("email", equals, "a,b"), one(values, "FIELD_INVALID_FORMAT")},
		{"leading whitespace", filter("email", equals, " a"), one(values, "FIELD_INVALID_FORMAT")},
		{"trailing whitespace", filter("email", equals, "a\u00a0"), one(values, "FIELD_INVALID_FORMAT")},
		{"NUL", filter("email", equals, "a\x00b"), one(values, "FIELD_INVALID_FORMAT")},
		{"the second and third value", filter("email", equals, "a", "b,", ""),
			[]violation{{"filters[0].values[1]", "FIELD_INVALID_FORMAT"}, {"filters[0].values[2]", "FIELD_REQUIRED"}}},
		{"operator unknown", filter("email", 9, "x"), one("filters[0].operator", "FIELD_INVALID_VALUE")},

		{"has key: not metadata", filter("email", hasKey), one(attribute, "FIELD_INVALID_VALUE")},
		{"has key: no key", filter("metadata.", hasKey), one(attribute, "FIELD_INVALID_VALUE")},
		{"has key: comma", filter("metadata.a,b", hasKey), one(attribute, "FIELD_INVALID_FORMAT")},
		{"has key: whitespace", filter("metadata.a ", hasKey), one(attribute, "FIELD_INVALID_FORMAT")},
		{"has key: line break", filter("metadata.a\nb", hasKey), one(attribute, "FIELD_INVALID_FORMAT")},
		{"has key: brackets", filter("metadata.a[b]", hasKey), one(attribute, "FIELD_INVALID_FORMAT")},
		{"has key: values", filter("metadata.a", hasKey, "x", "a,b"), one("filters[0].values", "FIELD_PROHIBITED")},

		{"an attribute twice", &pelcrov1.ListCustomersRequest{Filters: []*pelcrov1.CustomerFilter{
			{Attribute: "email", Values: []string{"a"}}, {Attribute: "first_name", Values: []string{"a"}},
			{Attribute: "email", Values: []string{"b"}, OrWithOthers: true},
		}}, one("filters[2].attribute", "FIELD_INVALID_VALUE")},
		{"two keys", &pelcrov1.ListCustomersRequest{Filters: []*pelcrov1.CustomerFilter{
			{Attribute: "metadata.a", Operator: hasKey}, {Attribute: "metadata.b", Operator: hasKey},
		}}, one("filters[1].attribute", "FIELD_INVALID_VALUE")},
		{"everything together", &pelcrov1.ListCustomersRequest{
			PageSize: -1, PageToken: "x", OrderBy: "x", Expand: []pelcrov1.CustomerRelation{0}, SiteId: new(int32(0)), Filters: []*pelcrov1.CustomerFilter{{}},
		}, []violation{
			{"site_id", "FIELD_OUT_OF_RANGE"},
			{"page_size", "FIELD_OUT_OF_RANGE"},
			{"page_token", "FIELD_INVALID_FORMAT"},
			{"order_by", "FIELD_INVALID_VALUE"},
			{attribute, "FIELD_INVALID_VALUE"},
			{"filters[0].values", "FIELD_REQUIRED"},
			{"expand[0]", "FIELD_INVALID_VALUE"},
		}},
	}.run(t, func(t *testing.T, req *pelcrov1.ListCustomersRequest) failure {
		return mustFail(t, g.customers.ListCustomers, req)
	})
}

func TestInvalidMetadata(t *testing.T) {
	g := start(t, unreachable(t))
	number := structpb.NewNumberValue
	bad := &structpb.Struct{Fields: map[string]*structpb.Value{
		"z": number(math.NaN()), "fine": number(1), `"q"`: number(math.Inf(1)), "nothing": {},
		"list":   structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{number(1), number(math.Inf(-1))}}),
		"object": structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{"deep": {}}}),
	}}
	want := []violation{
		{`customer.metadata["\"q\""]`, "FIELD_INVALID_VALUE"},
		{`customer.metadata["list"]`, "FIELD_INVALID_VALUE"},
		{`customer.metadata["nothing"]`, "FIELD_INVALID_VALUE"},
		{`customer.metadata["object"]`, "FIELD_INVALID_VALUE"},
		{`customer.metadata["z"]`, "FIELD_INVALID_VALUE"},
	}
	f := mustFail(t, g.customers.CreateCustomer, &pelcrov1.CreateCustomerRequest{Customer: &pelcrov1.Customer{Metadata: bad}})
	f.mustViolate(t, want...)
	f = mustFail(t, g.customers.UpdateCustomer, &pelcrov1.UpdateCustomerRequest{Customer: &pelcrov1.Customer{Id: 42, Metadata: bad}})
	f.mustViolate(t, want...)
	f = mustFail(t, g.customers.UpdateCustomer, &pelcrov1.UpdateCustomerRequest{
		Customer: &pelcrov1.Customer{Id: 42, Metadata: bad}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"metadata"}},
	})
	f.mustViolate(t, want...)
	f = mustFail(t, g.customers.CreateCustomer, &pelcrov1.CreateCustomerRequest{
		Customer: &pelcrov1.Customer{Metadata: bad}, SiteId: new(int32(0)),
	})
	f.mustViolate(t, append(one("site_id", "FIELD_OUT_OF_RANGE"), want...)...)
}

func TestInvalidUpdate(t *testing.T) {
	g := start(t, unreachable(t))
	mask := func(paths ...string) *pelcrov1.UpdateCustomerRequest {
		return &pelcrov1.UpdateCustomerRequest{
			Customer: &pelcrov1.Customer{Id: 42, Name: new("x")}, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
		}
	}
	const field = "update_mask"
	rejections[pelcrov1.UpdateCustomerRequest]{
		{"nothing", &pelcrov1.UpdateCustomerRequest{}, []violation{{"customer.id", "FIELD_REQUIRED"}, {"customer", "FIELD_REQUIRED"}}},
		{"no id", &pelcrov1.UpdateCustomerRequest{Customer: &pelcrov1.Customer{Tin: new("x")}}, one("customer.id", "FIELD_REQUIRED")},
		{"negative id", &pelcrov1.UpdateCustomerRequest{Customer: &pelcrov1.Customer{Id: -1, Tin: new("x")}}, one("customer.id", "FIELD_OUT_OF_RANGE")},
		{"site 0", &pelcrov1.UpdateCustomerRequest{Customer: &pelcrov1.Customer{Id: 42, Tin: new("x")}, SiteId: new(int32(0))},
			one("site_id", "FIELD_OUT_OF_RANGE")},
		{"nothing to change", &pelcrov1.UpdateCustomerRequest{Customer: &pelcrov1.Customer{Id: 42}}, one("customer", "FIELD_REQUIRED")},
		{"nothing that can be changed", mask(), one("customer", "FIELD_REQUIRED")},
		{"a flag alone", &pelcrov1.UpdateCustomerRequest{Customer: &pelcrov1.Customer{Id: 42}, SkipEmailDnsValidations: new(true)},
			one("customer", "FIELD_REQUIRED")},
		{"mask: everything", mask("*"), one(field, "FIELD_INVALID_VALUE")},
		{"mask: id", mask("id"), one(field, "FIELD_PROHIBITED")},
		{"mask: output only", mask("name", "extra", "created_at"),
			one(field, "FIELD_INVALID_VALUE")},
		{"mask: a relation", mask("organization"), one(field, "FIELD_INVALID_VALUE")},
		{"mask: output only and id", mask("name", "id"), one(field, "FIELD_PROHIBITED")},
		{"mask: below metadata", mask("metadata.plan"), one(field, "FIELD_INVALID_VALUE")},
		{"mask: a path of the request", mask("customer.email"), one(field, "FIELD_INVALID_VALUE")},
		{"mask: JSON name", mask("firstName"), one(field, "FIELD_INVALID_VALUE")},
		{"mask: a field of the request", mask("password"), one(field, "FIELD_INVALID_VALUE")},
		{"mask: empty name", mask(""), one(field, "FIELD_INVALID_VALUE")},
		{"mask: unset metadata", mask("metadata"), one(field, "FIELD_INVALID_VALUE")},
		{"mask: one of many", mask("email", "x", "tin"), one(field, "FIELD_INVALID_VALUE")},
	}.run(t, func(t *testing.T, req *pelcrov1.UpdateCustomerRequest) failure {
		return mustFail(t, g.customers.UpdateCustomer, req)
	})

	f := mustFail(t, g.customers.UpdateCustomer, mask("metadata"))
	if !strings.Contains(f.violations[0].GetDescription(), "null value") {
		t.Errorf("no hint how to remove a key: %v", f.violations)
	}
}

// A field has the same path, whether this service or Pelcro rejects it.
func TestPathsAreThoseOfTheMapping(t *testing.T) {
	g := start(t, unreachable(t))
	nan := &structpb.Struct{Fields: map[string]*structpb.Value{"a.b \"c\"": structpb.NewNumberValue(math.NaN())}}
	zero := new(int32(0))
	got := map[string]failure{
		"GetCustomer":    mustFail(t, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{SiteId: zero, Expand: []pelcrov1.CustomerRelation{0}}),
		"DeleteCustomer": mustFail(t, g.customers.DeleteCustomer, &pelcrov1.DeleteCustomerRequest{SiteId: zero}),
		"CreateCustomer": mustFail(t, g.customers.CreateCustomer, &pelcrov1.CreateCustomerRequest{
			SiteId: zero, Customer: &pelcrov1.Customer{Metadata: nan},
		}),
		"UpdateCustomer": mustFail(t, g.customers.UpdateCustomer, &pelcrov1.UpdateCustomerRequest{
			SiteId: zero, Customer: &pelcrov1.Customer{Metadata: nan},
		}),
		"ListCustomers": mustFail(t, g.customers.ListCustomers, &pelcrov1.ListCustomersRequest{
			SiteId: zero, PageSize: -1, PageToken: "x", OrderBy: "x", Expand: []pelcrov1.CustomerRelation{0},
		}),
	}
	for operation, keys := range map[string][]string{
		"GetCustomer":    {"id", "site_id", "expand.0"},
		"DeleteCustomer": {"id", "site_id"},
		"CreateCustomer": {"site_id", "metadata.a.b \"c\""},
		"UpdateCustomer": {"id", "site_id", "metadata.a.b \"c\""},
		"ListCustomers":  {"site_id", "limit", "page", "sort", "expand.0"},
	} {
		var paths []string
		for _, v := range got[operation].violations {
			paths = append(paths, v.GetField())
		}
		if want := upstreamPaths(t, operation, keys); !slices.Equal(paths, want) {
			t.Errorf("%s: %q, from Pelcro %q", operation, paths, want)
		}
	}
}

// upstreamPaths returns the paths that Pelcro's keys become.
func upstreamPaths(t *testing.T, operation string, keys []string) (paths []string) {
	t.Helper()
	op, _ := mapping.CustomerOperation(operation)
	for _, key := range keys {
		body, err := json.Marshal(map[string]any{"errors": map[string]any{key: []string{"No."}}})
		if err != nil {
			t.Fatal(err)
		}
		result := mapping.FromResponse(mapping.Call{Operation: op}, mapping.Response{StatusCode: 422, Body: body})
		for _, detail := range result.Status().Details() {
			if bad, ok := detail.(*errdetails.BadRequest); ok {
				paths = append(paths, bad.GetFieldViolations()[0].GetField())
			}
		}
	}
	return paths
}

// With more violations than a status holds, the first ones are kept and the others counted.
func TestManyViolations(t *testing.T) {
	g := start(t, unreachable(t))
	f := mustFail(t, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 42, Expand: make([]pelcrov1.CustomerRelation, 500)})
	kept := len(f.violations)
	if kept == 0 || f.violations[0].GetField() != "expand[0]" || f.metadata["violationsOmitted"] == "" {
		t.Errorf("%d violations, %v", kept, slices.Sorted(maps.Keys(f.metadata)))
	}
}

// nested is a value of so many lists and objects in each other.
func nested(levels int) *structpb.Value {
	value := structpb.NewNumberValue(1)
	for i := range levels {
		if i%2 == 0 {
			value = structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{value}})
		} else {
			value = structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{"a": value}})
		}
	}
	return value
}

// PHP drops a body that is nested too deep, and reports a success.
func TestDeepMetadata(t *testing.T) {
	pelcro := responding(respond(200, `{"data":{"id":42}}`))
	g := start(t, pelcro)
	update := func(levels int) *pelcrov1.UpdateCustomerRequest {
		metadata := &structpb.Struct{Fields: map[string]*structpb.Value{"a": nested(levels - 1)}}
		return &pelcrov1.UpdateCustomerRequest{Customer: &pelcrov1.Customer{Id: 42, Metadata: metadata}}
	}
	for _, levels := range []int{33, 512, 3000} {
		f := mustFail(t, g.customers.UpdateCustomer, update(levels))
		f.mustViolate(t, violation{`customer.metadata["a"]`, "FIELD_INVALID_VALUE"})
	}
	pelcro.mustHaveReceived(t, 0)
	mustSucceed(t, g.customers.UpdateCustomer, update(32))
}

// PHP drops query parameters beyond a thousand, and servers reject long URLs.
func TestManyFilters(t *testing.T) {
	pelcro := responding(respond(200, `{"data":[]}`))
	g := start(t, pelcro)
	list := func(filters, size int) *pelcrov1.ListCustomersRequest {
		req := &pelcrov1.ListCustomersRequest{Expand: slices.Repeat([]pelcrov1.CustomerRelation{pelcrov1.CustomerRelation_CUSTOMER_RELATION_ADDRESSES}, 1000)}
		for i := range filters {
			req.Filters = append(req.Filters, &pelcrov1.CustomerFilter{
				Attribute: "metadata." + strconv.Itoa(i), Values: []string{strings.Repeat("x", size)},
			})
		}
		return req
	}
	f := mustFail(t, g.customers.ListCustomers, list(21, 1))
	f.mustViolate(t, violation{"filters", "FIELD_OUT_OF_RANGE"})
	f = mustFail(t, g.customers.ListCustomers, list(1, 8<<10))
	f.mustViolate(t, violation{"filters", "FIELD_TOO_LONG"})
	pelcro.mustHaveReceived(t, 0)
	mustSucceed(t, g.customers.ListCustomers, list(20, 1))
	mustSucceed(t, g.customers.ListCustomers, list(1, 7<<10))
}
