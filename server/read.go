package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// attribute reads one JSON attribute of a customer. read reports whether the
// value is of an expected form; if not, it goes into extra. Null never arrives:
// it leaves the field unset.
type attribute struct {
	name string
	read func(c *pelcrov1.Customer, value any) bool
}

// attributes are what Customer names, in the order in which they are read: a
// relation may fill in an id that did not come by itself.
var attributes = []attribute{
	{"email", text(func(c *pelcrov1.Customer) **string { return &c.Email })},
	{"first_name", text(func(c *pelcrov1.Customer) **string { return &c.FirstName })},
	{"last_name", text(func(c *pelcrov1.Customer) **string { return &c.LastName })},
	{"name", text(func(c *pelcrov1.Customer) **string { return &c.Name })},
	{"display_name", text(func(c *pelcrov1.Customer) **string { return &c.DisplayName })},
	{"username", text(func(c *pelcrov1.Customer) **string { return &c.Username })},
	{"phone", text(func(c *pelcrov1.Customer) **string { return &c.Phone })},
	{"salutation", text(func(c *pelcrov1.Customer) **string { return &c.Salutation })},
	{"title", text(func(c *pelcrov1.Customer) **string { return &c.Title })},
	{"tin", text(func(c *pelcrov1.Customer) **string { return &c.Tin })},
	{"organization", relation(
		func(c *pelcrov1.Customer) **int64 { return &c.OrganizationId },
		func(c *pelcrov1.Customer) **structpb.Struct { return &c.Organization },
	)},
	{"addresses", relations(func(c *pelcrov1.Customer) *[]*structpb.Struct { return &c.Addresses })},
	{"subscriptions", relations(func(c *pelcrov1.Customer) *[]*structpb.Struct { return &c.Subscriptions })},
	{"default_source_id", id(func(c *pelcrov1.Customer) **int64 { return &c.DefaultSourceId })},
	{"default_source", relation(
		func(c *pelcrov1.Customer) **int64 { return &c.DefaultSourceId },
		func(c *pelcrov1.Customer) **structpb.Struct { return &c.DefaultSource },
	)},
	{"email_confirm", flag(func(c *pelcrov1.Customer) **bool { return &c.EmailConfirm })},
	{"email_hardbounce", flag(func(c *pelcrov1.Customer) **bool { return &c.EmailHardbounce })},
	{"phone_confirm", flag(func(c *pelcrov1.Customer) **bool { return &c.PhoneConfirm })},
	{"mail_marketing", flag(func(c *pelcrov1.Customer) **bool { return &c.MailMarketing })},
	{"tele_marketing", flag(func(c *pelcrov1.Customer) **bool { return &c.TeleMarketing })},
	{"has_password", flag(func(c *pelcrov1.Customer) **bool { return &c.HasPassword })},
	{"is_imported", flag(func(c *pelcrov1.Customer) **bool { return &c.IsImported })},
	{"metadata", readMetadata},
	{"old_provider_id", text(func(c *pelcrov1.Customer) **string { return &c.OldProviderId })},
	{"password_last_updated_at", timestamp(func(c *pelcrov1.Customer) **timestamppb.Timestamp { return &c.PasswordLastUpdatedAt })},
	{"last_login_at", timestamp(func(c *pelcrov1.Customer) **timestamppb.Timestamp { return &c.LastLoginAt })},
	{"created_at", timestamp(func(c *pelcrov1.Customer) **timestamppb.Timestamp { return &c.CreatedAt })},
	{"updated_at", timestamp(func(c *pelcrov1.Customer) **timestamppb.Timestamp { return &c.UpdatedAt })},
	{"deleted_at", timestamp(func(c *pelcrov1.Customer) **timestamppb.Timestamp { return &c.DeletedAt })},
}

var errNoID = errors.New("the customer has no usable id")

// readCustomer reads a customer as Pelcro sends it, tolerantly: what does not fit
// is kept in extra, and only a missing or unusable id is an error.
func readCustomer(raw json.RawMessage) (*pelcrov1.Customer, error) {
	var fields map[string]any
	if err := decodeJSON(raw, &fields); err != nil {
		return nil, err
	}
	return customerOf(fields)
}

// readCustomers reads a list of customers.
func readCustomers(raw json.RawMessage) ([]*pelcrov1.Customer, error) {
	var rows []map[string]any
	if err := decodeJSON(raw, &rows); err != nil {
		return nil, err
	}
	customers := make([]*pelcrov1.Customer, len(rows))
	for i, fields := range rows {
		customer, err := customerOf(fields)
		if err != nil {
			return nil, err
		}
		customers[i] = customer
	}
	return customers, nil
}

