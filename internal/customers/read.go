package customers

import (
	"errors"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// attribute reads one JSON attribute of a customer.
type attribute struct {
	name string
	// read sets the field of the customer, and reports whether the value has an expected form.
	// Null never reaches it: null leaves the field unset.
	read func(c *pelcrov1.Customer, v rawjson.Value) bool
}

// attributes are the attributes that Customer has a field for, in the order in which they are read:
// default_source_id comes before default_source, whose id counts only without it.
var attributes = [...]attribute{
	{"id", field(rawjson.Value.Integer, func(c *pelcrov1.Customer) *int64 { return &c.Id })},
	{"email", optional(rawjson.Value.Text, func(c *pelcrov1.Customer) **string { return &c.Email })},
	{"first_name", optional(rawjson.Value.Text, func(c *pelcrov1.Customer) **string { return &c.FirstName })},
	{"last_name", optional(rawjson.Value.Text, func(c *pelcrov1.Customer) **string { return &c.LastName })},
	{"name", optional(rawjson.Value.Text, func(c *pelcrov1.Customer) **string { return &c.Name })},
	{"display_name", optional(rawjson.Value.Text, func(c *pelcrov1.Customer) **string { return &c.DisplayName })},
	{"username", optional(rawjson.Value.Text, func(c *pelcrov1.Customer) **string { return &c.Username })},
	{"phone", optional(rawjson.Value.Text, func(c *pelcrov1.Customer) **string { return &c.Phone })},
	{"salutation", optional(rawjson.Value.Text, func(c *pelcrov1.Customer) **string { return &c.Salutation })},
	{"title", optional(rawjson.Value.Text, func(c *pelcrov1.Customer) **string { return &c.Title })},
	{"tin", optional(rawjson.Value.Text, func(c *pelcrov1.Customer) **string { return &c.Tin })},
	{"organization", relation(
		func(c *pelcrov1.Customer) **int64 { return &c.OrganizationId },
		func(c *pelcrov1.Customer) **structpb.Struct { return &c.Organization },
	)},
	{"addresses", field(extraStructs, func(c *pelcrov1.Customer) *[]*structpb.Struct { return &c.Addresses })},
	{"subscriptions", field(extraStructs, func(c *pelcrov1.Customer) *[]*structpb.Struct { return &c.Subscriptions })},
	{"default_source_id", optional(rawjson.Value.Integer, func(c *pelcrov1.Customer) **int64 { return &c.DefaultSourceId })},
	{"default_source", relation(
		func(c *pelcrov1.Customer) **int64 { return &c.DefaultSourceId },
		func(c *pelcrov1.Customer) **structpb.Struct { return &c.DefaultSource },
	)},
	{"email_confirm", optional(readFlag, func(c *pelcrov1.Customer) **bool { return &c.EmailConfirm })},
	{"email_hardbounce", optional(readFlag, func(c *pelcrov1.Customer) **bool { return &c.EmailHardbounce })},
	{"phone_confirm", optional(readFlag, func(c *pelcrov1.Customer) **bool { return &c.PhoneConfirm })},
	{"mail_marketing", optional(readFlag, func(c *pelcrov1.Customer) **bool { return &c.MailMarketing })},
	{"tele_marketing", optional(readFlag, func(c *pelcrov1.Customer) **bool { return &c.TeleMarketing })},
	{"has_password", optional(readFlag, func(c *pelcrov1.Customer) **bool { return &c.HasPassword })},
	{"is_imported", optional(readFlag, func(c *pelcrov1.Customer) **bool { return &c.IsImported })},
	{"metadata", field(readMetadata, func(c *pelcrov1.Customer) **structpb.Struct { return &c.Metadata })},
	{"old_provider_id", optional(rawjson.Value.Text, func(c *pelcrov1.Customer) **string { return &c.OldProviderId })},
	{"password_last_updated_at", field(readTime, func(c *pelcrov1.Customer) **timestamppb.Timestamp { return &c.PasswordLastUpdatedAt })},
	{"last_login_at", field(readTime, func(c *pelcrov1.Customer) **timestamppb.Timestamp { return &c.LastLoginAt })},
	{"created_at", field(readTime, func(c *pelcrov1.Customer) **timestamppb.Timestamp { return &c.CreatedAt })},
	{"updated_at", field(readTime, func(c *pelcrov1.Customer) **timestamppb.Timestamp { return &c.UpdatedAt })},
	{"deleted_at", field(readTime, func(c *pelcrov1.Customer) **timestamppb.Timestamp { return &c.DeletedAt })},
}

var attributeOf = func() map[string]int {
	index := map[string]int{}
	for i, a := range attributes {
		index[a.name] = i
	}
	return index
}()

var (
	errNoID        = errors.New("the customer has no usable id")
	errNotCustomer = errors.New("the data is not a customer")
	errNotList     = errors.New("the data is not a list")
)

// readCustomer reads a customer as Pelcro sends it, tolerantly: an attribute that has no field, or
// another type than its field, is kept in extra, and only a missing or unusable id is an error. Of
// duplicate attributes the last one counts.
func readCustomer(object rawjson.Value) (*pelcrov1.Customer, error) {
	if object.Kind() != '{' {
		return nil, errNotCustomer
	}
	customer := &pelcrov1.Customer{}
	var values [len(attributes)]rawjson.Value
	for name, v := range object.Members() {
		if i, known := attributeOf[name]; known {
			values[i] = v
		} else {
			keep(customer, name, v)
		}
	}
	for i, a := range attributes {
		if v := values[i]; !v.IsZero() && !v.IsNull() && !a.read(customer, v) {
			keep(customer, a.name, v)
		}
	}
	if customer.GetId() <= 0 {
		return nil, errNoID
	}
	return customer, nil
}

// keep puts an attribute into extra.
func keep(c *pelcrov1.Customer, name string, v rawjson.Value) {
	if c.Extra == nil {
		c.Extra = &structpb.Struct{Fields: map[string]*structpb.Value{}}
	}
	c.Extra.Fields[name] = extraValue(v)
}

// readCustomers reads the rows of a list. A row without a usable id makes the whole list unusable:
// without it, a client would take the list for complete.
func readCustomers(list rawjson.Value) ([]*pelcrov1.Customer, error) {
	rows, err := rowsOf(list)
	if err != nil {
		return nil, err
	}
	customers := make([]*pelcrov1.Customer, 0, len(rows))
	for _, row := range rows {
		customer, err := readCustomer(row)
		if err != nil {
			return nil, err
		}
		customers = append(customers, customer)
	}
	return customers, nil
}

// rowsOf returns the elements of a list. An object with numeric keys counts as a list, because PHP
// prints a list like that when elements were removed from it (array_filter), and {} as an empty one.
func rowsOf(list rawjson.Value) (rows []rawjson.Value, err error) {
	switch list.Kind() {
	case '[':
		for row := range list.Elements() {
			rows = append(rows, row)
		}
	case '{':
		for key, row := range list.Members() {
			if key == "" || strings.Trim(key, "0123456789") != "" {
				return nil, errNotList
			}
			rows = append(rows, row)
		}
	default:
		return nil, errNotList
	}
	return rows, nil
}

// field sets a field to what read returns for the attribute.
func field[T any](read func(rawjson.Value) (T, bool), of func(*pelcrov1.Customer) *T) func(*pelcrov1.Customer, rawjson.Value) bool {
	return func(c *pelcrov1.Customer, v rawjson.Value) bool {
		value, ok := read(v)
		if ok {
			*of(c) = value
		}
		return ok
	}
}

// optional is field for an optional scalar.
func optional[T any](read func(rawjson.Value) (T, bool), of func(*pelcrov1.Customer) **T) func(*pelcrov1.Customer, rawjson.Value) bool {
	return field(func(v rawjson.Value) (*T, bool) {
		value, ok := read(v)
		return &value, ok
	}, of)
}

// readFlag reads true and false, or the 1 and 0 of a database.
func readFlag(v rawjson.Value) (isTrue, ok bool) {
	switch v.String() {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	return false, false
}

// relation reads an id or, when expanded, an object. The object's own id counts if there was no
// other one.
func relation(id func(*pelcrov1.Customer) **int64, object func(*pelcrov1.Customer) **structpb.Struct) func(*pelcrov1.Customer, rawjson.Value) bool {
	return func(c *pelcrov1.Customer, v rawjson.Value) bool {
		isObject := v.Kind() == '{'
		if isObject {
			*object(c) = extraStruct(v)
			v = v.Member("id")
		}
		n, ok := v.Integer()
		if ok && *id(c) == nil {
			*id(c) = &n
		}
		agrees := ok && **id(c) == n
		return isObject || agrees || v.IsEmptyList()
	}
}

// readMetadata reads an object. PHP prints an empty one as [].
func readMetadata(v rawjson.Value) (*structpb.Struct, bool) {
	return metadataStruct(v), v.Kind() == '{' || v.IsEmptyList()
}

// timeLayouts are the forms of ISO 8601 that PHP writes; a fraction of a second may follow in each.
// A time without an offset is in UTC, as Laravel's databases have it.
var timeLayouts = [...]string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", time.DateTime}

// readTime reads Unix seconds, or a text of one of the timeLayouts.
func readTime(v rawjson.Value) (*timestamppb.Timestamp, bool) {
	if seconds, isNumber := v.Integer(); isNumber {
		t := &timestamppb.Timestamp{Seconds: seconds}
		return t, t.IsValid()
	}
	iso, _ := v.Text()
	for _, layout := range timeLayouts {
		if parsed, err := time.Parse(layout, iso); err == nil {
			t := timestamppb.New(parsed)
			return t, t.IsValid()
		}
	}
	return nil, false
}

// Readable reports whether the handler of the operation can use the body of a success. It is for
// tools that explain a response.
func Readable(operation mapping.Operation, body []byte) bool {
	document, err := rawjson.Parse(body)
	if err != nil {
		return false
	}
	data := document.Member("data")
	if operation.Name == "ListCustomers" {
		_, err = readCustomers(data)
	} else {
		_, err = readCustomer(data)
	}
	return err == nil
}
