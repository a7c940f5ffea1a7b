//go:build e2e

package e2e_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// A rule is a validation rule of Pelcro, with requests that break only this rule.
type rule struct {
	name   string
	create *pelcrov1.CreateCustomerRequest // nil where only an update can break it
	update *pelcrov1.UpdateCustomerRequest // nil where only a create can; its customer is 1001 by default
	want   []violation
}

// rules are all rules that a typed request can break. A gRPC client cannot break the
// others (a number for a name, and the like); TestSandboxValidatesLikeLaravel does.
var rules = []rule{
	{
		name:   "none of email, old_provider_id and display_name",
		create: newCustomer(&pelcrov1.Customer{FirstName: new("Nobody")}),
		update: cleared(&pelcrov1.Customer{Id: 1003}, "display_name"),
		want:   []violation{{"customer.email", "FIELD_REQUIRED"}},
	},
	both("email format", &pelcrov1.Customer{Email: new("nope")}, violation{"customer.email", "FIELD_INVALID_FORMAT"}),
	both("email domain unknown to DNS", &pelcrov1.Customer{Email: new("a@nowhere.invalid")}, violation{"customer.email", "FIELD_INVALID_FORMAT"}),
	both("email taken", &pelcrov1.Customer{Email: new("taken@example.com")}, violation{"customer.email", "FIELD_ALREADY_TAKEN"}),
	both("email taken, in another case", &pelcrov1.Customer{Email: new("TAKEN@example.com")}, violation{"customer.email", "FIELD_ALREADY_TAKEN"}),
	both("first name too long", &pelcrov1.Customer{FirstName: new(strings.Repeat("é", 256))}, violation{"customer.first_name", "FIELD_TOO_LONG"}),
	both("last name too long", &pelcrov1.Customer{LastName: new(strings.Repeat("漢", 256))}, violation{"customer.last_name", "FIELD_TOO_LONG"}),
	{
		name:   "display name too long",
		create: &pelcrov1.CreateCustomerRequest{Customer: &pelcrov1.Customer{DisplayName: new(strings.Repeat("x", 101))}},
		update: &pelcrov1.UpdateCustomerRequest{Customer: &pelcrov1.Customer{DisplayName: new(strings.Repeat("x", 101))}},
		want:   []violation{{"customer.display_name", "FIELD_TOO_LONG"}},
	},
	both("username with whitespace", &pelcrov1.Customer{Username: new("no blanks")}, violation{"customer.username", "FIELD_INVALID_FORMAT"}),
	both("username taken", &pelcrov1.Customer{Username: new("taken")}, violation{"customer.username", "FIELD_ALREADY_TAKEN"}),
	both("phone too short", &pelcrov1.Customer{Phone: new("+1 2-3 4")}, violation{"customer.phone", "FIELD_INVALID_FORMAT"}),
	both("phone too long", &pelcrov1.Customer{Phone: new("123456789012345678901")}, violation{"customer.phone", "FIELD_INVALID_FORMAT"}),
	both("phone without digits", &pelcrov1.Customer{Phone: new("none")}, violation{"customer.phone", "FIELD_INVALID_FORMAT"}),
	both("organization unknown", &pelcrov1.Customer{OrganizationId: new(int64(1))}, violation{"customer.organization_id", "FIELD_INVALID_VALUE"}),
	both("old provider id taken", &pelcrov1.Customer{OldProviderId: new("old-1")}, violation{"customer.old_provider_id", "FIELD_ALREADY_TAKEN"}),
	both("metadata of too many keys", &pelcrov1.Customer{Metadata: manyKeys(51)}, violation{"customer.metadata", "FIELD_TOO_LONG"}),
	both("metadata value too long", &pelcrov1.Customer{Metadata: keys("color", strings.Repeat("x", 501))}, violation{`customer.metadata["color"]`, "FIELD_TOO_LONG"}),
	both("metadata key with a dot and a quote", &pelcrov1.Customer{Metadata: keys(`a."b`, strings.Repeat("x", 501))}, violation{`customer.metadata["a.\"b"]`, "FIELD_TOO_LONG"}),
	both("metadata of objects", &pelcrov1.Customer{Metadata: keys("shoe", map[string]any{"size": strings.Repeat("x", 501)})},
		violation{`customer.metadata["shoe.size"]`, "FIELD_TOO_LONG"}),
	{
		name:   "default source of someone else",
		update: &pelcrov1.UpdateCustomerRequest{Customer: &pelcrov1.Customer{DefaultSourceId: new(int64(3003))}},
		want:   []violation{{"customer.default_source_id", "FIELD_INVALID_VALUE"}},
	},
	{
		name:   "password type without password",
		create: &pelcrov1.CreateCustomerRequest{Customer: someone(), PasswordType: pelcrov1.PasswordType_PASSWORD_TYPE_BCRYPT},
		update: &pelcrov1.UpdateCustomerRequest{PasswordType: pelcrov1.PasswordType_PASSWORD_TYPE_BCRYPT},
		want:   []violation{{"password", "FIELD_REQUIRED"}},
	},
	{
		name:   "import without a gateway",
		create: &pelcrov1.CreateCustomerRequest{Customer: someone(), ImportPaymentMethods: new(true)},
		want:   []violation{{"payment_gateway_id", "FIELD_REQUIRED"}},
	},
	{
		name:   "malformed gateway id",
		create: &pelcrov1.CreateCustomerRequest{Customer: someone(), PaymentGatewayId: new("acct_1")},
		want:   []violation{{"payment_gateway_id", "FIELD_INVALID_FORMAT"}},
	},
	{
		name: "many fields, in Laravel's order",
		create: newCustomer(&pelcrov1.Customer{
			Username: new("taken"), Email: new("nope"), Phone: new("1"), Metadata: keys("b", strings.Repeat("x", 501), "a", strings.Repeat("x", 501)),
		}),
		update: &pelcrov1.UpdateCustomerRequest{Customer: &pelcrov1.Customer{
			Username: new("taken"), Email: new("nope"), Phone: new("1"), Metadata: keys("b", strings.Repeat("x", 501), "a", strings.Repeat("x", 501)),
		}},
		want: []violation{
			{"customer.email", "FIELD_INVALID_FORMAT"}, {"customer.username", "FIELD_ALREADY_TAKEN"}, {"customer.phone", "FIELD_INVALID_FORMAT"},
			{`customer.metadata["a"]`, "FIELD_TOO_LONG"}, {`customer.metadata["b"]`, "FIELD_TOO_LONG"},
		},
	},
}