func customerOf(fields map[string]any) (*pelcrov1.Customer, error) {
	customer := &pelcrov1.Customer{}
	var ok bool
	if customer.Id, ok = integer(fields["id"]); !ok || customer.Id <= 0 {
		return nil, errNoID
	}
	delete(fields, "id")
	for _, a := range attributes {
		value, present := fields[a.name]
		if present && (value == nil || a.read(customer, value)) {
			delete(fields, a.name)
		}
	}
	if len(fields) > 0 {
		customer.Extra = extraStruct(fields)
	}
	return customer, nil
}

// decodeJSON decodes exactly one JSON value and keeps numbers as they are
// written.
func decodeJSON(raw []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(target); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("something follows the JSON value")
	}
	return nil
}

// integer reads a whole number, or its digits in quotes.
func integer(value any) (int64, bool) {
	var digits string
	switch value := value.(type) {
	case json.Number:
		digits = value.String()
	case string:
		digits = value
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil
}

func text(field func(*pelcrov1.Customer) **string) func(*pelcrov1.Customer, any) bool {
	return func(c *pelcrov1.Customer, value any) bool {
		s, ok := value.(string)
		if ok {
			*field(c) = &s
		}
		return ok
	}
}

// flag reads true and false, also as the 1 and 0 that a database has for them.
func flag(field func(*pelcrov1.Customer) **bool) func(*pelcrov1.Customer, any) bool {
	return func(c *pelcrov1.Customer, value any) bool {
		b, ok := value.(bool)
		if n, isNumber := value.(json.Number); isNumber && (n == "0" || n == "1") {
			b, ok = n == "1", true
		}
		if ok {
			*field(c) = &b
		}
		return ok
	}
}

func id(field func(*pelcrov1.Customer) **int64) func(*pelcrov1.Customer, any) bool {
	return func(c *pelcrov1.Customer, value any) bool {
		n, ok := integer(value)
		if ok {
			*field(c) = &n
		}
		return ok
	}
}

// relation reads what is an id or, when expanded, an object. An object's own id
// counts if no other did.
func relation(id func(*pelcrov1.Customer) **int64, object func(*pelcrov1.Customer) **structpb.Struct) func(*pelcrov1.Customer, any) bool {
	return func(c *pelcrov1.Customer, value any) bool {
		fields, isObject := value.(map[string]any)
		if isObject {
			*object(c) = extraStruct(fields)
			value = fields["id"]
		}
		n, ok := integer(value)
		if ok && *id(c) == nil {
			*id(c) = &n
		}
		agrees := ok && **id(c) == n
		return isObject || agrees || isEmptyList(value)
	}
}

// relations reads a list of objects. A list of ids goes into extra.
func relations(field func(*pelcrov1.Customer) *[]*structpb.Struct) func(*pelcrov1.Customer, any) bool {
	return func(c *pelcrov1.Customer, value any) bool {
		list, ok := value.([]any)
		if !ok {
			return false
		}
		objects := make([]*structpb.Struct, len(list))
		for i, element := range list {
			fields, ok := element.(map[string]any)
			if !ok {
				return false
			}
			objects[i] = extraStruct(fields)
		}
		*field(c) = objects
		return true
	}
}

// readMetadata reads an object. PHP prints an empty one as [].
func readMetadata(c *pelcrov1.Customer, value any) bool {
	fields, ok := value.(map[string]any)
	if ok || isEmptyList(value) {
		c.Metadata = metadataStruct(fields)
		return true
	}
	return false
}

func isEmptyList(value any) bool {
	list, ok := value.([]any)
	return ok && len(list) == 0
}

// timestamp reads Unix seconds.
func timestamp(field func(*pelcrov1.Customer) **timestamppb.Timestamp) func(*pelcrov1.Customer, any) bool {
	return func(c *pelcrov1.Customer, value any) bool {
		seconds, ok := integer(value)
		t := timestamppb.New(time.Unix(seconds, 0))
		if ok = ok && t.IsValid(); ok {
			*field(c) = t
		}
		return ok
	}
}

// Readable reports whether a handler of the operation could answer with the body
// of a success.
func Readable(operation mapping.Operation, body []byte) bool {
	data, _, err := pelcro.Envelope(body)
	if err != nil {
		return false
	}
	if operation.Name == "ListCustomers" {
		_, err = readCustomers(data)
	} else {
		_, err = readCustomer(data)
	}
	return err == nil
}
