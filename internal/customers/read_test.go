package customers_test

import (
	"net/http"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// reading returns a function that reads a customer as the upstream sends it.
func reading(t *testing.T) func(t *testing.T, data string) *pelcrov1.Customer {
	t.Helper()
	data := make(chan string, 1)
	g := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		respond(http.StatusOK, `{"data":`+<-data+`}`)(w, r)
	}))
	return func(t *testing.T, json string) *pelcrov1.Customer {
		t.Helper()
		data <- json
		return mustSucceed(t, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: 42}).GetCustomer()
	}
}

// attributes is every attribute in its documented form.
const attributes = `{
	"id": 42, "email": "a@example.com", "first_name": "Ada", "last_name": "Zoë 🚲", "name": "Ada L", "display_name": "Countess",
	"username": "ada", "phone": "1555", "salutation": "Ms", "title": "Dr.", "tin": "GB1",
	"organization": {"id": 5, "name": "Engines"}, "addresses": [{"id": 1, "line2": null}, {"id": 2}], "subscriptions": [{"id": 3}],
	"default_source_id": 6, "default_source": {"id": 6, "last4": "4242"},
	"email_confirm": true, "email_hardbounce": false, "phone_confirm": true, "mail_marketing": false, "tele_marketing": true,
	"has_password": true, "is_imported": false, "metadata": {"plan": "gold"}, "old_provider_id": "old-1",
	"password_last_updated_at": 1, "last_login_at": 2, "created_at": 1704099600, "updated_at": 4, "deleted_at": 5
}`

func TestReadEveryAttribute(t *testing.T) {
	mustEqual(t, reading(t)(t, attributes), &pelcrov1.Customer{
		Id: 42, Email: new("a@example.com"), FirstName: new("Ada"), LastName: new("Zoë 🚲"), Name: new("Ada L"), DisplayName: new("Countess"),
		Username: new("ada"), Phone: new("1555"), Salutation: new("Ms"), Title: new("Dr."), Tin: new("GB1"),
		OrganizationId: new(int64(5)), Organization: mustStruct(t, map[string]any{"id": 5, "name": "Engines"}),
		Addresses:       []*structpb.Struct{mustStruct(t, map[string]any{"id": 1, "line2": nil}), mustStruct(t, map[string]any{"id": 2})},
		Subscriptions:   []*structpb.Struct{mustStruct(t, map[string]any{"id": 3})},
		DefaultSourceId: new(int64(6)), DefaultSource: mustStruct(t, map[string]any{"id": 6, "last4": "4242"}),
		EmailConfirm: new(true), EmailHardbounce: new(false), PhoneConfirm: new(true), MailMarketing: new(false), TeleMarketing: new(true),
		HasPassword: new(true), IsImported: new(false), Metadata: mustStruct(t, map[string]any{"plan": "gold"}), OldProviderId: new("old-1"),
		PasswordLastUpdatedAt: &timestamppb.Timestamp{Seconds: 1}, LastLoginAt: &timestamppb.Timestamp{Seconds: 2},
		CreatedAt: &timestamppb.Timestamp{Seconds: 1704099600}, UpdatedAt: &timestamppb.Timestamp{Seconds: 4},
		DeletedAt: &timestamppb.Timestamp{Seconds: 5},
	})
}

// Every field of the message but extra is read from somewhere.
func TestEveryFieldIsRead(t *testing.T) {
	customer := reading(t)(t, attributes).ProtoReflect()
	fields := customer.Descriptor().Fields()
	for i := range fields.Len() {
		if field := fields.Get(i); field.Name() != "extra" && !customer.Has(field) {
			t.Errorf("%s is not read", field.Name())
		}
	}
}