func newCustomer(c *pelcrov1.Customer) *pelcrov1.CreateCustomerRequest {
	return &pelcrov1.CreateCustomerRequest{Customer: c}
}

// cleared is an update that sends only null.
func cleared(c *pelcrov1.Customer, fields ...string) *pelcrov1.UpdateCustomerRequest {
	return &pelcrov1.UpdateCustomerRequest{Customer: c, UpdateMask: &fieldmaskpb.FieldMask{Paths: fields}}
}

// both is a rule of create and update.
func both(name string, c *pelcrov1.Customer, want violation) rule {
	withName := &pelcrov1.Customer{
		DisplayName: new("someone"), Email: c.Email, FirstName: c.FirstName, LastName: c.LastName, Username: c.Username, Phone: c.Phone,
		OrganizationId: c.OrganizationId, OldProviderId: c.OldProviderId, Metadata: c.Metadata,
	}
	return rule{name: name, create: newCustomer(withName), update: &pelcrov1.UpdateCustomerRequest{Customer: c}, want: []violation{want}}
}

func someone() *pelcrov1.Customer { return &pelcrov1.Customer{DisplayName: new("someone")} }

// keys is metadata of alternating keys and values.
func keys(pairs ...any) *structpb.Struct {
	fields := map[string]any{}
	for pair := range slices.Chunk(pairs, 2) {
		fields[pair[0].(string)] = pair[1]
	}
	s, err := structpb.NewStruct(fields)
	if err != nil {
		panic(err)
	}
	return s
}

func manyKeys(n int) *structpb.Struct {
	var pairs []any
	for i := range n {
		pairs = append(pairs, "key"+strings.Repeat("x", i), true)
	}
	return keys(pairs...)
}

// Every rule is broken on create and on update, in front of a Laravel that responds as
// Pelcro documents, of one that responds as Laravel does by default, with older texts,
// and of the sandbox. The caller receives the same from all three.
func TestEveryRule(t *testing.T) {
	t.Parallel()
	documented := startGateway(t, startLaravel(t).url, gatewaySettings{})
	stock := startGateway(t, startLaravel(t, "PELCRO_VALIDATION=stock", "APP_LOCALE=en_8").url, gatewaySettings{})
	withSandbox := startGateway(t, startSandbox(t, sandbox.Config{}), gatewaySettings{direct: true})
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, upstream := range []struct {
				name       string
				gateway    *gateway
				httpStatus string
			}{{"documented", documented, "400"}, {"stock", stock, "422"}, {"sandbox", withSandbox, "400"}} {
				if r.create != nil {
					t.Run("create, "+upstream.name, func(t *testing.T) {
						_, got := call(t, upstream.gateway, upstream.gateway.customers.CreateCustomer, r.create)
						r.check(t, got, upstream.httpStatus, "rejected")
					})
				}
				if r.update != nil {
					t.Run("update, "+upstream.name, func(t *testing.T) {
						if r.update.Customer == nil {
							r.update.Customer = &pelcrov1.Customer{}
						}
						if r.update.Customer.Id == 0 {
							r.update.Customer.Id = 1001
						}
						_, got := call(t, upstream.gateway, upstream.gateway.customers.UpdateCustomer, r.update)
						r.check(t, got, upstream.httpStatus, "")
					})
				}
			}
		})
	}
}

func (r rule) check(t *testing.T, got result, httpStatus, outcome string) {
	t.Helper()
	got.must(t, "INVALID_ARGUMENT", "PELCRO_VALIDATION_FAILED")
	got.mustNotLeak(t)
	if !slices.Equal(got.violations, r.want) {
		t.Errorf("violations %v, want %v: %v", got.violations, r.want, got.descriptions)
	}
	if got.info["httpStatus"] != httpStatus || got.retryDelay != 0 || got.pushback != "" || got.info["outcome"] != outcome {
		t.Errorf("HTTP %s, outcome %q, want %s, %q; %+v", got.info["httpStatus"], got.info["outcome"], httpStatus, outcome, got)
	}
}
