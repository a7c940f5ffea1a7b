package server

import (
	"strconv"
	"strings"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// check collects everything that is wrong with a request, so that the caller
// learns all of it at once. Field paths are those that Pelcro's own field errors
// get (mapping).
type check struct{ invalid InvalidRequestError }

// maxViolations is how many violations are kept; the others are counted.
const maxViolations = 100

// err returns the [InvalidRequestError], nil if nothing is wrong.
func (c *check) err() error {
	if len(c.invalid.Violations) == 0 {
		return nil
	}
	return c.invalid
}

func (c *check) add(field string, reason pelcrov1.FieldViolationReason, description string) {
	if len(c.invalid.Violations) == maxViolations {
		c.invalid.Omitted++
		return
	}
	c.invalid.Violations = append(c.invalid.Violations, mapping.Violation{Field: field, Reason: reason, Description: description})
}

// id checks the key of a customer.
func (c *check) id(field string, id int64) {
	switch {
	case id == 0:
		c.add(field, pelcrov1.FieldViolationReason_FIELD_REQUIRED, "Give the key of the customer.")
	case id < 0:
		c.add(field, pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE, "Keys of customers are greater than 0.")
	}
}

// siteID checks a site that overrides the configured one.
func (c *check) siteID(id *int32) {
	if id != nil && *id <= 0 {
		c.add("site_id", pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE,
			"Site ids are greater than 0; leave it out for the configured site.")
	}
}

// expansions are the relations that can be expanded, and Pelcro's names for them.
var expansions = map[string]string{
	"addresses":      "addresses",
	"default_source": "defaultSource",
	"organization":   "organization",
	"subscriptions":  "subscriptions",
}

// expand returns Pelcro's names of the relations.
func (c *check) expand(relations []string) []string {
	names := make([]string, 0, len(relations))
	for i, relation := range relations {
		name, known := expansions[relation]
		if !known {
			c.add("expand["+strconv.Itoa(i)+"]", pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
				"Use addresses, default_source, organization or subscriptions.")
		}
		names = append(names, name)
	}
	return names
}

// sorts are the orders of a list, and Pelcro's names for them.
var sorts = map[string]string{
	"":           "id",
	"id":         "id",
	"id desc":    "-id",
	"email":      "email",
	"email desc": "-email",
}

// orderBy returns Pelcro's name of the order. Blanks count as AIP-132 has them:
// more than one is the same as one.
func (c *check) orderBy(orderBy string) string {
	sort, known := sorts[strings.Join(strings.Fields(orderBy), " ")]
	if !known {
		c.add("order_by", pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE, `Use "id", "id desc", "email" or "email desc".`)
	}
	return sort
}
