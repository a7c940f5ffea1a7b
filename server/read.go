package server

import (
	"errors"

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
	read func(c *pelcrov1.Customer, v pelcro.JSON) bool
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

// attributeOf finds an attribute by its name; the customer's id comes after them.
var attributeOf = func() map[string]int {
	index := map[string]int{"id": len(attributes)}
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
func readCustomer(object pelcro.JSON) (*pelcrov1.Customer, error) {
	customer := &pelcrov1.Customer{}
	keep := func(name string, v pelcro.JSON) {
		if customer.Extra == nil {
			customer.Extra = &structpb.Struct{Fields: map[string]*structpb.Value{}}
		}
		customer.Extra.Fields[name] = extraValue(v)
	}
	// What stands twice counts as the last one, and what is read first is not what
	// stands first: hence two steps.
	values := make([]pelcro.JSON, len(attributeOf))
	whole := object.Members(func(name []byte, v pelcro.JSON) {
		if i, known := attributeOf[string(name)]; known {
			values[i] = v
		} else {
			keep(string(name), v)
		}
	})
	if !whole {
		return nil, errNoCustomer
	}
	var ok bool
	if customer.Id, ok = values[len(attributes)].Integer(); !ok || customer.Id <= 0 {
		return nil, errNoID
	}
	for i, a := range attributes {
		if v := values[i]; v != nil && !v.IsNull() && !a.read(customer, v) {
			keep(a.name, v)
		}
	}
	return customer, nil
}

// readCustomers reads a list of customers.
func readCustomers(list pelcro.JSON) (customers []*pelcrov1.Customer, err error) {
	whole := list.Elements(func(object pelcro.JSON) {
		customer, failure := readCustomer(object)
		err = errors.Join(err, failure)
		customers = append(customers, customer)
	})
	if !whole {
		return nil, errNoList
	}
	return customers, err
}

func text(field func(*pelcrov1.Customer) **string) func(*pelcrov1.Customer, pelcro.JSON) bool {
	return func(c *pelcrov1.Customer, v pelcro.JSON) bool {
		s, ok := v.Text()
		if ok {
			*field(c) = &s
		}
		return ok
	}
}

// flag reads true and false, also as the 1 and 0 that a database has for them.
func flag(field func(*pelcrov1.Customer) **bool) func(*pelcrov1.Customer, pelcro.JSON) bool {
	return func(c *pelcrov1.Customer, v pelcro.JSON) bool {
		switch string(v) {
		case "true", "1":
			*field(c) = new(true)
		case "false", "0":
			*field(c) = new(false)
		default:
			return false
		}
		return true
	}
}

func id(field func(*pelcrov1.Customer) **int64) func(*pelcrov1.Customer, pelcro.JSON) bool {
	return func(c *pelcrov1.Customer, v pelcro.JSON) bool {
		n, ok := v.Integer()
		if ok {
			*field(c) = &n
		}
		return ok
	}
}

// relation reads what is an id or, when expanded, an object. An object's own id
// counts if no other did.
func relation(id func(*pelcrov1.Customer) **int64, object func(*pelcrov1.Customer) **structpb.Struct) func(*pelcrov1.Customer, pelcro.JSON) bool {
	return func(c *pelcrov1.Customer, v pelcro.JSON) bool {
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

// relations reads a list of objects. A list of ids goes into extra.
func relations(field func(*pelcrov1.Customer) *[]*structpb.Struct) func(*pelcrov1.Customer, pelcro.JSON) bool {
	return func(c *pelcrov1.Customer, v pelcro.JSON) bool {
		var objects []*structpb.Struct
		onlyObjects := true
		isList := v.Elements(func(element pelcro.JSON) {
			if onlyObjects = onlyObjects && element.Kind() == '{'; onlyObjects {
				objects = append(objects, extraStruct(element))
			}
		})
		if !isList || !onlyObjects {
			return false
		}
		*field(c) = objects
		return true
	}
}

// readMetadata reads an object. PHP prints an empty one as [].
func readMetadata(c *pelcrov1.Customer, v pelcro.JSON) bool {
	switch {
	case v.Kind() == '{':
		c.Metadata = metadataStruct(v)
	case v.IsEmptyList():
		c.Metadata = &structpb.Struct{}
	default:
		return false
	}
	return true
}

// timestamp reads Unix seconds.
func timestamp(field func(*pelcrov1.Customer) **timestamppb.Timestamp) func(*pelcrov1.Customer, pelcro.JSON) bool {
	return func(c *pelcrov1.Customer, v pelcro.JSON) bool {
		seconds, ok := v.Integer()
		t := &timestamppb.Timestamp{Seconds: seconds}
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
