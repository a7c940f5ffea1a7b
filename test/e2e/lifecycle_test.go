//go:build e2e

package e2e_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// A step is one call in the lifecycle of a customer.
type step struct {
	name     string
	response map[string]any // as JSON, without times
	result   result
}

// A history records the steps with one gateway.
type history struct {
	t     *testing.T
	g     *gateway
	steps []step
}

func (h *history) add(name string, response proto.Message, got result) {
	h.t.Helper()
	raw, err := protojson.Marshal(response)
	if err != nil {
		h.t.Fatal(err)
	}
	var decoded map[string]any
	if err := json.Unmarshal(raw, &decoded); err != nil {
		h.t.Fatal(err)
	}
	if c, ok := decoded["customer"].(map[string]any); ok {
		for _, key := range []string{"createdAt", "updatedAt", "passwordLastUpdatedAt"} {
			if c[key] != nil {
				c[key] = "some time"
			}
		}
	}
	h.steps = append(h.steps, step{name, decoded, got})
}

// ok is a step that must succeed.
func (h *history) ok(got result) {
	h.t.Helper()
	got.must(h.t, "OK", "")
}

// allRelations are all relations of a customer.
var allRelations = []pelcrov1.CustomerRelation{
	pelcrov1.CustomerRelation_CUSTOMER_RELATION_ADDRESSES, pelcrov1.CustomerRelation_CUSTOMER_RELATION_DEFAULT_SOURCE,
	pelcrov1.CustomerRelation_CUSTOMER_RELATION_ORGANIZATION, pelcrov1.CustomerRelation_CUSTOMER_RELATION_SUBSCRIPTIONS,
}

// relations reads customers with and without their relations.
func (h *history) relations() {
	h.t.Helper()
	c := h.g.customers
	// A customer with relations, each with the attributes that the contract names and no others.
	read, got := call(h.t, h.g, c.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 1001, Expand: allRelations})
	h.ok(got)
	h.add("get a customer with relations", read, got)
	if r := read.GetCustomer(); len(r.GetAddresses()) != 2 || len(r.GetSubscriptions()) != 2 || r.GetDefaultSource().GetProperties() == nil ||
		r.Extra != nil || r.GetOrganization().Extra != nil || r.GetAddresses()[0].Extra != nil || r.GetSubscriptions()[1].Extra != nil ||
		r.GetDefaultSource().Extra != nil {
		h.t.Errorf("relations %v", r)
	}
	read, got = call(h.t, h.g, c.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 1001})
	h.ok(got)
	h.add("get a customer without its relations", read, got)
	if r := read.GetCustomer(); !slices.Equal(r.GetAddressIds(), []int64{2001, 2002}) || r.GetDefaultSourceId() != 3001 || r.Extra != nil {
		h.t.Errorf("ids of relations %v", r)
	}

	// Conditions that are OR-ed widen the others, which are AND-ed.
	const or, and = true, false
	listed, got := call(h.t, h.g, c.ListCustomers, &pelcrov1.ListCustomersRequest{Expand: allRelations, Filters: []*pelcrov1.CustomerFilter{
		{Attribute: "id", Operator: pelcrov1.CustomerFilter_OPERATOR_EQUALS, Values: []string{"1003", "9999"}, OrWithOthers: or},
		{Attribute: "metadata.plan", Operator: pelcrov1.CustomerFilter_OPERATOR_EQUALS, Values: []string{"gold"}, OrWithOthers: and},
		{Attribute: "last_name", Operator: pelcrov1.CustomerFilter_OPERATOR_EQUALS, Values: []string{"Lovelace"}, OrWithOthers: and},
	}})
	h.ok(got)
	h.add("list with filters", listed, got)
	if rows := listed.GetCustomers(); len(rows) != 2 || rows[0].GetId() != 1001 || rows[1].GetId() != 1003 || listed.GetTotalSize() != 2 {
		h.t.Errorf("listed %v", listed)
	}
}

