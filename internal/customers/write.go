package customers

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// writable is a field of Customer that can be sent.
type writable struct {
	field string // in Customer
	key   string // Pelcro's name
	// value returns the value to send, nil if the field is unset.
	value func(*pelcrov1.Customer) any
}

const (
	// defaultSourceField can be changed, but not set for a new customer.
	defaultSourceField = "default_source_id"
	metadataField      = "metadata"
)

var writables = []writable{
	{"email", "email", func(c *pelcrov1.Customer) any { return value(c.Email) }},
	{"first_name", "first_name", func(c *pelcrov1.Customer) any { return value(c.FirstName) }},
	{"last_name", "last_name", func(c *pelcrov1.Customer) any { return value(c.LastName) }},
	{"display_name", "display_name", func(c *pelcrov1.Customer) any { return value(c.DisplayName) }},
	{"username", "username", func(c *pelcrov1.Customer) any { return value(c.Username) }},
	{"phone", "phone", func(c *pelcrov1.Customer) any { return value(c.Phone) }},
	{"salutation", "salutation", func(c *pelcrov1.Customer) any { return value(c.Salutation) }},
	{"title", "title", func(c *pelcrov1.Customer) any { return value(c.Title) }},
	{"tin", "tin", func(c *pelcrov1.Customer) any { return value(c.Tin) }},
	{"organization_id", "organization", func(c *pelcrov1.Customer) any { return value(c.OrganizationId) }},
	{"tele_marketing", "tele_marketing", func(c *pelcrov1.Customer) any { return value(c.TeleMarketing) }},
	{"mail_marketing", "mail_marketing", func(c *pelcrov1.Customer) any { return value(c.MailMarketing) }},
	{"email_hardbounce", "email_hardbounce", func(c *pelcrov1.Customer) any { return value(c.EmailHardbounce) }},
	{metadataField, "metadata", func(c *pelcrov1.Customer) any {
		if c.Metadata == nil {
			return nil
		}
		return c.Metadata.AsMap()
	}},
	{"old_provider_id", "old_provider_id", func(c *pelcrov1.Customer) any { return value(c.OldProviderId) }},
	{defaultSourceField, "default_source_id", func(c *pelcrov1.Customer) any { return value(c.DefaultSourceId) }},
}

// value returns the value of an optional field, nil if it is unset.
func value[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

// set adds an attribute unless its value is nil.
func set(attributes map[string]any, key string, value any) {
	if value != nil {
		attributes[key] = value
	}
}

// present returns an empty customer for nil.
func present(c *pelcrov1.Customer) *pelcrov1.Customer {
	if c == nil {
		return &pelcrov1.Customer{}
	}
	return c
}

// newCustomer returns the attributes of a create: the fields that are set. Which of them Pelcro
// requires depends on the account, so Pelcro checks it.
func (c *check) newCustomer(req *pelcrov1.CreateCustomerRequest) map[string]any {
	customer := present(req.GetCustomer())
	c.metadata(customer.GetMetadata())
	attributes := map[string]any{}
	for _, w := range writables {
		if w.field != defaultSourceField {
			set(attributes, w.key, w.value(customer))
		}
	}
	set(attributes, "password", value(req.Password))
	set(attributes, "password_type", value(req.PasswordType))
	set(attributes, "skip_email_dns_validations", value(req.SkipEmailDnsValidations))
	set(attributes, "import_payment_methods", value(req.ImportPaymentMethods))
	set(attributes, "payment_gateway_id", value(req.PaymentGatewayId))
	return attributes
}

// changes returns the attributes of an update: with a mask exactly those that it names, without one
// those that are set.
func (c *check) changes(req *pelcrov1.UpdateCustomerRequest) map[string]any {
	customer := present(req.GetCustomer())
	attributes := map[string]any{}
	if paths := req.GetUpdateMask().GetPaths(); len(paths) > 0 {
		c.masked(attributes, customer, paths)
	} else {
		c.metadata(customer.GetMetadata())
		for _, w := range writables {
			set(attributes, w.key, w.value(customer))
		}
	}
	set(attributes, "password", value(req.Password))
	set(attributes, "password_type", value(req.PasswordType))
	if len(attributes) == 0 && len(req.GetUpdateMask().GetPaths()) == 0 {
		c.add("customer", pelcrov1.FieldViolationReason_FIELD_REQUIRED,
			"There is nothing to change: set a writable field or password, or name fields in update_mask.")
	}
	set(attributes, "skip_email_dns_validations", value(req.SkipEmailDnsValidations))
	return attributes
}

// masked adds the attributes that the mask names. An unset one is cleared.
func (c *check) masked(attributes map[string]any, customer *pelcrov1.Customer, paths []string) {
	const field = "update_mask"
	for _, path := range paths {
		w, known := writableField(path)
		switch {
		case known && path == metadataField && customer.GetMetadata() == nil:
			c.add(field, pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
				`"metadata" is named but unset. Metadata merges: to remove a key, send it with a null value.`)
		case known:
			if path == metadataField {
				c.metadata(customer.GetMetadata())
			}
			attributes[w.key] = w.value(customer)
		case path == "*":
			c.add(field, pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
				`"*" would clear every field that is unset. Name the fields to change.`)
		case strings.Contains(path, "."):
			c.add(field, pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
				strconv.Quote(path)+" is below a field. Name the fields of customer itself; metadata merges key by key.")
		case (&pelcrov1.Customer{}).ProtoReflect().Descriptor().Fields().ByTextName(path) != nil:
			c.add(field, pelcrov1.FieldViolationReason_FIELD_PROHIBITED, strconv.Quote(path)+" cannot be changed. Leave it out of the mask.")
		default:
			c.add(field, pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
				strconv.Quote(path)+" is not a field of customer. Use proto names, for example \"first_name\".")
		}
	}
}

func writableField(name string) (writable, bool) {
	for _, w := range writables {
		if w.field == name {
			return w, true
		}
	}
	return writable{}, false
}

// metadata checks that the metadata can be sent as JSON.
func (c *check) metadata(s *structpb.Struct) {
	for _, key := range slices.Sorted(maps.Keys(s.GetFields())) {
		if problem := unsendable(s.GetFields()[key]); problem != "" {
			c.add("customer.metadata["+strconv.Quote(key)+"]", pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE, problem)
		}
	}
}

// unsendable returns why a value cannot be sent, empty if it can.
func unsendable(v *structpb.Value) string {
	switch kind := v.GetKind().(type) {
	case nil:
		return "The value has no kind. To remove the key, send null_value."
	case *structpb.Value_NumberValue:
		if math.IsNaN(kind.NumberValue) || math.IsInf(kind.NumberValue, 0) {
			return "JSON has no such number. Send it as text."
		}
	case *structpb.Value_ListValue:
		for _, element := range kind.ListValue.GetValues() {
			if problem := unsendable(element); problem != "" {
				return problem
			}
		}
	case *structpb.Value_StructValue:
		for _, element := range kind.StructValue.GetFields() {
			if problem := unsendable(element); problem != "" {
				return problem
			}
		}
	}
	return ""
}
