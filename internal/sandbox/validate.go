package sandbox

import (
	"encoding/json"
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A field is one attribute of a body: its rules in order, and where it goes.
type field struct {
	name string
	// when is asked about a missing value too; nil means that it may be missing.
	when rule
	// rules are asked about a value only. Null passes all of them.
	rules []rule
	// set stores a valid value; nil for what is no attribute of a customer.
	set func(*customer, any)
}

// A rule returns Laravel's text, or nothing when it is kept.
type rule func(c *check, f *field, value any) string

// A check is the validation of one body.
type check struct {
	input   map[string]any
	current *customer // nil on create
	store   *store
	found   violations
}

// fields are the rules of create and of update, in the order of the errors.
var fields = []field{
	{"email", oneOfThree, []rule{isString, isEmail, isFree}, func(c *customer, v any) { c.Email = text(v) }},
	{"first_name", nil, []rule{isString, atMost(255)}, func(c *customer, v any) { c.FirstName = text(v) }},
	{"last_name", nil, []rule{isString, atMost(255)}, func(c *customer, v any) { c.LastName = text(v) }},
	{"display_name", nil, []rule{isString, atMost(100)}, func(c *customer, v any) { c.DisplayName = text(v) }},
	{"username", nil, []rule{isString, isAlphaDash, isFree}, func(c *customer, v any) { c.Username = text(v) }},
	{"phone", nil, []rule{isString, isPhone}, func(c *customer, v any) { c.Phone = digits(v) }},
	{"salutation", nil, []rule{isString}, func(c *customer, v any) { c.Salutation = text(v) }},
	{"title", nil, []rule{isString}, func(c *customer, v any) { c.Title = text(v) }},
	{"tin", nil, []rule{isString}, func(c *customer, v any) { c.TIN = text(v) }},
	{"organization", nil, []rule{isInteger, isOrganization}, func(c *customer, v any) { c.organization = integer(v) }},
	{"tele_marketing", nil, []rule{isBoolean}, func(c *customer, v any) { c.TeleMarketing = boolean(v) }},
	{"mail_marketing", nil, []rule{isBoolean}, func(c *customer, v any) { c.MailMarketing = boolean(v) }},
	{"email_hardbounce", nil, []rule{isBoolean}, func(c *customer, v any) { c.EmailHardbounce = boolean(v) }},
	{"metadata", nil, []rule{isArray}, setMetadata},
	{"old_provider_id", nil, []rule{isString, isFree}, func(c *customer, v any) { c.OldProviderID = text(v) }},
	{"default_source_id", nil, []rule{isInteger, isOwnSource}, func(c *customer, v any) { c.DefaultSourceID = integer(v) }},
	{"skip_email_dns_validations", nil, []rule{isBoolean}, nil},
	{"password", withPasswordType, []rule{isString}, nil},
	{"password_type", nil, []rule{isPasswordType}, nil},
	{"import_payment_methods", nil, []rule{isBoolean}, nil},
	{"payment_gateway_id", withImport, []rule{isString, isStripeCustomer}, nil},
}

// validate returns all violations, or nil. Keys that no rule knows are ignored.
func validate(input map[string]any, current *customer, store *store) violations {
	c := &check{input: input, current: current, store: store}
	for i := range fields {
		f := &fields[i]
		value := input[f.name]
		if value == nil && f.when != nil {
			c.add(f, f.when(c, f, value))
		}
		for _, rule := range f.rules {
			if value != nil {
				c.add(f, rule(c, f, value))
			}
		}
	}
	return c.found
}

func (c *check) add(f *field, text string) {
	if text != "" {
		c.found.add(f.name, text)
	}
}

// apply stores a valid body. Fields that are not sent stay, null clears.
func (c *customer) apply(input map[string]any, now time.Time) {
	for _, f := range fields {
		if value, sent := input[f.name]; sent && f.set != nil {
			f.set(c, value)
		}
	}
	if input["password"] != nil {
		c.hasPassword = true
		c.PasswordLastUpdatedAt = new(now.Unix())
	}
	c.UpdatedAt = now.Unix()
}

func setMetadata(c *customer, value any) {
	switch value := value.(type) {
	case nil:
		c.metadata = nil
	case map[string]any:
		c.mergeMetadata(value)
	case []any:
		entries := make(map[string]any, len(value))
		for i := range value {
			entries[strconv.Itoa(i)] = value[i]
		}
		c.mergeMetadata(entries)
	}
}

// The rules below are in the order of their first use above. Those that need a
// certain type leave the complaint about another one to the rule before them.

// oneOfThree also looks at what an update leaves as it is: one of the three must
// remain.
func oneOfThree(c *check, _ *field, _ any) string {
	var stored customer
	if c.current != nil {
		stored = *c.current
	}
	remains := func(name string, old *string) bool {
		value, sent := c.input[name]
		return value != nil || !sent && old != nil
	}
	if remains("email", stored.Email) || remains("old_provider_id", stored.OldProviderID) ||
		remains("display_name", stored.DisplayName) {
		return ""
	}
	return "The email field is required when none of old provider id / display name are present."
}

func isString(_ *check, f *field, value any) string {
	if _, ok := value.(string); ok {
		return ""
	}
	return f.says("must be a string.")
}

// isEmail answers a failed DNS check like a wrong format, as Laravel does. A value
// of another type breaks this rule too, so that it has two texts.
func isEmail(c *check, f *field, value any) string {
	email, _ := value.(string)
	parsed, err := mail.ParseAddress(email)
	domain := strings.ToLower(email[strings.LastIndex(email, "@")+1:])
	unknown := domain == "invalid" || strings.HasSuffix(domain, ".invalid")
	skip := boolean(c.input["skip_email_dns_validations"])
	if err != nil || parsed.Address != email || unknown && (skip == nil || !*skip) {
		return f.says("must be a valid email address.")
	}
	return ""
}

// isFree is not asked when the value has failed already, as in Laravel, where it
// costs a query.
func isFree(c *check, f *field, value any) string {
	failed := slices.ContainsFunc(c.found, func(v violation) bool { return v.field == f.name })
	content, ok := value.(string)
	if failed || !ok {
		return ""
	}
	owner, taken := c.store.owners[uniqueOf(f.name, content)]
	if !taken || c.current != nil && c.current.ID == owner {
		return ""
	}
	return "The " + f.words() + " has already been taken."
}

// atMost counts characters, not bytes.
func atMost(limit int) rule {
	return func(_ *check, f *field, value any) string {
		if content, ok := value.(string); ok && utf8.RuneCountInString(content) > limit {
			return f.says(fmt.Sprintf("must not be greater than %d characters.", limit))
		}
		return ""
	}
}

var alphaDash = regexp.MustCompile(`^[\pL\pM\pN_-]+$`)

func isAlphaDash(_ *check, f *field, value any) string {
	if content, ok := value.(string); ok && !alphaDash.MatchString(content) {
		return f.says("must only contain letters, numbers, dashes, and underscores.")
	}
	return ""
}

func isPhone(_ *check, f *field, value any) string {
	if number := digits(value); number != nil && (len(*number) < 5 || len(*number) > 20) {
		return f.says("must be between 5 and 20 digits.")
	}
	return ""
}

func isInteger(_ *check, f *field, value any) string {
	if integer(value) == nil {
		return f.says("must be an integer.")
	}
	return ""
}

func isOrganization(_ *check, f *field, value any) string {
	if id := integer(value); id != nil {
		if _, ok := organizations[*id]; !ok {
			return f.selected()
		}
	}
	return ""
}

func isBoolean(_ *check, f *field, value any) string {
	if boolean(value) == nil {
		return f.says("must be true or false.")
	}
	return ""
}

// isArray is PHP's name for what is an object in JSON. A list passes.
func isArray(_ *check, f *field, value any) string {
	switch value.(type) {
	case map[string]any, []any:
		return ""
	}
	return f.says("must be an array.")
}

func isOwnSource(c *check, f *field, value any) string {
	if id := integer(value); id != nil && c.current != nil {
		if _, ok := c.current.source(*id); !ok {
			return f.selected()
		}
	}
	return ""
}

func withPasswordType(c *check, f *field, _ any) string {
	if c.input["password_type"] != nil {
		return f.says("is required when password type is present.")
	}
	return ""
}

// isPasswordType knows the only value that the documentation names in full.
func isPasswordType(_ *check, f *field, value any) string {
	if value != "password_bcrypt" {
		return f.selected()
	}
	return ""
}

func withImport(c *check, f *field, _ any) string {
	if wanted := boolean(c.input["import_payment_methods"]); wanted != nil && *wanted {
		return f.says("is required when import payment methods is true.")
	}
	return ""
}

func isStripeCustomer(_ *check, f *field, value any) string {
	if content, ok := value.(string); ok && !strings.HasPrefix(content, "cus_") {
		return f.says("must start with one of the following: cus_.")
	}
	return ""
}

// words is the name as Laravel writes it in a text.
func (f *field) words() string { return strings.ReplaceAll(f.name, "_", " ") }

func (f *field) says(tail string) string { return "The " + f.words() + " field " + tail }

func (f *field) selected() string { return "The selected " + f.words() + " is invalid." }

// text, digits, integer and boolean read a decoded value as Laravel does, and are
// nil for null and for what is no such value.

func text(value any) *string {
	content, ok := value.(string)
	if !ok {
		return nil
	}
	return &content
}

func digits(value any) *string {
	content, ok := value.(string)
	if !ok {
		return nil
	}
	return new(strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, content))
}

func integer(value any) *int64 {
	var content string
	switch value := value.(type) {
	case json.Number:
		content = value.String()
	case string:
		content = value
	}
	n, err := strconv.ParseInt(content, 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

func boolean(value any) *bool {
	switch value {
	case true, json.Number("1"), "1":
		return new(true)
	case false, json.Number("0"), "0":
		return new(false)
	}
	return nil
}
