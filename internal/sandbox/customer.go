package sandbox

import (
	"maps"
	"strings"
)

// customer is one record, and most of its wire form. Nil is null. A record in the store is never
// changed, only replaced, so it can be read without the lock.
type customer struct {
	ID                    int64   `json:"id"`
	Email                 *string `json:"email"`
	FirstName             *string `json:"first_name"`
	LastName              *string `json:"last_name"`
	DisplayName           *string `json:"display_name"`
	Username              *string `json:"username"`
	Phone                 *string `json:"phone"`
	Salutation            *string `json:"salutation"`
	Title                 *string `json:"title"`
	TIN                   *string `json:"tin"`
	DefaultSourceID       *int64  `json:"default_source_id"`
	EmailConfirm          *bool   `json:"email_confirm"`
	EmailHardbounce       *bool   `json:"email_hardbounce"`
	PhoneConfirm          *bool   `json:"phone_confirm"`
	MailMarketing         *bool   `json:"mail_marketing"`
	TeleMarketing         *bool   `json:"tele_marketing"`
	OldProviderID         *string `json:"old_provider_id"`
	PasswordLastUpdatedAt *int64  `json:"password_last_updated_at"`
	LastLoginAt           *int64  `json:"last_login_at"`
	CreatedAt             int64   `json:"created_at"`
	UpdatedAt             int64   `json:"updated_at"`

	hasPassword   bool
	isImported    bool
	metadata      map[string]any
	organization  *int64
	addresses     []address
	sources       []source
	subscriptions []subscription
}

// customerResource is a customer in one response. Beside the record it has what depends on the
// request and what PHP prints differently.
type customerResource struct {
	customer
	Name          *string `json:"name"`
	HasPassword   int     `json:"has_password"`
	IsImported    int     `json:"is_imported"`
	Metadata      any     `json:"metadata"`
	Organization  any     `json:"organization"`
	DefaultSource any     `json:"default_source"`
	Addresses     any     `json:"addresses"`
	Subscriptions any     `json:"subscriptions,omitempty"`
	DeletedAt     *int64  `json:"deleted_at"`
}

// resource is the customer as a response shows it. A relation that is not expanded is an id, a list
// of ids or, for subscriptions, missing: Pelcro's documentation shows all three.
func (c *customer) resource(expanded expansion) customerResource {
	shown := customerResource{
		customer:    *c,
		Name:        c.name(),
		HasPassword: zeroOrOne(c.hasPassword),
		IsImported:  zeroOrOne(c.isImported),
	}
	if c.metadata != nil {
		shown.Metadata = resourceArray(c.metadata)
	}
	if c.organization != nil {
		shown.Organization = *c.organization
		if expanded["organization"] {
			shown.Organization = organizations[*c.organization]
		}
	}
	if c.DefaultSourceID != nil {
		shown.DefaultSource = *c.DefaultSourceID
		if card, ok := c.source(*c.DefaultSourceID); ok && expanded["defaultSource"] {
			shown.DefaultSource = card
		}
	}
	ids := make([]int64, len(c.addresses))
	for i := range c.addresses {
		ids[i] = c.addresses[i].ID
	}
	shown.Addresses = ids
	if expanded["addresses"] {
		shown.Addresses = append([]address{}, c.addresses...)
	}
	if expanded["subscriptions"] {
		shown.Subscriptions = append([]subscription{}, c.subscriptions...)
	}
	return shown
}

// name joins the first and the last name, nil without either.
func (c *customer) name() *string {
	var parts []string
	for _, part := range []*string{c.FirstName, c.LastName} {
		if part != nil {
			parts = append(parts, *part)
		}
	}
	if parts == nil {
		return nil
	}
	return new(strings.Join(parts, " "))
}

func (c *customer) source(id int64) (source, bool) {
	for _, card := range c.sources {
		if card.ID == id {
			return card, true
		}
	}
	return source{}, false
}

// mergeMetadata keeps the keys that are not sent and removes the keys sent as null. The old map is
// not changed: it belongs to another record.
func (c *customer) mergeMetadata(sent map[string]any) {
	merged := maps.Clone(c.metadata)
	if merged == nil {
		merged = map[string]any{}
	}
	for key, value := range sent {
		if value == nil {
			delete(merged, key)
		} else {
			merged[key] = value
		}
	}
	c.metadata = merged
}

func zeroOrOne(b bool) int {
	if b {
		return 1
	}
	return 0
}

// expansion has the relations to show as objects, by their names in the query.
type expansion map[string]bool

// readExpansion reads expand=a,b. An unknown relation is rejected; what Pelcro does is not
// documented.
func readExpansion(q query, found *violations) expansion {
	expanded := expansion{}
	if q.get("expand") == "" {
		return expanded
	}
	for name := range strings.SplitSeq(q.get("expand"), ",") {
		switch name = trim(name); name {
		case "addresses", "defaultSource", "organization", "subscriptions":
			expanded[name] = true
		default:
			found.add("expand", "The selected expand is invalid.")
			return expanded
		}
	}
	return expanded
}
