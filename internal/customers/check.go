package customers

import (
	"slices"
	"strconv"
	"strings"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// check collects everything that is wrong with a request, so that the caller learns all of it from
// one error. Field paths are those that Pelcro's own field errors get (package mapping).
type check struct {
	invalid server.InvalidRequestError
	// reserved is the metadata key that belongs to this service.
	reserved string
}

// maxViolations is how many violations are kept; the others are counted.
const maxViolations = 100

// err returns the [server.InvalidRequestError], nil if nothing is wrong.
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

// id checks the id of a customer.
func (c *check) id(field string, id int64) {
	switch {
	case id == 0:
		c.add(field, pelcrov1.FieldViolationReason_FIELD_REQUIRED, "Give the id of the customer.")
	case id < 0:
		c.add(field, pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE, "Ids of customers are greater than 0.")
	}
}

// siteID checks a site that overrides the configured one.
func (c *check) siteID(id *int32) {
	if id != nil && *id <= 0 {
		c.add("site_id", pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE,
			"Site ids are greater than 0; leave it out for the configured site.")
	}
}

// expansions are Pelcro's names of the relations that can be expanded.
var expansions = map[pelcrov1.CustomerRelation]string{
	pelcrov1.CustomerRelation_CUSTOMER_RELATION_ADDRESSES:      "addresses",
	pelcrov1.CustomerRelation_CUSTOMER_RELATION_DEFAULT_SOURCE: "defaultSource",
	pelcrov1.CustomerRelation_CUSTOMER_RELATION_ORGANIZATION:   "organization",
	pelcrov1.CustomerRelation_CUSTOMER_RELATION_SUBSCRIPTIONS:  "subscriptions",
}

// expand returns Pelcro's names of the relations, each once.
func (c *check) expand(relations []pelcrov1.CustomerRelation) []string {
	var names []string
	for i, relation := range relations {
		name, known := expansions[relation]
		if !known {
			c.add("expand["+strconv.Itoa(i)+"]", pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
				"Use CUSTOMER_RELATION_ADDRESSES, _DEFAULT_SOURCE, _ORGANIZATION or _SUBSCRIPTIONS.")
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Pelcro's names of the orders of a list.
const (
	sortID        = "id"
	sortIDDesc    = "-id"
	sortEmail     = "email"
	sortEmailDesc = "-email"
)

var sorts = map[string]string{
	"":           sortID,
	"id":         sortID,
	"id desc":    sortIDDesc,
	"email":      sortEmail,
	"email desc": sortEmailDesc,
}

// orderBy returns Pelcro's name of the order. Whitespace counts as in AIP-132: several characters
// of it are the same as one.
func (c *check) orderBy(orderBy string) string {
	sort, known := sorts[strings.Join(strings.Fields(orderBy), " ")]
	if !known {
		c.add("order_by", pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE, `Use "id", "id desc", "email" or "email desc".`)
	}
	return sort
}
