package customers_test

import (
	"net/http"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
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
	"organization_id": 5, "organization": {
		"id": 5, "name": "Engines", "customers_count": 2, "invoices_count": 3, "open_invoices_count": 1,
		"total_net_due_by_currency": {"usd": 1250}, "created_at": 6, "slug": "engines"
	},
	"addresses": [{
		"id": 1, "type": "billing", "user_id": 42, "is_default": true, "first_name": "Ada", "last_name": "L", "salutation": "Ms",
		"title": "Dr.", "company": "Engines", "department": "R&D", "line1": "1 Main St", "line2": "Apt 4", "city": "Albany", "state": "NY",
		"country": "US", "postal_code": "12207", "phone": "1555", "old_provider_id": "a-1", "created_at": 7, "updated_at": 8, "floor": 2
	}],
	"subscriptions": [{
		"id": 3, "user_id": 42, "plan": 4, "address": 1, "coupon": 5, "default_source": 6, "latest_invoice": 7, "status": "active",
		"type": "regular", "is_membership": false, "is_gift_donor": true, "is_gift_recipient": false, "gift_code": "G1",
		"billing": "send_invoice", "quantity": 2, "auto_renew": 1, "cancel_at_period_end": 0, "cancel_at": 9, "canceled_at": 10,
		"cancel_reason": "moved", "canceled_by": 11, "canceled_by_type": "Customer", "current_period_start": 12, "current_period_end": 13,
		"trial_start": 14, "trial_end": 15, "ended_at": 16, "days_until_due": 30, "due_date": 17, "address_required": true,
		"metadata": {"source": "web"}, "created": 18, "shipments_remaining": 3
	}],
	"default_source_id": 6, "default_source": {
		"id": 6, "status": "chargeable", "object_gateway": "stripe", "object_id": "card_1", "exp_month": "01", "exp_year": 2031,
		"brand": "Visa", "country": "US", "cvc_check": true, "address_zip_check": false, "address_line1_check": true,
		"fingerprint": "f1", "funding": "credit", "last4": 4242, "dynamic_last4": "0001", "three_d_secure": false, "name": "Ada L",
		"tokenization_method": "apple_pay", "properties": {"big": 9007199254740993}, "created_at": 19, "updated_at": 20,
		"deleted_at": 21, "wallet": "x"
	},
	"email_confirm": true, "email_hardbounce": false, "phone_confirm": true, "mail_marketing": false, "tele_marketing": true,
	"has_password": true, "is_imported": false, "metadata": {"plan": "gold"}, "old_provider_id": "old-1",
	"password_last_updated_at": 1, "last_login_at": 2, "created_at": 1704099600, "updated_at": 4, "deleted_at": 5
}`

func TestReadEveryAttribute(t *testing.T) {
	mustEqual(t, reading(t)(t, attributes), &pelcrov1.Customer{
		Id: 42, Email: new("a@example.com"), FirstName: new("Ada"), LastName: new("Zoë 🚲"), Name: new("Ada L"), DisplayName: new("Countess"),
		Username: new("ada"), Phone: new("1555"), Salutation: new("Ms"), Title: new("Dr."), Tin: new("GB1"),
		OrganizationId: new(int64(5)), Organization: &pelcrov1.Organization{
			Id: 5, Name: new("Engines"), CustomersCount: new(int32(2)), InvoicesCount: new(int32(3)), OpenInvoicesCount: new(int32(1)),
			TotalNetDueByCurrency: mustStruct(t, map[string]any{"usd": 1250}), CreatedAt: at(6), Extra: mustStruct(t, map[string]any{"slug": "engines"}),
		},
		AddressIds: []int64{1}, Addresses: []*pelcrov1.Address{{
			Id: 1, Type: new("billing"), UserId: new(int64(42)), IsDefault: new(true), FirstName: new("Ada"), LastName: new("L"), Salutation: new("Ms"),
			Title: new("Dr."), Company: new("Engines"), Department: new("R&D"), Line1: new("1 Main St"), Line2: new("Apt 4"), City: new("Albany"),
			State: new("NY"), Country: new("US"), PostalCode: new("12207"), Phone: new("1555"), OldProviderId: new("a-1"), CreatedAt: at(7),
			UpdatedAt: at(8), Extra: mustStruct(t, map[string]any{"floor": 2}),
		}},
		SubscriptionIds: []int64{3}, Subscriptions: []*pelcrov1.Subscription{{
			Id: 3, UserId: new(int64(42)), PlanId: new(int64(4)), AddressId: new(int64(1)), CouponId: new(int64(5)), DefaultSourceId: new(int64(6)),
			LatestInvoiceId: new(int64(7)), Status: new("active"), Type: new("regular"), IsMembership: new(false), IsGiftDonor: new(true),
			IsGiftRecipient: new(false), GiftCode: new("G1"), Billing: new("send_invoice"), Quantity: new(int32(2)), AutoRenew: new(true),
			CancelAtPeriodEnd: new(false), CancelAt: at(9), CanceledAt: at(10), CancelReason: new("moved"), CanceledBy: new(int64(11)),
			CanceledByType: new("Customer"), CurrentPeriodStart: at(12), CurrentPeriodEnd: at(13), TrialStart: at(14), TrialEnd: at(15),
			EndedAt: at(16), DaysUntilDue: new(int32(30)), DueDate: at(17), AddressRequired: new(true),
			Metadata: mustStruct(t, map[string]any{"source": "web"}), Created: at(18), Extra: mustStruct(t, map[string]any{"shipments_remaining": 3}),
		}},
		DefaultSourceId: new(int64(6)), DefaultSource: &pelcrov1.PaymentSource{
			Id: 6, Status: new("chargeable"), ObjectGateway: new("stripe"), ObjectId: new("card_1"), ExpMonth: new(int32(1)), ExpYear: new(int32(2031)),
			Brand: new("Visa"), Country: new("US"), CvcCheck: new(true), AddressZipCheck: new(false), AddressLine1Check: new(true),
			Fingerprint: new("f1"), Funding: new("credit"), Last4: new("4242"), DynamicLast4: new("0001"), ThreeDSecure: new(false), Name: new("Ada L"),
			TokenizationMethod: new("apple_pay"), Properties: mustStruct(t, map[string]any{"big": "9007199254740993"}), CreatedAt: at(19),
			UpdatedAt: at(20), DeletedAt: at(21), Extra: mustStruct(t, map[string]any{"wallet": "x"}),
		},
		EmailConfirm: new(true), EmailHardbounce: new(false), PhoneConfirm: new(true), MailMarketing: new(false), TeleMarketing: new(true),
		HasPassword: new(true), IsImported: new(false), Metadata: mustStruct(t, map[string]any{"plan": "gold"}), OldProviderId: new("old-1"),
		PasswordLastUpdatedAt: at(1), LastLoginAt: at(2), CreatedAt: at(1704099600), UpdatedAt: at(4), DeletedAt: at(5),
	})
}

func at(seconds int64) *timestamppb.Timestamp { return &timestamppb.Timestamp{Seconds: seconds} }

// Every field of the messages is read from somewhere, except what comes from elsewhere: extra and request_id.
func TestEveryFieldIsRead(t *testing.T) {
	customer := reading(t)(t, attributes)
	for _, message := range []proto.Message{
		customer, customer.GetOrganization(), customer.GetAddresses()[0], customer.GetSubscriptions()[0], customer.GetDefaultSource(),
	} {
		fields := message.ProtoReflect().Descriptor().Fields()
		for i := range fields.Len() {
			if field := fields.Get(i); field.FullName() != "pelcro.v1.Customer.extra" && field.FullName() != "pelcro.v1.Customer.request_id" && !message.ProtoReflect().Has(field) {
				t.Errorf("%s is not read", field.FullName())
			}
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
			&pelcrov1.Customer{Id: 42, Organization: &pelcrov1.Organization{Name: new("x")}}},
		{"relation, tolerantly", `,"organization":{"id":"5","name":7,"customers_count":2147483648,"invoices_count":"3","total_net_due_by_currency":[]}`,
			&pelcrov1.Customer{Id: 42, OrganizationId: new(int64(5)), Organization: &pelcrov1.Organization{
				Id: 5, InvoicesCount: new(int32(3)), TotalNetDueByCurrency: &structpb.Struct{},
				Extra: mustStruct(t, map[string]any{"name": 7, "customers_count": 2147483648}),
			}}},
		{"relation of a relation", `,"subscriptions":[{"id":3,"plan":{"id":4,"amount":5},"coupon":[],"address":"6","latest_invoice":"x"}]`,
			&pelcrov1.Customer{Id: 42, SubscriptionIds: []int64{3}, Subscriptions: []*pelcrov1.Subscription{{
				Id: 3, PlanId: new(int64(4)), AddressId: new(int64(6)),
				Extra: mustStruct(t, map[string]any{"plan": map[string]any{"id": 4, "amount": 5}, "latest_invoice": "x"}),
			}}}},
		{"digits", `,"default_source":{"id":6,"last4":42,"dynamic_last4":4.5,"exp_month":"x"}`,
			&pelcrov1.Customer{Id: 42, DefaultSourceId: new(int64(6)), DefaultSource: &pelcrov1.PaymentSource{
				Id: 6, Last4: new("42"), Extra: mustStruct(t, map[string]any{"dynamic_last4": 4.5, "exp_month": "x"}),
			}}},
		{"source as id only", `,"default_source":6`, &pelcrov1.Customer{Id: 42, DefaultSourceId: new(int64(6))}},
		{"source as id twice", `,"default_source":"6","default_source_id":6`, &pelcrov1.Customer{Id: 42, DefaultSourceId: new(int64(6))}},
		{"source as two ids", `,"default_source":8,"default_source_id":6`, &pelcrov1.Customer{
			Id: 42, DefaultSourceId: new(int64(6)), Extra: mustStruct(t, map[string]any{"default_source": 8}),
		}},
		{"relations, empty", `,"addresses":[]`, &pelcrov1.Customer{Id: 42}},
		{"relations, ids", `,"addresses":[1,2],"subscriptions":["3"]`,
			&pelcrov1.Customer{Id: 42, AddressIds: []int64{1, 2}, SubscriptionIds: []int64{3}}},
		{"relations, mixed", `,"addresses":[{"id":1},2,{"city":"x"}]`,
			&pelcrov1.Customer{Id: 42, AddressIds: []int64{1, 2}, Addresses: []*pelcrov1.Address{{Id: 1}, {City: new("x")}}}},
		{"relations, filtered array", `,"addresses":{"0":1,"2":{"id":3}},"subscriptions":{}`,
			&pelcrov1.Customer{Id: 42, AddressIds: []int64{1, 3}, Addresses: []*pelcrov1.Address{{Id: 3}}}},
		{"relations, texts", `,"addresses":[1,"x"],"subscriptions":"3"`,
			extra(map[string]any{"addresses": []any{1, "x"}, "subscriptions": "3"})},
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
			Id: 42, OrganizationId: new(int64(9007199254740993)), Organization: &pelcrov1.Organization{Id: 9007199254740993},
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
