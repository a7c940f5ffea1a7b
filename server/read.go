package server

import (
	"errors"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// attribute reads one JSON attribute of a customer. read reports whether the
// value is of an expected form; if not, it goes into extra. Null never arrives:
// it leaves the field unset.
type attribute struct {
	name string
	read func(r *room, v rawjson.Value) bool
}

// attributes are what Customer names, in the order in which they are read: a
// relation may fill in an id that did not come by itself. It is Pelcro's order, too.
var attributes = [...]attribute{
	{"id", readID},
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

var attributeOf = func() map[string]int {
	index := map[string]int{}
	for i, a := range attributes {
		index[a.name] = i
	}
	return index
}()

var (
	errNoID       = errors.New("the customer has no usable id")
	errNoCustomer = errors.New("the data is no customer")
	errNoList     = errors.New("the data is no list")
)

// readCustomer reads a customer as Pelcro sends it, tolerantly: what does not fit
// is kept in extra, and only a missing or unusable id is an error.
func readCustomer(object rawjson.Value) (*pelcrov1.Customer, error) {
	if object.Kind() != '{' {
		return nil, errNoCustomer
	}
	room := newRoom(len(object.String()))
	// What stands twice counts as the last one, and what is read first is not what
	// stands first: hence two steps.
	var values [len(attributes)]rawjson.Value
	expected := 0
	for name, v := range object.Members() {
		// Pelcro's order is the table's: mostly no name has to be looked up.
		i, known := expected, expected < len(attributes) && attributes[expected].name == name
		if !known {
			i, known = attributeOf[name]
		}
		if known {
			values[i], expected = v, i+1
		} else {
			room.keep(name, v)
		}
	}
	for i, a := range attributes[:] {
		if v := values[i]; !v.IsZero() && !v.IsNull() && !a.read(room, v) {
			room.keep(a.name, v)
		}
	}
	if room.customer.Id <= 0 {
		return nil, errNoID
	}
	return room.customer, nil
}

// readCustomers reads a list of customers. One that is none, or has no usable id,
// makes the whole list unusable.
func readCustomers(list rawjson.Value) ([]*pelcrov1.Customer, error) {
	if list.Kind() != '[' {
		return nil, errNoList
	}
	var customers []*pelcrov1.Customer
	for object := range list.Elements() {
		customer, err := readCustomer(object)
		if err != nil {
			return nil, err
		}
		customers = append(customers, customer)
	}
	return customers, nil
}

func readID(r *room, v rawjson.Value) bool {
	n, ok := v.Integer()
	if ok {
		r.customer.Id = n
	}
	return ok
}

func text(field func(*pelcrov1.Customer) **string) func(*room, rawjson.Value) bool {
	return func(r *room, v rawjson.Value) bool {
		s, ok := v.Text()
		if ok {
			place(field(r.customer), &r.texts, s)
		}
		return ok
	}
}

// flag reads true and false, also as the 1 and 0 that a database has for them.
func flag(field func(*pelcrov1.Customer) **bool) func(*room, rawjson.Value) bool {
	return func(r *room, v rawjson.Value) bool {
		isTrue := v.String() == "true" || v.String() == "1"
		if !isTrue && v.String() != "false" && v.String() != "0" {
			return false
		}
		place(field(r.customer), &r.flags, isTrue)
		return true
	}
}

func id(field func(*pelcrov1.Customer) **int64) func(*room, rawjson.Value) bool {
	return func(r *room, v rawjson.Value) bool {
		n, ok := v.Integer()
		if ok {
			place(field(r.customer), &r.integers, n)
		}
		return ok
	}
}

// relation reads what is an id or, when expanded, an object. An object's own id
// counts if no other did.
func relation(id func(*pelcrov1.Customer) **int64, object func(*pelcrov1.Customer) **structpb.Struct) func(*room, rawjson.Value) bool {
	return func(r *room, v rawjson.Value) bool {
		isObject := v.Kind() == '{'
		if isObject {
			*object(r.customer) = extraStruct(v)
			v = v.Member("id")
		}
		n, ok := v.Integer()
		if ok && *id(r.customer) == nil {
			place(id(r.customer), &r.integers, n)
		}
		agrees := ok && **id(r.customer) == n
		return isObject || agrees || v.IsEmptyList()
	}
}

// relations reads a list of objects. A list of ids goes into extra.
func relations(field func(*pelcrov1.Customer) *[]*structpb.Struct) func(*room, rawjson.Value) bool {
	return func(r *room, v rawjson.Value) bool {
		objects, ok := extraStructs(v)
		if ok {
			*field(r.customer) = objects
		}
		return ok
	}
}

// readMetadata reads an object. PHP prints an empty one as [].
func readMetadata(r *room, v rawjson.Value) bool {
	switch {
	case v.Kind() == '{':
		r.customer.Metadata = metadataStruct(v)
	case v.IsEmptyList():
		r.customer.Metadata = &structpb.Struct{}
	default:
		return false
	}
	return true
}

// timestamp reads Unix seconds.
func timestamp(field func(*pelcrov1.Customer) **timestamppb.Timestamp) func(*room, rawjson.Value) bool {
	return func(r *room, v rawjson.Value) bool {
		seconds, ok := v.Integer()
		if !ok || !(&timestamppb.Timestamp{Seconds: seconds}).IsValid() {
			return false
		}
		t := next(&r.times)
		t.Seconds = seconds
		*field(r.customer) = t
		return true
	}
}

// Readable reports whether a handler of the operation could answer with the body
// of a success.
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
