package customers

import (
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
)

// The relations of a customer, which Pelcro sends as objects if the request expands them.

var organizationSchema = schemaOf(func(o *pelcrov1.Organization) **structpb.Struct { return &o.Extra }, []attribute[pelcrov1.Organization]{
	{"id", field(rawjson.Value.Integer, func(o *pelcrov1.Organization) *int64 { return &o.Id })},
	{"name", text(func(o *pelcrov1.Organization) **string { return &o.Name })},
	{"customers_count", count(func(o *pelcrov1.Organization) **int32 { return &o.CustomersCount })},
	{"invoices_count", count(func(o *pelcrov1.Organization) **int32 { return &o.InvoicesCount })},
	{"open_invoices_count", count(func(o *pelcrov1.Organization) **int32 { return &o.OpenInvoicesCount })},
	{"total_net_due_by_currency", field(readProperties, func(o *pelcrov1.Organization) **structpb.Struct { return &o.TotalNetDueByCurrency })},
	{"created_at", timestamp(func(o *pelcrov1.Organization) **timestamppb.Timestamp { return &o.CreatedAt })},
})

var addressSchema = schemaOf(func(a *pelcrov1.Address) **structpb.Struct { return &a.Extra }, []attribute[pelcrov1.Address]{
	{"id", field(rawjson.Value.Integer, func(a *pelcrov1.Address) *int64 { return &a.Id })},
	{"type", text(func(a *pelcrov1.Address) **string { return &a.Type })},
	{"user_id", reference(func(a *pelcrov1.Address) **int64 { return &a.UserId })},
	{"is_default", flag(func(a *pelcrov1.Address) **bool { return &a.IsDefault })},
	{"first_name", text(func(a *pelcrov1.Address) **string { return &a.FirstName })},
	{"last_name", text(func(a *pelcrov1.Address) **string { return &a.LastName })},
	{"salutation", text(func(a *pelcrov1.Address) **string { return &a.Salutation })},
	{"title", text(func(a *pelcrov1.Address) **string { return &a.Title })},
	{"company", text(func(a *pelcrov1.Address) **string { return &a.Company })},
	{"department", text(func(a *pelcrov1.Address) **string { return &a.Department })},
	{"line1", text(func(a *pelcrov1.Address) **string { return &a.Line1 })},
	{"line2", text(func(a *pelcrov1.Address) **string { return &a.Line2 })},
	{"city", text(func(a *pelcrov1.Address) **string { return &a.City })},
	{"state", text(func(a *pelcrov1.Address) **string { return &a.State })},
	{"country", text(func(a *pelcrov1.Address) **string { return &a.Country })},
	{"postal_code", text(func(a *pelcrov1.Address) **string { return &a.PostalCode })},
	{"phone", text(func(a *pelcrov1.Address) **string { return &a.Phone })},
	{"old_provider_id", text(func(a *pelcrov1.Address) **string { return &a.OldProviderId })},
	{"created_at", timestamp(func(a *pelcrov1.Address) **timestamppb.Timestamp { return &a.CreatedAt })},
	{"updated_at", timestamp(func(a *pelcrov1.Address) **timestamppb.Timestamp { return &a.UpdatedAt })},
})

var paymentSourceSchema = schemaOf(func(p *pelcrov1.PaymentSource) **structpb.Struct { return &p.Extra }, []attribute[pelcrov1.PaymentSource]{
	{"id", field(rawjson.Value.Integer, func(p *pelcrov1.PaymentSource) *int64 { return &p.Id })},
	{"status", text(func(p *pelcrov1.PaymentSource) **string { return &p.Status })},
	{"object_gateway", text(func(p *pelcrov1.PaymentSource) **string { return &p.ObjectGateway })},
	{"object_id", text(func(p *pelcrov1.PaymentSource) **string { return &p.ObjectId })},
	{"exp_month", count(func(p *pelcrov1.PaymentSource) **int32 { return &p.ExpMonth })},
	{"exp_year", count(func(p *pelcrov1.PaymentSource) **int32 { return &p.ExpYear })},
	{"brand", text(func(p *pelcrov1.PaymentSource) **string { return &p.Brand })},
	{"country", text(func(p *pelcrov1.PaymentSource) **string { return &p.Country })},
	{"cvc_check", flag(func(p *pelcrov1.PaymentSource) **bool { return &p.CvcCheck })},
	{"address_zip_check", flag(func(p *pelcrov1.PaymentSource) **bool { return &p.AddressZipCheck })},
	{"address_line1_check", flag(func(p *pelcrov1.PaymentSource) **bool { return &p.AddressLine1Check })},
	{"fingerprint", text(func(p *pelcrov1.PaymentSource) **string { return &p.Fingerprint })},
	{"funding", text(func(p *pelcrov1.PaymentSource) **string { return &p.Funding })},
	{"last4", optional(readDigits, func(p *pelcrov1.PaymentSource) **string { return &p.Last4 })},
	{"dynamic_last4", optional(readDigits, func(p *pelcrov1.PaymentSource) **string { return &p.DynamicLast4 })},
	{"three_d_secure", flag(func(p *pelcrov1.PaymentSource) **bool { return &p.ThreeDSecure })},
	{"name", text(func(p *pelcrov1.PaymentSource) **string { return &p.Name })},
	{"tokenization_method", text(func(p *pelcrov1.PaymentSource) **string { return &p.TokenizationMethod })},
	{"properties", field(readProperties, func(p *pelcrov1.PaymentSource) **structpb.Struct { return &p.Properties })},
	{"created_at", timestamp(func(p *pelcrov1.PaymentSource) **timestamppb.Timestamp { return &p.CreatedAt })},
	{"updated_at", timestamp(func(p *pelcrov1.PaymentSource) **timestamppb.Timestamp { return &p.UpdatedAt })},
	{"deleted_at", timestamp(func(p *pelcrov1.PaymentSource) **timestamppb.Timestamp { return &p.DeletedAt })},
})

