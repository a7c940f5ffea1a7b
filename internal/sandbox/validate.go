package sandbox

import (
	"fmt"
	"maps"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// field is one attribute of a body with its rules.
type field struct {
	name string
	// when is the rule for a missing value, nil if the field may be missing.
	when rule
	// rules are the rules for a value, in order. Null passes all of them.
	rules []rule
	// set stores a valid value, nil for a field that is not an attribute of a customer.
	set func(*customer, any)
}

// rule returns Laravel's text for a violation, empty if there is none.
type rule func(c *check, f *field, value any) string

// check is the validation of one body.
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
	{"metadata", nil, []rule{isArray, isSmall}, setMetadata},
	{"old_provider_id", nil, []rule{isString, isFree}, func(c *customer, v any) { c.OldProviderID = text(v) }},
	{"default_source_id", nil, []rule{isInteger, isOwnSource}, func(c *customer, v any) { c.DefaultSourceID = integer(v) }},
	{"skip_email_dns_validations", nil, []rule{isBoolean}, nil},
	{"password", withPasswordType, []rule{isString}, nil},
	{"password_type", nil, []rule{isPasswordType}, nil},
	{"import_payment_methods", nil, []rule{isBoolean}, nil},
	{"payment_gateway_id", withImport, []rule{isString, isStripeCustomer}, nil},
}

