package mapping_test

import (
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

func TestFieldPaths(t *testing.T) {
	const onEveryOperation = ""
	for _, test := range []struct{ operation, key, want string }{
		{"CreateCustomer", "email", "customer.email"},
		{"UpdateCustomer", "email", "customer.email"},
		{"CreateCustomer", "organization", "customer.organization_id"},
		{"UpdateCustomer", "organization", "customer.organization_id"},
		{"UpdateCustomer", "organization_id", "customer.organization_id"},
		{"UpdateCustomer", "default_source_id", "customer.default_source_id"},
		{"CreateCustomer", "metadata", "customer.metadata"},
		{"CreateCustomer", "metadata.color", `customer.metadata["color"]`},
		{"CreateCustomer", "metadata.a.b.0", `customer.metadata["a.b.0"]`},
		{"CreateCustomer", `metadata.say "hi"\`, `customer.metadata["say \"hi\"\\"]`},
		{"CreateCustomer", "metadata.été", `customer.metadata["été"]`},
		{"UpdateCustomer", "metadata.", `customer.metadata[""]`},
		{"CreateCustomer", "addresses.0.line1", "customer.addresses[0].line1"},
		{"CreateCustomer", "addresses.0.1.line1.2", "customer.addresses[0][1].line1[2]"},
		{"CreateCustomer", "unknown_key", "customer.unknown_key"},
		{"UpdateCustomer", "unknown.0x", "customer.unknown.0x"},

		{"ListCustomers", "limit", "page_size"},
		{"ListCustomers", "page", "page_token"},
		{"ListCustomers", "sort", "order_by"},
		{"ListCustomers", "filter", "filters"},
		{"ListCustomers", "filter.email", "filters"},
		{"ListCustomers", "filter[email]", "filters"},
		{"ListCustomers", "filters.0.value", "filters"},
		{"ListCustomers", "unknown_key", "unknown_key"},
		{"GetCustomer", "unknown_key.0", "unknown_key[0]"},
		{"GetCustomer", "limit", "limit"},
		{"DeleteCustomer", "filter", "filter"},

		{onEveryOperation, "site_id", "site_id"},
		{onEveryOperation, "expand", "expand"},
		{onEveryOperation, "expand.1", "expand[1]"},
		{onEveryOperation, "password", "password"},
		{onEveryOperation, "password_type", "password_type"},
		{onEveryOperation, "skip_email_dns_validations", "skip_email_dns_validations"},
		{onEveryOperation, "import_payment_methods", "import_payment_methods"},
		{onEveryOperation, "payment_gateway_id", "payment_gateway_id"},

		{"GetCustomer", "id", "id"},
		{"GetCustomer", "customer", "id"},
		{"GetCustomer", "customer_id", "id"},
		{"GetCustomer", "user_id", "id"},
		{"DeleteCustomer", "customer_id", "id"},
		{"ListCustomers", "user_id", "id"},
		{"CreateCustomer", "id", "customer.id"},
		{"CreateCustomer", "customer_id", "customer.id"},
		{"CreateCustomer", "user_id", "customer.id"},
		{"CreateCustomer", "customer", "customer"},
		{"UpdateCustomer", "default_source", "customer.default_source_id"},
		{"UpdateCustomer", "id", "customer.id"},
		{"UpdateCustomer", "customer", "customer.id"},
		{"UpdateCustomer", "customer_id", "customer.id"},
		{"UpdateCustomer", "user_id", "customer.id"},

		{"CreateCustomer", "a\x00b\nc", "customer.a b c"},
		{"CreateCustomer", "App\\Models\\User", "customer"},
		{"CreateCustomer", "metadata.https://x.example/y", `customer.metadata["https://x.example/y"]`},
		{"CreateCustomer", "metadata.10.0.0.1", `customer.metadata["10.0.0.1"]`},
		{"CreateCustomer", "customer.email", "customer.email"},
		{"UpdateCustomer", "customer.metadata.a", `customer.metadata["a"]`},
		{"UpdateCustomer", "organization.name", "customer.organization.name"},
		{"GetCustomer", "expand.1", "expand[1]"},
		{"CreateCustomer", strings.Repeat("é", 200), "customer." + strings.Repeat("é", 59)},
		{"CreateCustomer", "", "customer"},
		{"GetCustomer", "", ""},
	} {
		operations := []string{test.operation}
		if test.operation == onEveryOperation {
			operations = []string{"GetCustomer", "ListCustomers", "CreateCustomer", "UpdateCustomer", "DeleteCustomer"}
		}
		for _, operation := range operations {
			if got := fieldOf(t, operation, test.key); got != test.want {
				t.Errorf("%s: %q is %q, want %q", operation, test.key, got, test.want)
			}
		}
	}
}

// TestFieldPathsExist follows the paths of what Pelcro may complain about into
// the request messages.
func TestFieldPathsExist(t *testing.T) {
	for _, test := range []struct {
		operation string
		request   proto.Message
		keys      []string
	}{
		{"GetCustomer", &pelcrov1.GetCustomerRequest{}, []string{"id", "customer", "customer_id", "user_id", "expand", "site_id"}},
		{"ListCustomers", &pelcrov1.ListCustomersRequest{}, []string{"limit", "page", "sort", "filter", "expand", "site_id"}},
		{"CreateCustomer", &pelcrov1.CreateCustomerRequest{}, []string{
			"email", "first_name", "last_name", "display_name", "username", "phone", "salutation", "title", "tin",
			"organization", "organization_id", "tele_marketing", "mail_marketing", "email_hardbounce", "metadata",
			"old_provider_id", "password", "password_type", "skip_email_dns_validations", "import_payment_methods",
			"payment_gateway_id", "site_id",
		}},
		{"UpdateCustomer", &pelcrov1.UpdateCustomerRequest{}, []string{
			"id", "customer", "customer_id", "user_id", "email", "organization", "default_source_id", "metadata",
			"password", "password_type", "skip_email_dns_validations", "site_id",
		}},
		{"DeleteCustomer", &pelcrov1.DeleteCustomerRequest{}, []string{"id", "customer", "customer_id", "user_id", "site_id"}},
	} {
		for _, key := range test.keys {
			path := fieldOf(t, test.operation, key)
			message := test.request.ProtoReflect().Descriptor()
			for part := range strings.SplitSeq(path, ".") {
				field := message.Fields().ByName(protoreflect.Name(part))
				if field == nil {
					t.Errorf("%s: %q is %q, which the request does not have", test.operation, key, path)
					break
				}
				message = field.Message()
			}
		}
	}
}

// TestMessageWithoutField has a violation of the request as a whole.
func TestMessageWithoutField(t *testing.T) {
	result := mapping.FromResponse(callOf(t, "GetCustomer"), jsonResponse(400, `{"errors":{"":"A."}}`))
	if got, want := result.Status().Message(), "Pelcro rejected fields of the request (HTTP 400): A."; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
}

// fieldOf returns what the operation's request calls Pelcro's key.
func fieldOf(t testing.TB, operation, key string) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"errors": map[string]string{key: "A."}})
	if err != nil {
		t.Fatal(err)
	}
	result := mapping.FromResponse(callOf(t, operation), jsonResponse(400, string(body)))
	checkPromises(t, result)
	return detailsOf(t, result.Status()).badRequest.GetFieldViolations()[0].GetField()
}