// lifecycle creates, changes and deletes one customer, calls it again afterwards, and
// checks each step.
func lifecycle(t *testing.T, g *gateway) []step {
	t.Helper()
	h := &history{t: t, g: g}
	c := g.customers

	whole := &pelcrov1.Customer{
		Email: new("life@example.com"), FirstName: new("Zoë"), LastName: new("漢字"), DisplayName: new("Z/漢 🚲"), Username: new("zoe_1"),
		Phone: new("+49 (30) 123456"), Salutation: new("Ms"), Title: new("Dr."), Tin: new("DE1"), OrganizationId: new(int64(5002)),
		TeleMarketing: new(true), MailMarketing: new(false), EmailHardbounce: new(false), OldProviderId: new("life-1"),
		Metadata: keys("plan", "gold", "seats", 3, "nested", map[string]any{"a": []any{"b", nil}}, "none", nil),
	}
	created, got := call(t, g, c.CreateCustomer, &pelcrov1.CreateCustomerRequest{
		Customer: whole, Password: new(" $2y$10$x "), PasswordType: pelcrov1.PasswordType_PASSWORD_TYPE_BCRYPT,
		ImportPaymentMethods: new(true), PaymentGatewayId: new("cus_1"), SkipEmailDnsValidations: new(true),
	})
	h.ok(got)
	h.add("create", created, got)
	id := created.GetCustomer().GetId()
	if id != 1009 || created.GetCustomer().GetPhone() != "4930123456" || created.GetCustomer().GetName() != "Zoë 漢字" ||
		created.GetCustomer().HasPassword == nil || created.GetCustomer().GetCreatedAt().GetSeconds() == 0 {
		t.Errorf("created %v", created)
	}
	if want := keys("plan", "gold", "seats", 3, "nested", map[string]any{"a": []any{"b", nil}}); !proto.Equal(created.GetCustomer().GetMetadata(), want) {
		t.Errorf("metadata %v", created.GetCustomer().GetMetadata())
	}

	read, got := call(t, g, c.GetCustomer, &pelcrov1.GetCustomerRequest{Id: id, Expand: allRelations})
	h.ok(got)
	h.add("get, expanded", read, got)
	if read.GetCustomer().GetOrganization().GetName() != "Café Zürich" {
		t.Errorf("organization %v", read.GetCustomer().GetOrganization())
	}

	again, got := call(t, g, c.CreateCustomer, newCustomer(&pelcrov1.Customer{Email: new("LIFE@example.com")}))
	got.must(t, "INVALID_ARGUMENT", "PELCRO_VALIDATION_FAILED")
	h.add("create with the same email", again, got)

	// Exactly the fields in the mask change; those that are unset are cleared.
	updated, got := call(t, g, c.UpdateCustomer, &pelcrov1.UpdateCustomerRequest{
		Customer:   &pelcrov1.Customer{Id: id, Title: new("Prof."), FirstName: new("not sent")},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"title", "salutation", "organization_id"}},
	})
	h.ok(got)
	h.add("update with a mask", updated, got)
	if u := updated.GetCustomer(); u.GetTitle() != "Prof." || u.Salutation != nil || u.OrganizationId != nil || u.GetFirstName() != "Zoë" {
		t.Errorf("updated %v", u)
	}

	// Metadata merges: null removes a key.
	updated, got = call(t, g, c.UpdateCustomer, &pelcrov1.UpdateCustomerRequest{
		Customer: &pelcrov1.Customer{Id: id, Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{
			"plan": structpb.NewNullValue(), "color": structpb.NewStringValue("red"),
		}}},
	})
	h.ok(got)
	h.add("update of metadata", updated, got)
	if want := keys("color", "red", "seats", 3, "nested", map[string]any{"a": []any{"b", nil}}); !proto.Equal(updated.GetCustomer().GetMetadata(), want) {
		t.Errorf("metadata %v", updated.GetCustomer().GetMetadata())
	}

	// An update with a customer as it was read: output-only fields are ignored.
	changed := updated.GetCustomer()
	changed.LastName = new("Müller")
	updated, got = call(t, g, c.UpdateCustomer, &pelcrov1.UpdateCustomerRequest{Customer: changed, Password: new("new")})
	h.ok(got)
	h.add("update with the customer as it was read", updated, got)

	listed, got := call(t, g, c.ListCustomers, &pelcrov1.ListCustomersRequest{Filters: []*pelcrov1.CustomerFilter{
		{Attribute: "metadata.color", Operator: pelcrov1.CustomerFilter_OPERATOR_EQUALS, Values: []string{"red"}},
		{Attribute: "last_name", Operator: pelcrov1.CustomerFilter_OPERATOR_CONTAINS, Values: []string{"MÜLL", "ller"}},
	}})
	h.ok(got)
	if len(listed.GetCustomers()) != 1 || listed.GetTotalSize() != 1 || listed.GetCustomers()[0].GetId() != id {
		t.Errorf("listed %v", listed)
	}

	h.relations()

	// A deletion is final, and unique values stay taken.
	for _, want := range []string{"OK", "NOT_FOUND"} {
		deleted, got := call(t, g, c.DeleteCustomer, &pelcrov1.DeleteCustomerRequest{Id: id})
		got.must(t, want, map[string]string{"NOT_FOUND": "PELCRO_NOT_FOUND"}[want])
		h.add("delete", deleted, got)
	}
	deleted, got := call(t, g, c.GetCustomer, &pelcrov1.GetCustomerRequest{Id: id})
	got.must(t, "NOT_FOUND", "PELCRO_NOT_FOUND")
	h.add("get the deleted customer", deleted, got)
	updated, got = call(t, g, c.UpdateCustomer, &pelcrov1.UpdateCustomerRequest{Customer: &pelcrov1.Customer{Id: id, Email: new("nope")}})
	got.must(t, "NOT_FOUND", "PELCRO_NOT_FOUND")
	h.add("update the deleted customer", updated, got)
	again, got = call(t, g, c.CreateCustomer, newCustomer(whole))
	got.must(t, "INVALID_ARGUMENT", "PELCRO_VALIDATION_FAILED")
	if want := []violation{
		{"customer.email", "FIELD_ALREADY_TAKEN"}, {"customer.username", "FIELD_ALREADY_TAKEN"}, {"customer.old_provider_id", "FIELD_ALREADY_TAKEN"},
	}; !slices.Equal(got.violations, want) {
		t.Errorf("violations %v", got.violations)
	}
	h.add("create the deleted customer again", again, got)
	return h.steps
}

// The lifecycle of a customer with Laravel and with the sandbox: every result is the
// same, also every success.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	fromLaravel := lifecycle(t, startGateway(t, startLaravel(t).url, gatewaySettings{}))
	fromSandbox := lifecycle(t, startGateway(t, startSandbox(t, sandbox.Config{}), gatewaySettings{direct: true}))
	for i := range fromLaravel {
		t.Run(fromLaravel[i].name, func(t *testing.T) {
			fromLaravel[i].result.mustMatch(t, fromSandbox[i].result)
			if !slices.Equal(fromLaravel[i].result.violations, fromSandbox[i].result.violations) {
				t.Errorf("violations\nreal    %v\nsandbox %v", fromLaravel[i].result.violations, fromSandbox[i].result.violations)
			}
			if !reflect.DeepEqual(fromLaravel[i].response, fromSandbox[i].response) {
				t.Errorf("real    %v\nsandbox %v", fromLaravel[i].response, fromSandbox[i].response)
			}
		})
	}
}