var subscriptionSchema = schemaOf(func(s *pelcrov1.Subscription) **structpb.Struct { return &s.Extra }, []attribute[pelcrov1.Subscription]{
	{"id", field(rawjson.Value.Integer, func(s *pelcrov1.Subscription) *int64 { return &s.Id })},
	{"user_id", reference(func(s *pelcrov1.Subscription) **int64 { return &s.UserId })},
	{"plan", reference(func(s *pelcrov1.Subscription) **int64 { return &s.PlanId })},
	{"address", reference(func(s *pelcrov1.Subscription) **int64 { return &s.AddressId })},
	{"coupon", reference(func(s *pelcrov1.Subscription) **int64 { return &s.CouponId })},
	{"default_source", reference(func(s *pelcrov1.Subscription) **int64 { return &s.DefaultSourceId })},
	{"latest_invoice", reference(func(s *pelcrov1.Subscription) **int64 { return &s.LatestInvoiceId })},
	{"status", text(func(s *pelcrov1.Subscription) **string { return &s.Status })},
	{"type", text(func(s *pelcrov1.Subscription) **string { return &s.Type })},
	{"is_membership", flag(func(s *pelcrov1.Subscription) **bool { return &s.IsMembership })},
	{"is_gift_donor", flag(func(s *pelcrov1.Subscription) **bool { return &s.IsGiftDonor })},
	{"is_gift_recipient", flag(func(s *pelcrov1.Subscription) **bool { return &s.IsGiftRecipient })},
	{"gift_code", text(func(s *pelcrov1.Subscription) **string { return &s.GiftCode })},
	{"billing", text(func(s *pelcrov1.Subscription) **string { return &s.Billing })},
	{"quantity", count(func(s *pelcrov1.Subscription) **int32 { return &s.Quantity })},
	{"auto_renew", flag(func(s *pelcrov1.Subscription) **bool { return &s.AutoRenew })},
	{"cancel_at_period_end", flag(func(s *pelcrov1.Subscription) **bool { return &s.CancelAtPeriodEnd })},
	{"cancel_at", timestamp(func(s *pelcrov1.Subscription) **timestamppb.Timestamp { return &s.CancelAt })},
	{"canceled_at", timestamp(func(s *pelcrov1.Subscription) **timestamppb.Timestamp { return &s.CanceledAt })},
	{"cancel_reason", text(func(s *pelcrov1.Subscription) **string { return &s.CancelReason })},
	{"canceled_by", integer(func(s *pelcrov1.Subscription) **int64 { return &s.CanceledBy })},
	{"canceled_by_type", text(func(s *pelcrov1.Subscription) **string { return &s.CanceledByType })},
	{"current_period_start", timestamp(func(s *pelcrov1.Subscription) **timestamppb.Timestamp { return &s.CurrentPeriodStart })},
	{"current_period_end", timestamp(func(s *pelcrov1.Subscription) **timestamppb.Timestamp { return &s.CurrentPeriodEnd })},
	{"trial_start", timestamp(func(s *pelcrov1.Subscription) **timestamppb.Timestamp { return &s.TrialStart })},
	{"trial_end", timestamp(func(s *pelcrov1.Subscription) **timestamppb.Timestamp { return &s.TrialEnd })},
	{"ended_at", timestamp(func(s *pelcrov1.Subscription) **timestamppb.Timestamp { return &s.EndedAt })},
	{"days_until_due", count(func(s *pelcrov1.Subscription) **int32 { return &s.DaysUntilDue })},
	{"due_date", timestamp(func(s *pelcrov1.Subscription) **timestamppb.Timestamp { return &s.DueDate })},
	{"address_required", flag(func(s *pelcrov1.Subscription) **bool { return &s.AddressRequired })},
	{"metadata", field(readMetadata, func(s *pelcrov1.Subscription) **structpb.Struct { return &s.Metadata })},
	{"created", timestamp(func(s *pelcrov1.Subscription) **timestamppb.Timestamp { return &s.Created })},
})