func TestReadTolerantly(t *testing.T) {
	read := reading(t)
	extra := func(fields map[string]any) *pelcrov1.Customer {
		return &pelcrov1.Customer{Id: 42, Extra: mustStruct(t, fields)}
	}
	for _, test := range []struct {
		name string
		data string // besides the id
		want *pelcrov1.Customer
	}{
		{"only an id", ``, &pelcrov1.Customer{Id: 42}},
		{"null everywhere", `,"email":null,"organization":null,"addresses":null,"default_source":null,"email_confirm":null,
			"metadata":null,"created_at":null,"deleted_at":null`, &pelcrov1.Customer{Id: 42}},
		{"empty texts", `,"email":"","first_name":""`, &pelcrov1.Customer{Id: 42, Email: new(""), FirstName: new("")}},
		{"escapes", `,"email":"\u0000\u00e9\/\ud83d\udeb2"`, &pelcrov1.Customer{Id: 42, Email: new("\x00é/🚲")}},
		{"half a character", `,"email":"\ud83d","title":"` + "\xff" + `"`, &pelcrov1.Customer{Id: 42, Email: new("\ufffd"), Title: new("\ufffd")}},

		{"booleans as numbers", `,"email_confirm":1,"has_password":0`, &pelcrov1.Customer{Id: 42, EmailConfirm: new(true), HasPassword: new(false)}},
		{"booleans as something else", `,"email_confirm":2,"has_password":"1","is_imported":"","phone_confirm":1.0`,
			extra(map[string]any{"email_confirm": 2, "has_password": "1", "is_imported": "", "phone_confirm": 1})},

		{"metadata, empty object", `,"metadata":{}`, &pelcrov1.Customer{Id: 42, Metadata: &structpb.Struct{}}},
		{"metadata, empty list", `,"metadata":[]`, &pelcrov1.Customer{Id: 42, Metadata: &structpb.Struct{}}},
		{"metadata, list", `,"metadata":["first","second"]`, extra(map[string]any{"metadata": []any{"first", "second"}})},
		{"metadata, text", `,"metadata":"{}"`, extra(map[string]any{"metadata": "{}"})},
		{"metadata, all kinds", `,"metadata":{"a":null,"b":true,"c":1.5,"d":"x","e":[1,[],{}],"f":{"g":{"h":-0.5}},"":0}`,
			&pelcrov1.Customer{Id: 42, Metadata: mustStruct(t, map[string]any{
				"a": nil, "b": true, "c": 1.5, "d": "x", "e": []any{1, []any{}, map[string]any{}},
				"f": map[string]any{"g": map[string]any{"h": -0.5}}, "": 0,
			})}},

		{"relation, id", `,"organization":5`, &pelcrov1.Customer{Id: 42, OrganizationId: new(int64(5))}},
		{"relation, digits", `,"organization":"5"`, &pelcrov1.Customer{Id: 42, OrganizationId: new(int64(5))}},
		{"relation, large id", `,"organization":9007199254740993`, &pelcrov1.Customer{Id: 42, OrganizationId: new(int64(9007199254740993))}},
		{"relation, empty list", `,"organization":[],"default_source":[]`, &pelcrov1.Customer{Id: 42}},
		{"relation, list", `,"default_source":[{"id":6}]`, extra(map[string]any{"default_source": []any{map[string]any{"id": 6}}})},
		{"relation, text", `,"organization":"Engines"`, extra(map[string]any{"organization": "Engines"})},
		{"relation, object without id", `,"organization":{"name":"x"}`,
			&pelcrov1.Customer{Id: 42, Organization: mustStruct(t, map[string]any{"name": "x"})}},
		{"source as id only", `,"default_source":6`, &pelcrov1.Customer{Id: 42, DefaultSourceId: new(int64(6))}},
		{"source as id twice", `,"default_source":"6","default_source_id":6`, &pelcrov1.Customer{Id: 42, DefaultSourceId: new(int64(6))}},
		{"source as two ids", `,"default_source":8,"default_source_id":6`, &pelcrov1.Customer{
			Id: 42, DefaultSourceId: new(int64(6)), Extra: mustStruct(t, map[string]any{"default_source": 8}),
		}},
		{"relations, empty", `,"addresses":[]`, &pelcrov1.Customer{Id: 42}},
		{"relations, ids", `,"addresses":[1,2],"subscriptions":["3"]`,
			extra(map[string]any{"addresses": []any{1, 2}, "subscriptions": []any{"3"}})},
		{"relations, mixed", `,"addresses":[{"id":1},2]`, extra(map[string]any{"addresses": []any{map[string]any{"id": 1}, 2}})},
		{"relations, object", `,"addresses":{"object":"list","data":[]}`,
			extra(map[string]any{"addresses": map[string]any{"object": "list", "data": []any{}}})},

		{"unknown attributes", `,"balance":0,"language":"fr","nothing":null,"list":[1],"object":{"a":"b"},"ID":1`,
			extra(map[string]any{
				"balance": 0, "language": "fr", "nothing": nil, "list": []any{1}, "object": map[string]any{"a": "b"}, "ID": 1,
			})},
		{"texts of the wrong type", `,"email":12,"phone":true,"tin":["x"],"title":{}`,
			extra(map[string]any{"email": 12, "phone": true, "tin": []any{"x"}, "title": map[string]any{}})},

		{"times", `,"created_at":0,"updated_at":"1704099600","deleted_at":-1`, &pelcrov1.Customer{
			Id: 42, CreatedAt: &timestamppb.Timestamp{}, UpdatedAt: &timestamppb.Timestamp{Seconds: 1704099600},
			DeletedAt: &timestamppb.Timestamp{Seconds: -1},
		}},
		{"last possible time", `,"created_at":253402300799`, &pelcrov1.Customer{Id: 42, CreatedAt: &timestamppb.Timestamp{Seconds: 253402300799}}},
		{"impossible times", `,"created_at":253402300800,"updated_at":"10000-01-01T00:00:00Z","deleted_at":1.5,"last_login_at":-9223372036854775808`,
			extra(map[string]any{
				"created_at": 253402300800, "updated_at": "10000-01-01T00:00:00Z", "deleted_at": 1.5, "last_login_at": "-9223372036854775808",
			})},
		{"times of Laravel", `,"created_at":"2026-01-02T03:04:05.678901Z","updated_at":"2026-01-02 03:04:05","deleted_at":"2026-01-02 03:04:05.5"`,
			&pelcrov1.Customer{
				Id: 42, CreatedAt: &timestamppb.Timestamp{Seconds: 1767323045, Nanos: 678901000},
				UpdatedAt: &timestamppb.Timestamp{Seconds: 1767323045}, DeletedAt: &timestamppb.Timestamp{Seconds: 1767323045, Nanos: 5e8},
			}},
		{"times with offsets", `,"created_at":"2026-01-02T05:04:05+02:00","updated_at":"2026-01-02T05:04:05+0200","deleted_at":"2026-01-02T03:04:05"`,
			&pelcrov1.Customer{
				Id: 42, CreatedAt: &timestamppb.Timestamp{Seconds: 1767323045}, UpdatedAt: &timestamppb.Timestamp{Seconds: 1767323045},
				DeletedAt: &timestamppb.Timestamp{Seconds: 1767323045},
			}},
		{"times without seconds", `,"created_at":"2026-01-02T03:04Z","updated_at":"2026-01-02 05:04+02","deleted_at":"2026-01-02T03:04",
			"last_login_at":"2026-01-02 03:04:00+00"`,
			&pelcrov1.Customer{
				Id: 42, CreatedAt: &timestamppb.Timestamp{Seconds: 1767323040}, UpdatedAt: &timestamppb.Timestamp{Seconds: 1767323040},
				DeletedAt: &timestamppb.Timestamp{Seconds: 1767323040}, LastLoginAt: &timestamppb.Timestamp{Seconds: 1767323040},
			}},
		{"date", `,"created_at":"2026-01-02"`, &pelcrov1.Customer{Id: 42, CreatedAt: &timestamppb.Timestamp{Seconds: 1767312000}}},
		{"first and last time", `,"created_at":"0001-01-01T00:00:00Z","updated_at":"9999-12-31T23:59:59Z"`, &pelcrov1.Customer{
			Id: 42, CreatedAt: &timestamppb.Timestamp{Seconds: -62135596800}, UpdatedAt: &timestamppb.Timestamp{Seconds: 253402300799},
		}},
		{"other texts for times", `,"created_at":"0000-00-00 00:00:00","updated_at":"2026-01","deleted_at":"","last_login_at":"3 days ago"`,
			extra(map[string]any{
				"created_at": "0000-00-00 00:00:00", "updated_at": "2026-01", "deleted_at": "", "last_login_at": "3 days ago",
			})},

		{"large integers", `,"metadata":{"n":9007199254740993},"a":9007199254740992,"b":9007199254740993,"c":-9007199254740993,
			"d":123456789012345678901234567890,"e":[9007199254740993],"f":9007199254740993.5`, &pelcrov1.Customer{
			Id: 42, Metadata: mustStruct(t, map[string]any{"n": 9007199254740992}),
			Extra: mustStruct(t, map[string]any{
				"a": 9007199254740992, "b": "9007199254740993", "c": "-9007199254740993",
				"d": "123456789012345678901234567890", "e": []any{"9007199254740993"}, "f": 9007199254740994.0,
			}),
		}},
		{"large integers in relations", `,"organization":{"id":9007199254740993}`, &pelcrov1.Customer{
			Id: 42, OrganizationId: new(int64(9007199254740993)), Organization: mustStruct(t, map[string]any{"id": "9007199254740993"}),
		}},
		{"numbers beyond a double", `,"metadata":{"n":1e999},"a":1e999,"b":-1e999,"c":1e-999`, &pelcrov1.Customer{
			Id: 42, Metadata: mustStruct(t, map[string]any{"n": "1e999"}), Extra: mustStruct(t, map[string]any{"a": "1e999", "b": "-1e999", "c": 0}),
		}},
		{"an attribute twice", `,"email":"a","email":"b"`, &pelcrov1.Customer{Id: 42, Email: new("b")}},
		{"an attribute twice, first of the wrong type", `,"email":1,"email":"b"`, &pelcrov1.Customer{Id: 42, Email: new("b")}},
		{"an attribute twice, then of the wrong type", `,"email":"a","email":1`, extra(map[string]any{"email": 1})},
		{"an attribute twice, then null", `,"email":"a","x":1,"email":null,"x":null`, extra(map[string]any{"x": nil})},
		{"a key twice", `,"metadata":{"a":1,"a":"b"}`, &pelcrov1.Customer{Id: 42, Metadata: mustStruct(t, map[string]any{"a": "b"})}},
		{"names with escapes", `,"\u0065mail":"a","x\/y":{"\"":1}`, &pelcrov1.Customer{
			Id: 42, Email: new("a"), Extra: mustStruct(t, map[string]any{"x/y": map[string]any{`"`: 1}}),
		}},
		{"names that are not UTF-8", ",\"\xff\":{\"\xff\":\"\xff\xff\"}", extra(map[string]any{"\ufffd": map[string]any{"\ufffd": "\ufffd\ufffd"}})},
		{"brackets, quotes and commas in texts", `,"email":"},{\"]\\","title":"[","x":["\\","]"],"tin":","`, &pelcrov1.Customer{
			Id: 42, Email: new(`},{"]\`), Title: new("["), Tin: new(","), Extra: mustStruct(t, map[string]any{"x": []any{`\`, "]"}}),
		}},
		{"whitespace everywhere", "\r\n,\t\"email\" : \"a\" , \"metadata\" : { } , \"addresses\" : [ ] , \"x\" : [ 1 , { \"a\" : 2 } ] ", &pelcrov1.Customer{
			Id: 42, Email: new("a"), Metadata: &structpb.Struct{}, Extra: mustStruct(t, map[string]any{"x": []any{1, map[string]any{"a": 2}}}),
		}},
		{"the last first", `,"deleted_at":5,"title":"Dr.","email":"a"`, &pelcrov1.Customer{
			Id: 42, Email: new("a"), Title: new("Dr."), DeletedAt: &timestamppb.Timestamp{Seconds: 5},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			mustEqual(t, read(t, `{"id":42`+test.data+`}`), test.want)
		})
	}
	for _, id := range []string{`"42"`, `42`, `9223372036854775807`, `"9223372036854775807"`} {
		if got := read(t, `{"id":`+id+`}`); got.GetId() != 42 && got.GetId() != 1<<63-1 || got.GetExtra() != nil {
			t.Errorf("id %s: %v", id, got)
		}
	}
}

func TestUnusableSuccess(t *testing.T) {
	for _, test := range []struct{ name, body string }{
		{"nothing", ``},
		{"whitespace", " \r\n"},
		{"page", `<!DOCTYPE html><html></html>`},
		{"not JSON", `ok`},
		{"cut", `{"data":{"id":42}`},
		{"text after the JSON", `{"data":{"id":42}} x`},
		{"null", `null`},
		{"text", `"x"`},
		{"list", `[{"id":42}]`},
		{"empty object", `{}`},
		{"bare customer", `{"id":42}`},
		{"data null", `{"data":null}`},
		{"data text", `{"data":"canary"}`},
		{"data number", `{"data":42}`},
		{"status and message", `{"status":200,"message":"ok"}`},
		{"errors without content", `{"errors":[]}`},
		{"error null", `{"error":null}`},
	} {
		for _, c := range start(t, responding(respond(200, test.body))).rpcs(42) {
			if c.name == "DeleteCustomer" {
				continue
			}
			t.Run(c.name+"/"+test.name, func(t *testing.T) { c.mustBeMalformed(t, "unknown") })
		}
	}
	for _, test := range []struct{ name, data string }{
		{"empty list", `[]`}, {"no id", `{"email":"a@example.com"}`}, {"id null", `{"id":null}`}, {"id 0", `{"id":0}`},
		{"id negative", `{"id":-1}`}, {"id text", `{"id":"x"}`}, {"id empty", `{"id":""}`}, {"id true", `{"id":true}`},
		{"id fraction", `{"id":1.5}`}, {"id exponent", `{"id":1e3}`}, {"id too large", `{"id":9223372036854775808}`},
		{"id list", `{"id":[42]}`}, {"id object", `{"id":{}}`}, {"other case", `{"Id":42}`}, {"customer inside", `{"customer":{"id":42}}`},
	} {
		one := start(t, responding(respond(200, `{"data":`+test.data+`}`))).rpcs(42)
		row := start(t, responding(respond(200, `{"data":[{"id":1},`+test.data+`]}`))).rpcs(42)
		for _, c := range []rpc{one[0], row[1], one[2], one[3]} {
			outcome := "applied" // there is a customer, if without a usable id
			if test.data == `[]` {
				outcome = "unknown"
			}
			t.Run(c.name+"/"+test.name, func(t *testing.T) { c.mustBeMalformed(t, outcome) })
		}
	}
}

// mustBeMalformed makes the call; outcome is what a create says of the customer.
func (c rpc) mustBeMalformed(t *testing.T, outcome string) {
	t.Helper()
	f := c.do(t.Context()).failure(t)
	f.mustBe(t, codes.Internal, pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE)
	if c.name == "CreateCustomer" {
		f.mustAdvise(t, outcome, "-1", 0)
	} else {
		f.mustAdvise(t, "", "", 0)
	}
	f.mustHide(t, "canary")
	if f.metadata["httpStatus"] != "200" {
		t.Errorf("metadata %v", f.metadata)
	}
}
