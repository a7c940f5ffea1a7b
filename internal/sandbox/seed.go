package sandbox

// firstID is the id of the first customer. It is beyond the ids of the failures on request.
const firstID = 1001

// organizations are fixed: no endpoint changes them.
var organizations = map[int64]organization{
	5001: {ID: 5001, Name: "Analytical Engines Ltd", CreatedAt: 1688203800},
	5002: {ID: 5002, Name: "Café Zürich", CreatedAt: 1701428400},
}

// noProperties is how PHP prints an empty map.
var noProperties = []any{}

// seeded returns a store whose customers differ in ways that clients must handle: every attribute
// set and nearly none, no email, metadata filled, empty, null and a list, relations and none, text
// beyond ASCII. Times are fixed, so that two sandboxes are equal.
func seeded() store {
	s := store{customers: map[int64]*customer{}, lastID: firstID - 1, owners: map[unique]int64{}}
	for _, c := range []customer{
		{
			Email: new("ada@example.com"), FirstName: new("Ada"), LastName: new("Lovelace"),
			DisplayName: new("Countess"), Username: new("ada_l"), Phone: new("442079460001"),
			Salutation: new("Ms"), Title: new("Analyst"), TIN: new("GB123456789"),
			EmailConfirm: new(true), EmailHardbounce: new(false), PhoneConfirm: new(true),
			MailMarketing: new(true), TeleMarketing: new(false), OldProviderID: new("legacy-1"),
			PasswordLastUpdatedAt: new(int64(1717232400)), LastLoginAt: new(int64(1735689600)),
			CreatedAt: 1704099600, UpdatedAt: 1735689600,
			hasPassword:  true,
			metadata:     map[string]any{"plan": "gold", "seats": 3, "beta": true, "color": "green"},
			organization: new(int64(5001)), DefaultSourceID: new(int64(3001)),
			addresses: []address{
				{
					ID: 2001, UserID: 1001, Type: "billing", IsDefault: true, FirstName: new("Ada"), LastName: new("Lovelace"),
					Salutation: new("Ms"), Title: new("Analyst"), Company: new("Analytical Engines Ltd"), Department: new("R&D"),
					Line1: "12 St James's Square", City: new("London"), Country: "GB", PostalCode: new("SW1Y 4JH"),
					Phone: new("442079460001"), OldProviderID: new("legacy-address-1"), CreatedAt: 1704099600,
					UpdatedAt: 1735689600,
				},
				{
					ID: 2002, UserID: 1001, Type: "shipping", Line1: "1 Main St", Line2: new("Apt 4"), City: new("Albany"),
					State: new("NY"), Country: "US", PostalCode: new("12207"), CreatedAt: 1704099600, UpdatedAt: 1704099600,
				},
			},
			sources: []source{
				{
					ID: 3001, Status: "chargeable", ObjectGateway: "stripe", ObjectID: "card_3001", ExpMonth: 12, ExpYear: 2030,
					Brand: "Visa", Country: new("US"), CVCCheck: new(true), AddressZIPCheck: new(true),
					AddressLine1Check: new(false), Fingerprint: new("fp3001"), Funding: new("credit"), Last4: "4242",
					DynamicLast4: new("0042"), ThreeDSecure: new(false), Name: new("Ada Lovelace"),
					TokenizationMethod: new("apple_pay"), Properties: map[string]any{"wallet": "phone"}, CreatedAt: 1704099600,
					UpdatedAt: 1735689600,
				},
				{
					ID: 3002, Status: "consumed", ObjectGateway: "stripe", ObjectID: "card_3002", ExpMonth: 1, ExpYear: 2031,
					Brand: "MasterCard", Last4: "4444", CreatedAt: 1704099600, UpdatedAt: 1704099600,
					DeletedAt: new(int64(1706778000)), Properties: noProperties,
				},
			},
			subscriptions: []subscription{
				{
					ID: 4001, UserID: 1001, Plan: new(int64(6001)), Address: new(int64(2002)), Coupon: new(int64(6101)),
					DefaultSource: new(int64(3001)), LatestInvoice: new(int64(6201)), Status: "active", Type: "regular",
					Billing: "charge_automatically", Quantity: 2, AutoRenew: 1, CurrentPeriodStart: 1735689600,
					CurrentPeriodEnd: 1767225600, TrialStart: new(int64(1733011200)), TrialEnd: new(int64(1735689600)),
					AddressRequired: true, Metadata: map[string]any{"channel": "web"}, Created: 1733011200,
				},
				{
					ID: 4002, UserID: 1001, Plan: new(int64(6002)), Status: "canceled", Type: "gift_donor", IsGiftDonor: new(true),
					IsGiftRecipient: new(false), GiftCode: new("GIFT-4002"), Billing: "send_invoice", Quantity: 1,
					CancelAtPeriodEnd: 1, CancelAt: new(int64(1735689600)), CanceledAt: new(int64(1733011200)),
					CancelReason: new("moved abroad"), CanceledBy: new(int64(1001)), CanceledByType: new("Customer"),
					CurrentPeriodStart: 1704099600, CurrentPeriodEnd: 1735689600, EndedAt: new(int64(1735689600)),
					DaysUntilDue: new(30), DueDate: new(int64(1706778000)), Created: 1704099600,
				},
			},
		},
		{
			Email: new("grace@example.com"), FirstName: new("Grace"), LastName: new("Hopper"),
			EmailConfirm: new(false), EmailHardbounce: new(false),
			MailMarketing: new(false), TeleMarketing: new(false),
			CreatedAt: 1706778000, UpdatedAt: 1706778000,
			metadata:     map[string]any{"plan": "silver", "tags": []any{"navy", "cobol"}, "score": 4.5},
			organization: new(int64(5001)),
		},
		{
			DisplayName: new("anonymous reader"),
			CreatedAt:   1709283600, UpdatedAt: 1709283600,
			metadata: map[string]any{},
		},
		{
			OldProviderID: new("legacy-4"), FirstName: new("Alan"),
			EmailHardbounce: new(false), MailMarketing: new(true),
			CreatedAt: 1711962000, UpdatedAt: 1711962000,
			isImported: true,
			metadata:   nil,
		},
		{
			Email: new("zoe@example.org"), FirstName: new("Zoë"), LastName: new("Müller"),
			DisplayName: new("Zoë 🚲"), Username: new("zoe-m"), Phone: new("41442100000"),
			Title: new("Dr."), EmailConfirm: new(true), MailMarketing: new(true),
			CreatedAt: 1714554000, UpdatedAt: 1719824400,
			metadata:     map[string]any{"plan": "gold", "region": "zürich/west"},
			organization: new(int64(5002)),
		},
		{
			Email: new("taken@example.com"), Username: new("taken"), OldProviderID: new("old-1"),
			FirstName: new("Tom"), LastName: new("Taken"),
			PasswordLastUpdatedAt: new(int64(1717232400)),
			CreatedAt:             1717232400, UpdatedAt: 1717232400,
			hasPassword: true,
			metadata:    map[string]any{},
		},
		{
			Email: new("bounced@example.net"), LastName: new("Nobody"),
			EmailHardbounce: new(true), TeleMarketing: new(true),
			CreatedAt: 1719824400, UpdatedAt: 1722502800,
			metadata: map[string]any{"0": "first", "1": "second"},
		},
		{
			Email: new("barbara@example.org"), FirstName: new("Barbara"), LastName: new("Liskov"),
			EmailConfirm: new(true), LastLoginAt: new(int64(1730451600)),
			CreatedAt: 1722502800, UpdatedAt: 1730451600,
			metadata:        map[string]any{"plan": "silver", "preferences": map[string]any{"theme": "dark"}},
			DefaultSourceID: new(int64(3003)),
			sources: []source{{
				ID: 3003, Status: "chargeable", ObjectGateway: "stripe", ObjectID: "card_3003", ExpMonth: 6, ExpYear: 2029,
				Brand: "American Express", Last4: "0005", CreatedAt: 1722502800, UpdatedAt: 1722502800,
				Properties: noProperties,
			}},
		},
	} {
		s.insert(new(c))
	}
	return s
}
