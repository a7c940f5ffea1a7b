package customers_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// everything is a customer with every field set, as a client has it after it has read one.
func everything(t *testing.T) *pelcrov1.Customer {
	t.Helper()
	return &pelcrov1.Customer{
		Id: 42, RequestId: new("550e8400-e29b-41d4-a716-446655440000"), Email: new("a@example.com"), FirstName: new("Ada"), LastName: new("Lovelace"), Name: new("Ada Lovelace"),
		DisplayName: new("Countess"), Username: new("ada"), Phone: new("+1 555"), Salutation: new("Ms"), Title: new("Dr."), Tin: new("GB1"),
		OrganizationId: new(int64(5)), Organization: &pelcrov1.Organization{Id: 5}, DefaultSourceId: new(int64(6)), DefaultSource: &pelcrov1.PaymentSource{Id: 6},
		AddressIds: []int64{1}, Addresses: []*pelcrov1.Address{{Id: 1}}, SubscriptionIds: []int64{1}, Subscriptions: []*pelcrov1.Subscription{{Id: 1}},
		EmailConfirm: new(true), EmailHardbounce: new(true), PhoneConfirm: new(true),
		MailMarketing: new(true), TeleMarketing: new(true), HasPassword: new(true), IsImported: new(true),
		Metadata: mustStruct(t, map[string]any{"plan": "gold"}), OldProviderId: new("old-1"),
		PasswordLastUpdatedAt: &timestamppb.Timestamp{Seconds: 1}, LastLoginAt: &timestamppb.Timestamp{Seconds: 1},
		CreatedAt: &timestamppb.Timestamp{Seconds: 1}, UpdatedAt: &timestamppb.Timestamp{Seconds: 1}, DeletedAt: &timestamppb.Timestamp{Seconds: 1},
		Extra: mustStruct(t, map[string]any{"id": 1}),
	}
}

// written are the fields of everything that can be written, except default_source_id.
const written = `"email":"a@example.com","first_name":"Ada","last_name":"Lovelace","display_name":"Countess","username":"ada",` +
	`"phone":"+1 555","salutation":"Ms","title":"Dr.","tin":"GB1","organization":5,` +
	`"tele_marketing":true,"mail_marketing":true,"email_hardbounce":true,"metadata":{"plan":"gold"},"old_provider_id":"old-1"`

// TestEveryWritableField asks whoever adds a field for its rows in the tables above, and for the name by
// which mapping knows it in Pelcro's field errors.
func TestEveryWritableField(t *testing.T) {
	customer := everything(t).ProtoReflect()
	for i := range customer.Descriptor().Fields().Len() {
		if field := customer.Descriptor().Fields().Get(i); !customer.Has(field) {
			t.Errorf("everything has no %s", field.Name())
		}
	}
	var sent map[string]any
	if err := json.Unmarshal([]byte("{"+written+"}"), &sent); err != nil {
		t.Fatal(err)
	}
	operation, _ := mapping.CustomerOperation("CreateCustomer")
	for key := range sent {
		result := mapping.FromResponse(mapping.Call{Operation: operation}, mapping.Response{
			StatusCode: http.StatusUnprocessableEntity,
			Header:     http.Header{"Content-Type": {"application/json"}},
			Body:       []byte(`{"message":"The given data was invalid.","errors":{"` + key + `":["The field is required."]}}`),
		})
		if unknown := result.Unrecognised(); len(unknown) > 0 {
			t.Errorf("mapping does not know %q: %v", key, unknown)
		}
	}
}

