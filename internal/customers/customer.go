package customers

import (
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
)

// customerSchema has the attributes that Customer has a field for. An id comes before its relation,
// whose id counts only without it.
var customerSchema = schemaOf(func(c *pelcrov1.Customer) **structpb.Struct { return &c.Extra }, []attribute[pelcrov1.Customer]{
	{"id", field(rawjson.Value.Integer, func(c *pelcrov1.Customer) *int64 { return &c.Id })},
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
	{"organization_id", integer(func(c *pelcrov1.Customer) **int64 { return &c.OrganizationId })},
	{"organization", relation(
		func(c *pelcrov1.Customer) **int64 { return &c.OrganizationId },
		func(c *pelcrov1.Customer) **pelcrov1.Organization { return &c.Organization },
		organizationSchema,
	)},
	{"addresses", relations(
		func(c *pelcrov1.Customer) *[]int64 { return &c.AddressIds },
		func(c *pelcrov1.Customer) *[]*pelcrov1.Address { return &c.Addresses },
		addressSchema,
	)},
	{"subscriptions", relations(
		func(c *pelcrov1.Customer) *[]int64 { return &c.SubscriptionIds },
		func(c *pelcrov1.Customer) *[]*pelcrov1.Subscription { return &c.Subscriptions },
		subscriptionSchema,
	)},
	{"default_source_id", integer(func(c *pelcrov1.Customer) **int64 { return &c.DefaultSourceId })},
	{"default_source", relation(
		func(c *pelcrov1.Customer) **int64 { return &c.DefaultSourceId },
		func(c *pelcrov1.Customer) **pelcrov1.PaymentSource { return &c.DefaultSource },
		paymentSourceSchema,
	)},
	{"email_confirm", flag(func(c *pelcrov1.Customer) **bool { return &c.EmailConfirm })},
	{"email_hardbounce", flag(func(c *pelcrov1.Customer) **bool { return &c.EmailHardbounce })},
	{"phone_confirm", flag(func(c *pelcrov1.Customer) **bool { return &c.PhoneConfirm })},
	{"mail_marketing", flag(func(c *pelcrov1.Customer) **bool { return &c.MailMarketing })},
	{"tele_marketing", flag(func(c *pelcrov1.Customer) **bool { return &c.TeleMarketing })},
	{"has_password", flag(func(c *pelcrov1.Customer) **bool { return &c.HasPassword })},
	{"is_imported", flag(func(c *pelcrov1.Customer) **bool { return &c.IsImported })},
	{"metadata", field(readMetadata, func(c *pelcrov1.Customer) **structpb.Struct { return &c.Metadata })},
	{"old_provider_id", text(func(c *pelcrov1.Customer) **string { return &c.OldProviderId })},
	{"password_last_updated_at", timestamp(func(c *pelcrov1.Customer) **timestamppb.Timestamp { return &c.PasswordLastUpdatedAt })},
	{"last_login_at", timestamp(func(c *pelcrov1.Customer) **timestamppb.Timestamp { return &c.LastLoginAt })},
	{"created_at", timestamp(func(c *pelcrov1.Customer) **timestamppb.Timestamp { return &c.CreatedAt })},
	{"updated_at", timestamp(func(c *pelcrov1.Customer) **timestamppb.Timestamp { return &c.UpdatedAt })},
	{"deleted_at", timestamp(func(c *pelcrov1.Customer) **timestamppb.Timestamp { return &c.DeletedAt })},
})
