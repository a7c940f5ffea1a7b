package customers

import (
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// The writable fields that need care: a default source can be changed, but not set for a new
// customer.
const (
	defaultSourceField = "default_source_id"
	metadataField      = "metadata"
	organizationField  = "organization_id"
)

// writable are the fields of Customer that can be sent.
var writable = []string{
	"email", "first_name", "last_name", "display_name", "username", "phone", "salutation", "title", "tin",
	organizationField, "tele_marketing", "mail_marketing", "email_hardbounce", metadataField, "old_provider_id",
	defaultSourceField,
}

// keyOf returns Pelcro's name of a field.
func keyOf(field string) string {
	if field == organizationField {
		return "organization"
	}
	return field
}

// valueOf returns the value of a field, nil if it is unset. The message may be nil.
func valueOf(m proto.Message, field string) any {
	message := m.ProtoReflect()
	descriptor := message.Descriptor().Fields().ByTextName(field)
	if !message.Has(descriptor) {
		return nil
	}
	value := message.Get(descriptor).Interface()
	if metadata, ok := value.(protoreflect.Message); ok {
		return metadata.Interface().(*structpb.Struct).AsMap() //nolint:forcetypeassert // no other message is writable
	}
	return value
}

// addSet adds those of the fields that are set.
func addSet(attributes map[string]any, m proto.Message, fields ...string) {
	for _, field := range fields {
		if value := valueOf(m, field); value != nil {
			attributes[keyOf(field)] = value
		}
	}
}

// newCustomer returns the attributes of a create: the fields that are set. Which of them Pelcro
// requires depends on the account, so Pelcro checks it.
func (c *check) newCustomer(req *pelcrov1.CreateCustomerRequest) map[string]any {
	c.metadata(req.GetCustomer().GetMetadata())
	attributes := map[string]any{}
	addSet(attributes, req.GetCustomer(), writable...)
	delete(attributes, defaultSourceField)
	addSet(attributes, req, "password", "skip_email_dns_validations", "import_payment_methods", "payment_gateway_id")
	c.passwordType(attributes, req.GetPasswordType())
	return attributes
}

// passwordTypes are Pelcro's names of the forms of a password.
var passwordTypes = map[pelcrov1.PasswordType]string{
	pelcrov1.PasswordType_PASSWORD_TYPE_BCRYPT: "password_bcrypt",
}

// passwordType adds the form of the password, unless it is Pelcro's default.
func (c *check) passwordType(attributes map[string]any, form pelcrov1.PasswordType) {
	if form == pelcrov1.PasswordType_PASSWORD_TYPE_UNSPECIFIED {
		return
	}
	name, known := passwordTypes[form]
	if !known {
		c.add("password_type", pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE, "Use PASSWORD_TYPE_BCRYPT, or leave it out.")
	}
	attributes["password_type"] = name
}

// changes returns the attributes of an update: with a mask exactly those that it names, without one
// those that are set.
func (c *check) changes(req *pelcrov1.UpdateCustomerRequest) map[string]any {
	attributes := map[string]any{}
	paths := req.GetUpdateMask().GetPaths()
	if len(paths) > 0 {
		c.masked(attributes, req.GetCustomer(), paths)
	} else {
		c.metadata(req.GetCustomer().GetMetadata())
		addSet(attributes, req.GetCustomer(), writable...)
	}
	addSet(attributes, req, "password")
	c.passwordType(attributes, req.GetPasswordType())
	if len(attributes) == 0 && len(paths) == 0 {
		c.add("customer", pelcrov1.FieldViolationReason_FIELD_REQUIRED,
			"There is nothing to change: set a writable field or password, or name fields in update_mask.")
	}
	addSet(attributes, req, "skip_email_dns_validations")
	return attributes
}

// masked adds the attributes that the mask names. An unset one is cleared, and an output-only one is
// ignored (AIP-203).
func (c *check) masked(attributes map[string]any, customer *pelcrov1.Customer, paths []string) {
	const field = "update_mask"
	ignored := 0
	for _, path := range paths {
		known := slices.Contains(writable, path)
		switch {
		case path == metadataField && customer.GetMetadata() == nil:
			c.add(field, pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
				`"metadata" is named but unset. Metadata merges: to remove a key, send it with a null value.`)
		case known:
			if path == metadataField {
				c.metadata(customer.GetMetadata())
			}
			attributes[keyOf(path)] = valueOf(customer, path)
		case path == "*":
			c.add(field, pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
				`"*" would clear every field that is unset. Name the fields to change.`)
		case strings.Contains(path, "."):
			c.add(field, pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
				strconv.Quote(path)+" is below a field. Name the fields of customer itself; metadata merges key by key.")
		case path == "id":
			c.add(field, pelcrov1.FieldViolationReason_FIELD_PROHIBITED, `"id" cannot be changed: it names the customer. Leave it out of the mask.`)
		case customer.ProtoReflect().Descriptor().Fields().ByTextName(path) != nil:
			ignored++
		default:
			c.add(field, pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
				strconv.Quote(path)+" is not a field of customer. Use proto names, for example \"first_name\".")
		}
	}
	if ignored == len(paths) {
		c.add(field, pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
			"All names are output only, so there is nothing to change. Name a field that can be changed, or send no mask.")
	}
}

// maxMetadataDepth is how deep objects and lists are nested in metadata that is sent, with metadata
// itself as the first level. PHP drops a whole body that is nested too deep, and reports nothing.
const maxMetadataDepth = 32

// metadata checks that the metadata can be sent as JSON, and leaves this service's key alone.
func (c *check) metadata(s *structpb.Struct) {
	for _, key := range slices.Sorted(maps.Keys(s.GetFields())) {
		if key == c.reserved {
			c.add("customer.metadata["+strconv.Quote(key)+"]", pelcrov1.FieldViolationReason_FIELD_PROHIBITED,
				"This key holds the request_id of the create. Leave it out.")
			continue
		}
		if problem := unsendable(s.GetFields()[key], 1); problem != "" {
			c.add("customer.metadata["+strconv.Quote(key)+"]", pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE, problem)
		}
	}
}

// unsendable returns why a value within so many objects and lists cannot be sent, empty if it can.
func unsendable(v *structpb.Value, depth int) string {
	var elements iter.Seq[*structpb.Value]
	switch kind := v.GetKind().(type) {
	case nil:
		return "The value has no kind. To remove the key, send null_value."
	case *structpb.Value_NumberValue:
		if math.IsNaN(kind.NumberValue) || math.IsInf(kind.NumberValue, 0) {
			return "JSON has no such number. Send it as text."
		}
		return ""
	case *structpb.Value_ListValue:
		elements = slices.Values(kind.ListValue.GetValues())
	case *structpb.Value_StructValue:
		elements = maps.Values(kind.StructValue.GetFields())
	default:
		return ""
	}
	if depth == maxMetadataDepth {
		return "The value is nested too deep: metadata has at most 32 levels. Send it as JSON in a text."
	}
	for element := range elements {
		if problem := unsendable(element, depth+1); problem != "" {
			return problem
		}
	}
	return ""
}