func TestCreateBody(t *testing.T) {
	pelcro := responding(succeed)
	g := start(t, pelcro)
	for _, test := range []struct {
		name string
		req  *pelcrov1.CreateCustomerRequest
		want string
	}{
		{"nothing", &pelcrov1.CreateCustomerRequest{}, `{}`},
		{"no field", &pelcrov1.CreateCustomerRequest{Customer: &pelcrov1.Customer{}}, `{}`},
		{"email", newCustomer("a@example.com"), `{"email":"a@example.com"}`},
		{
			"output only fields and the default source are left out", &pelcrov1.CreateCustomerRequest{Customer: everything(t)},
			`{` + written + `}`,
		},
		{
			"false and empty are not unset", &pelcrov1.CreateCustomerRequest{
				Customer: &pelcrov1.Customer{
					Email: new(""), MailMarketing: new(false), TeleMarketing: new(false), EmailHardbounce: new(false),
					OrganizationId: new(int64(0)), Metadata: &structpb.Struct{},
				},
				Password: new(""), SkipEmailDnsValidations: new(false), ImportPaymentMethods: new(false),
			},
			`{"email":"","organization":0,"tele_marketing":false,"mail_marketing":false,"email_hardbounce":false,"metadata":{},` +
				`"password":"","skip_email_dns_validations":false,"import_payment_methods":false}`,
		},
		{
			"fields of the request", &pelcrov1.CreateCustomerRequest{
				Password: new("$2y$10$x"), PasswordType: pelcrov1.PasswordType_PASSWORD_TYPE_BCRYPT, SkipEmailDnsValidations: new(true),
				ImportPaymentMethods: new(true), PaymentGatewayId: new("cus_1"),
			},
			`{"password":"$2y$10$x","password_type":"password_bcrypt","skip_email_dns_validations":true,` +
				`"import_payment_methods":true,"payment_gateway_id":"cus_1"}`,
		},
		{
			"metadata of all kinds", &pelcrov1.CreateCustomerRequest{Customer: &pelcrov1.Customer{Metadata: mustStruct(t, map[string]any{
				"text": "x", "number": 1.5, "integer": 9007199254740992, "true": true, "null": nil, "list": []any{1, "2", nil},
				"object": map[string]any{"deep": map[string]any{}}, "": "no name",
			})}},
			`{"metadata":{"":"no name","integer":9007199254740992,"list":[1,"2",null],"null":null,"number":1.5,` +
				`"object":{"deep":{}},"text":"x","true":true}}`,
		},
		{
			"texts are sent as they are", newCustomer(" Zoë \"🚲\" \\ \n\x00"),
			`{"email":" Zoë \"🚲\" \\ \n\u0000"}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := len(pelcro.received())
			mustSucceed(t, g.customers.CreateCustomer, test.req)
			mustBeSent(t, pelcro.received()[before:], "POST /api/v1/core/customers?site_id=7", test.want)
		})
	}
}

func TestUpdateBody(t *testing.T) {
	pelcro := responding(succeed)
	g := start(t, pelcro)
	mask := func(customer *pelcrov1.Customer, paths ...string) *pelcrov1.UpdateCustomerRequest {
		customer.Id = 42
		return &pelcrov1.UpdateCustomerRequest{Customer: customer, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}}
	}
	merge := mustStruct(t, map[string]any{"color": nil, "plan": "gold"})
	for _, test := range []struct {
		name string
		req  *pelcrov1.UpdateCustomerRequest
		want string
	}{
		{"no mask: what is set", mask(&pelcrov1.Customer{FirstName: new("Ada"), MailMarketing: new(false), Title: new("")}),
			`{"first_name":"Ada","title":"","mail_marketing":false}`},
		{"no mask: the default source too", mask(&pelcrov1.Customer{DefaultSourceId: new(int64(6))}), `{"default_source_id":6}`},
		{"no mask: metadata merges", mask(&pelcrov1.Customer{Metadata: merge}), `{"metadata":{"color":null,"plan":"gold"}}`},
		{"no mask: empty metadata", mask(&pelcrov1.Customer{Metadata: &structpb.Struct{}}), `{"metadata":{}}`},
		{"no mask: output only fields are left out", mask(everything(t)),
			`{` + written + `,"default_source_id":6}`},
		{"mask: a value", mask(&pelcrov1.Customer{FirstName: new("Ada")}, "first_name"), `{"first_name":"Ada"}`},
		{"mask: cleared", mask(&pelcrov1.Customer{}, "first_name"), `{"first_name":null}`},
		{"mask: nothing but what it names", mask(everything(t), "last_name", "tin"), `{"last_name":"Lovelace","tin":"GB1"}`},
		{"mask: values and cleared", mask(&pelcrov1.Customer{Phone: new("1"), MailMarketing: new(false)}, "phone", "mail_marketing", "title"),
			`{"phone":"1","mail_marketing":false,"title":null}`},
		{"mask: output only fields are ignored", mask(everything(t), "name", "tin", "extra", "organization", "address_ids"), `{"tin":"GB1"}`},
		{"mask: the same twice", mask(&pelcrov1.Customer{Phone: new("1")}, "phone", "phone"), `{"phone":"1"}`},
		{"mask: every field cleared", mask(&pelcrov1.Customer{},
			"email", "first_name", "last_name", "display_name", "username", "phone", "salutation", "title", "tin", "organization_id",
			"tele_marketing", "mail_marketing", "email_hardbounce", "old_provider_id", "default_source_id"),
			`{"email":null,"first_name":null,"last_name":null,"display_name":null,"username":null,"phone":null,"salutation":null,` +
				`"title":null,"tin":null,"organization":null,"tele_marketing":null,"mail_marketing":null,"email_hardbounce":null,` +
				`"old_provider_id":null,"default_source_id":null}`},
		{"mask: the default source", mask(&pelcrov1.Customer{DefaultSourceId: new(int64(6))}, "default_source_id"), `{"default_source_id":6}`},
		{"mask: metadata merges", mask(&pelcrov1.Customer{Metadata: merge}, "metadata"), `{"metadata":{"color":null,"plan":"gold"}}`},
		{"mask: metadata that it does not name", mask(&pelcrov1.Customer{Metadata: merge}, "tin"), `{"tin":null}`},
		{"empty customer with a password", &pelcrov1.UpdateCustomerRequest{
			Customer: &pelcrov1.Customer{Id: 42}, Password: new("s"), PasswordType: pelcrov1.PasswordType_PASSWORD_TYPE_BCRYPT, SkipEmailDnsValidations: new(true),
		}, `{"password":"s","password_type":"password_bcrypt","skip_email_dns_validations":true}`},
		{"mask and password", &pelcrov1.UpdateCustomerRequest{
			Customer:   &pelcrov1.Customer{Id: 42, Email: new("b@example.com"), Title: new("Dr.")},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"email"}}, Password: new(""), SkipEmailDnsValidations: new(false),
		}, `{"email":"b@example.com","password":"","skip_email_dns_validations":false}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := len(pelcro.received())
			mustSucceed(t, g.customers.UpdateCustomer, test.req)
			mustBeSent(t, pelcro.received()[before:], "PUT /api/v1/core/customers/42?site_id=7", test.want)
		})
	}
}

