package mapping

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// domain is the google.rpc.ErrorInfo domain of every error.
const domain = "pelcro-grpc"

// NoDeadline is the [Call.Remaining] of a caller without a deadline: the time for which such a caller
// is expected to wait for a retry.
const NoDeadline = 60 * time.Second

// Kind is the effect of a call upstream, and so of its failure.
type Kind uint8

// The kinds. A Create must not be retried, so it is the kind of an operation without one; a Read has
// no effect; an Update or a Delete may be retried.
const (
	Create Kind = iota
	Read
	Update
	Delete
)

// Credential is the owner of the API key that was sent to Pelcro.
type Credential string

// The credentials. Only the operator can fix a rejected key of the gateway.
const (
	CredentialGateway Credential = "gateway"
	CredentialCaller  Credential = "caller"
)

// Call describes the RPC.
type Call struct {
	Operation Operation
	// ResourceID is the id that the request names, empty for none.
	ResourceID string
	// Credential is whose API key the call used.
	Credential Credential
	// Remaining is the rest of the caller's deadline, or [NoDeadline]. With a longer retry delay the
	// caller would lose the error.
	Remaining time.Duration
	// RequestID is the id of the call in the log.
	RequestID string
}

// Operation describes an RPC.
type Operation struct {
	// Name is the RPC's name, for example "GetCustomer".
	Name string
	Kind Kind
	// List says that a read returns a page of resources.
	List bool
	// Resource is the type of the resource for google.rpc.ResourceInfo, for example
	// "pelcro.v1.Customer".
	Resource string
	// Fields maps Pelcro's field keys to paths in the request.
	Fields FieldNames
	// own are the fields of the request message itself.
	own []string
}

// The resource and the field of the requests of the customer operations.
const (
	customerResource = "pelcro.v1.Customer"
	customerField    = "customer"
)

// The fields of the request messages themselves, with the same name at Pelcro. Pelcro may name each of
// them in every error.
var (
	requestFields = []string{
		"site_id", "expand", "password", "password_type", "skip_email_dns_validations",
		"import_payment_methods", "payment_gateway_id",
	}
	readFields   = []string{"site_id", "expand"}
	createFields = []string{
		"site_id", "password", "password_type", "skip_email_dns_validations", "import_payment_methods", "payment_gateway_id",
	}
	updateFields = []string{"site_id", "password", "password_type", "skip_email_dns_validations"}
	deleteFields = []string{"site_id"}
)

// idKeys are Pelcro's names for the customer's id, which differ from page to page of its
// documentation.
var idKeys = []string{"id", "customer", "customer_id", "user_id"}

// customerKeys are the attributes of a customer that a request can set.
var customerKeys = []string{
	"email", "first_name", "last_name", "display_name", "username", "phone", "salutation", "title", "tin",
	"organization_id", "tele_marketing", "mail_marketing", "email_hardbounce", "metadata", "old_provider_id",
	"default_source_id",
}

var customerOperations = []Operation{
	customerOperation("GetCustomer", Read, readFields, FieldNames{}, "id"),
	listOperation(),
	customerOperation("CreateCustomer", Create, createFields, customerBody(map[string]string{"customer": "customer"}), "customer.id"),
	customerOperation("UpdateCustomer", Update, updateFields, customerBody(nil), "customer.id"),
	customerOperation("DeleteCustomer", Delete, deleteFields, FieldNames{}, "id"),
}

// CustomerOperations lists the RPCs of pelcro.v1.CustomerService.
func CustomerOperations() []Operation { return slices.Clone(customerOperations) }

// CustomerOperation returns the RPC of pelcro.v1.CustomerService with that name,
// and whether there is one.
func CustomerOperation(name string) (Operation, bool) {
	for _, op := range customerOperations {
		if op.Name == name {
			return op, true
		}
	}
	return Operation{}, false
}

func listOperation() Operation {
	op := customerOperation("ListCustomers", Read, readFields, FieldNames{
		Names:    map[string]string{"limit": "page_size", "page": "page_token", "sort": "order_by"},
		Prefixes: map[string]string{"filter": "filters"},
	}, "id")
	op.List = true
	return op
}

// customerBody names the fields of a request that holds a customer.
func customerBody(names map[string]string) FieldNames {
	all := map[string]string{
		"organization":   "customer.organization_id",
		"default_source": "customer.default_source_id",
	}
	for _, key := range customerKeys {
		all[key] = customerField + "." + key
	}
	maps.Copy(all, names)
	return FieldNames{Parent: customerField, Names: all, Maps: []string{"metadata"}}
}

func customerOperation(name string, kind Kind, own []string, fields FieldNames, idPath string) Operation {
	names := map[string]string{}
	for _, field := range requestFields {
		names[field] = field
	}
	for _, key := range idKeys {
		names[key] = idPath
	}
	maps.Copy(names, fields.Names)
	fields.Names = names
	return Operation{Name: name, Kind: kind, Resource: customerResource, Fields: fields, own: own}
}

// knows reports whether the request has a field for the key.
func (o Operation) knows(key string) bool {
	key = o.Fields.withoutParent(key)
	for prefix := range o.Fields.Prefixes {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	_, known := o.Fields.Names[first(key)]
	return known && (!slices.Contains(requestFields, first(key)) || slices.Contains(o.own, first(key)))
}

// namesID reports whether the key is one of Pelcro's names for the resource's own id.
func (o Operation) namesID(key string) bool {
	return slices.Contains(idKeys, o.Fields.withoutParent(key))
}
