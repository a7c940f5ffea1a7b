package sandbox

// The relations of a customer as a request can expand them, with the attributes that Pelcro documents.
// Nil is null.

type organization struct {
	ID        int64  `json:"id"`
	Name      string `json:"name"`
	CreatedAt int64  `json:"created_at"`
}

type address struct {
	ID            int64   `json:"id"`
	UserID        int64   `json:"user_id"`
	Type          string  `json:"type"`
	IsDefault     bool    `json:"is_default"`
	FirstName     *string `json:"first_name"`
	LastName      *string `json:"last_name"`
	Salutation    *string `json:"salutation"`
	Title         *string `json:"title"`
	Company       *string `json:"company"`
	Department    *string `json:"department"`
	Line1         string  `json:"line1"`
	Line2         *string `json:"line2"`
	City          *string `json:"city"`
	State         *string `json:"state"`
	Country       string  `json:"country"`
	PostalCode    *string `json:"postal_code"`
	Phone         *string `json:"phone"`
	OldProviderID *string `json:"old_provider_id"`
	CreatedAt     int64   `json:"created_at"`
	UpdatedAt     int64   `json:"updated_at"`
}

// source has booleans, and properties that are [] when empty, as PHP prints them.
type source struct {
	ID                 int64   `json:"id"`
	Status             string  `json:"status"`
	ObjectGateway      string  `json:"object_gateway"`
	ObjectID           string  `json:"object_id"`
	ExpMonth           int     `json:"exp_month"`
	ExpYear            int     `json:"exp_year"`
	Brand              string  `json:"brand"`
	Country            *string `json:"country"`
	CVCCheck           *bool   `json:"cvc_check"`
	AddressZIPCheck    *bool   `json:"address_zip_check"`
	AddressLine1Check  *bool   `json:"address_line1_check"`
	Fingerprint        *string `json:"fingerprint"`
	Funding            *string `json:"funding"`
	Last4              string  `json:"last4"`
	DynamicLast4       *string `json:"dynamic_last4"`
	ThreeDSecure       *bool   `json:"three_d_secure"`
	Name               *string `json:"name"`
	TokenizationMethod *string `json:"tokenization_method"`
	Properties         any     `json:"properties"`
	CreatedAt          int64   `json:"created_at"`
	UpdatedAt          int64   `json:"updated_at"`
	DeletedAt          *int64  `json:"deleted_at"`
}

// subscription has ids of other relations under their names, and some booleans as 0 and 1.
type subscription struct {
	ID                 int64   `json:"id"`
	UserID             int64   `json:"user_id"`
	Plan               *int64  `json:"plan"`
	Address            *int64  `json:"address"`
	Coupon             *int64  `json:"coupon"`
	DefaultSource      *int64  `json:"default_source"`
	LatestInvoice      *int64  `json:"latest_invoice"`
	Status             string  `json:"status"`
	Type               string  `json:"type"`
	IsMembership       bool    `json:"is_membership"`
	IsGiftDonor        *bool   `json:"is_gift_donor"`
	IsGiftRecipient    *bool   `json:"is_gift_recipient"`
	GiftCode           *string `json:"gift_code"`
	Billing            string  `json:"billing"`
	Quantity           int     `json:"quantity"`
	AutoRenew          int     `json:"auto_renew"`
	CancelAtPeriodEnd  int     `json:"cancel_at_period_end"`
	CancelAt           *int64  `json:"cancel_at"`
	CanceledAt         *int64  `json:"canceled_at"`
	CancelReason       *string `json:"cancel_reason"`
	CanceledBy         *int64  `json:"canceled_by"`
	CanceledByType     *string `json:"canceled_by_type"`
	CurrentPeriodStart int64   `json:"current_period_start"`
	CurrentPeriodEnd   int64   `json:"current_period_end"`
	TrialStart         *int64  `json:"trial_start"`
	TrialEnd           *int64  `json:"trial_end"`
	EndedAt            *int64  `json:"ended_at"`
	DaysUntilDue       *int    `json:"days_until_due"`
	DueDate            *int64  `json:"due_date"`
	AddressRequired    bool    `json:"address_required"`
	Metadata           any     `json:"metadata"`
	Created            int64   `json:"created"`
}