// validate returns all violations, or nil. Unknown keys are ignored.
func validate(input map[string]any, current *customer, store *store) violations {
	c := &check{input: input, current: current, store: store}
	for i := range fields {
		f := &fields[i]
		value := input[f.name]
		if absent(value) && f.when != nil {
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

// apply stores a valid body. Fields that are not sent keep their values, null clears them.
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

// must returns the rule that a value must fit.
func must(demand string, fits func(value any) bool) rule {
	return func(_ *check, f *field, value any) string {
		if fits(value) {
			return ""
		}
		return f.says("must " + demand)
	}
}

var (
	isString  = must("be a string.", func(value any) bool { return text(value) != nil })
	isInteger = must("be an integer.", func(value any) bool { return integer(value) != nil })
	isBoolean = must("be true or false.", func(value any) bool { return boolean(value) != nil })
	// isArray accepts a JSON object, which PHP calls an array, and a list.
	isArray = must("be an array.", func(value any) bool {
		switch value.(type) {
		case map[string]any, []any:
			return true
		}
		return false
	})
	// isAlphaDash reads a number as a text. Values of all other types violate it.
	isAlphaDash = must("only contain letters, numbers, dashes, and underscores.", func(value any) bool {
		content, ok := scalarText(value)
		return ok && alphaDash.MatchString(content)
	})
	alphaDash = regexp.MustCompile(`^[\pL\pM\pN_-]+$`)
)

// The rules below accept a value of another type than theirs: the rule before them reports it.

var (
	isPhone = must("be between 5 and 20 digits.", func(value any) bool {
		number := digits(value)
		return number == nil || len(*number) >= 5 && len(*number) <= 20
	})
	isStripeCustomer = must("start with one of the following: cus_.", func(value any) bool {
		content := text(value)
		return content == nil || strings.HasPrefix(*content, "cus_")
	})
	isOrganization = selects(func(_ *check, id int64) bool {
		_, exists := organizations[id]
		return exists
	})
	isOwnSource = selects(func(c *check, id int64) bool {
		if c.current == nil {
			return true
		}
		_, exists := c.current.source(id)
		return exists
	})
)

// atMost counts characters, not bytes.
func atMost(limit int) rule {
	return must(fmt.Sprintf("not be greater than %d characters.", limit), func(value any) bool {
		content := text(value)
		return content == nil || utf8.RuneCountInString(*content) <= limit
	})
}

// selects returns the rule that an id must exist.
func selects(exists func(c *check, id int64) bool) rule {
	return func(c *check, f *field, value any) string {
		if id := integer(value); id != nil && !exists(c, *id) {
			return f.selected()
		}
		return ""
	}
}

// oneOfThree also counts the values that an update does not change: one of the three must remain.
func oneOfThree(c *check, _ *field, _ any) string {
	var stored customer
	if c.current != nil {
		stored = *c.current
	}
	remains := func(name string, old *string) bool {
		value, sent := c.input[name]
		return !absent(value) || !sent && old != nil
	}
	if remains("email", stored.Email) || remains("old_provider_id", stored.OldProviderID) ||
		remains("display_name", stored.DisplayName) {
		return ""
	}
	return "The email field is required when none of old provider id / display name are present."
}

// isEmail reports a failed DNS check as a wrong format, as Laravel does. A value of another type
// violates this rule too, and so has two texts.
func isEmail(c *check, f *field, value any) string {
	email, _ := value.(string)
	parsed, err := mail.ParseAddress(email)
	domain := strings.ToLower(email[strings.LastIndex(email, "@")+1:])
	topLevel := domain[strings.LastIndex(domain, ".")+1:]
	unknown := slices.Contains(reservedTopLevels, topLevel)
	if err != nil || parsed.Address != email && parsed.String() != "<"+email+">" || !isDomain(domain) ||
		unknown && !truthy(c.input["skip_email_dns_validations"]) {
		return f.says("must be a valid email address.")
	}
	return ""
}

// isDomain is stricter than net/mail: the names must be possible in DNS. An address in brackets is
// accepted.
func isDomain(domain string) bool {
	const maxDomain, maxLabel = 253, 63
	if strings.HasPrefix(domain, "[") {
		return true
	}
	for label := range strings.SplitSeq(domain, ".") {
		if len(label) > maxLabel || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") || strings.Contains(label, "_") {
			return false
		}
	}
	return len(domain) <= maxDomain
}

// reservedTopLevels are the domains of RFC 2606 and RFC 6762, which Laravel's DNS check rejects
// without a look-up.
var reservedTopLevels = []string{
	"test", "example", "invalid", "localhost", "local", "intranet", "internal", "private", "corp", "home", "lan",
}

// isFree is skipped when another rule has rejected the value, as in Laravel, where it costs a query.
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

// The limits of metadata. Pelcro documents none; these are the limits of Stripe, which Pelcro uses.
const (
	maxMetadataKeys  = 50
	maxMetadataValue = 500 // characters, or elements
)

// isSmall also checks the values, and the values inside them. Each violation has the key of its
// value.
func isSmall(c *check, f *field, value any) string {
	if size(value) > maxMetadataKeys {
		c.add(f, f.says(fmt.Sprintf("must not have more than %d items.", maxMetadataKeys)))
	}
	level := below(f.name, value)
	for range 2 {
		var next []member
		for _, m := range level {
			if size(m.value) > maxMetadataValue {
				c.found.add(m.path, fmt.Sprintf("The %s field must not be greater than %d characters.", m.path, maxMetadataValue))
			}
			next = append(next, below(m.path, m.value)...)
		}
		level = next
	}
	return ""
}

// member is a value inside another value.
type member struct {
	path  string
	value any
}

func below(path string, value any) (members []member) {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			members = append(members, member{path + "." + key, value[key]})
		}
	case []any:
		for i := range value {
			members = append(members, member{path + "." + strconv.Itoa(i), value[i]})
		}
	}
	return members
}

func withPasswordType(c *check, f *field, _ any) string {
	if !absent(c.input["password_type"]) {
		return f.says("is required when password type is present.")
	}
	return ""
}

// isPasswordType accepts the only value that Pelcro's documentation spells out.
func isPasswordType(_ *check, f *field, value any) string {
	if value != "password_bcrypt" {
		return f.selected()
	}
	return ""
}

func withImport(c *check, f *field, _ any) string {
	if truthy(c.input["import_payment_methods"]) {
		return f.says("is required.")
	}
	return ""
}

// words is the field's name as Laravel writes it in a text.
func (f *field) words() string { return strings.ReplaceAll(f.name, "_", " ") }

func (f *field) says(tail string) string { return "The " + f.words() + " field " + tail }

func (f *field) selected() string { return "The selected " + f.words() + " is invalid." }