func TestSiteOfWrites(t *testing.T) {
	pelcro := responding(succeed)
	g := start(t, pelcro)
	create := newCustomer("a@example.com")
	create.SiteId = new(int32(9))
	mustSucceed(t, g.customers.CreateCustomer, create)
	mustBeSent(t, pelcro.received(), "POST /api/v1/core/customers?site_id=9", `{"email":"a@example.com"}`)
	mustSucceed(t, g.customers.UpdateCustomer, &pelcrov1.UpdateCustomerRequest{
		Customer: &pelcrov1.Customer{Id: 42, Tin: new("x")}, SiteId: new(int32(10)),
	})
	mustBeSent(t, pelcro.received()[1:], "PUT /api/v1/core/customers/42?site_id=10", `{"tin":"x"}`)
}

func mustBeSent(t *testing.T, got []request, line, body string) {
	t.Helper()
	if len(got) != 1 {
		t.Fatalf("%d requests: %v", len(got), got)
	}
	if got[0].line != line || !sameJSON(t, got[0].body, body) {
		t.Errorf("sent\n%s\n%s\nwant\n%s\n%s", got[0].line, got[0].body, line, body)
	}
}

// sameJSON compares JSON documents, without the order of their members.
func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var values [2]any
	for i, text := range []string{a, b} {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&values[i]); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	return reflect.DeepEqual(values[0], values[1])
}
