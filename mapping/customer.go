package mapping

import (
	"maps"
	"slices"
)

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
	customerOperation("GetCustomer", Read, readFields, fieldPaths{}, "id"),
	listOperation("ListCustomers", map[string]string{"limit": "page_size", "page": "page_token", "sort": "order_by"}),
	batchOperation(),
	listOperation("StreamCustomers", map[string]string{"page": "resume_token"}),
	customerOperation("CreateCustomer", Create, createFields, customerBody(map[string]string{"customer": "customer"}), "customer.id"),
	customerOperation("UpdateCustomer", Update, updateFields, customerBody(nil), "customer.id"),
	customerOperation("DeleteCustomer", Delete, deleteFields, fieldPaths{}, "id"),
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

// listOperation is a read of pages; names are the fields that decide which page.
func listOperation(name string, names map[string]string) Operation {
	op := customerOperation(name, Read, readFields, fieldPaths{
		Names:  names,
		Prefix: "filter", PrefixPath: "filters",
	}, "id")
	op.List = true
	return op
}

// batchOperation is a list of which the service itself makes the filter, by id.
func batchOperation() Operation {
	op := customerOperation("BatchGetCustomers", Read, readFields, fieldPaths{
		Prefix: "filter", PrefixPath: "ids",
	}, "ids")
	op.List = true
	return op
}

// customerBody names the fields of a request that holds a customer.
func customerBody(names map[string]string) fieldPaths {
	all := map[string]string{
		"organization":   "customer.organization_id",
		"default_source": "customer.default_source_id",
	}
	for _, key := range customerKeys {
		all[key] = customerField + "." + key
	}
	maps.Copy(all, names)
	return fieldPaths{Parent: customerField, Names: all, Maps: []string{"metadata"}}
}

func customerOperation(name string, kind Kind, own []string, fields fieldPaths, idPath string) Operation {
	names := map[string]string{}
	for _, field := range requestFields {
		names[field] = field
	}
	for _, key := range idKeys {
		names[key] = idPath
	}
	maps.Copy(names, fields.Names)
	fields.Names = names
	return Operation{
		Name: name, Kind: kind, Resource: customerResource, fields: fields, idKeys: idKeys,
		absent: slices.DeleteFunc(slices.Clone(requestFields), func(field string) bool { return slices.Contains(own, field) }),
	}
}
