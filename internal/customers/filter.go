package customers

import (
	"strconv"
	"strings"
	"unicode"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// metadataPrefix comes before a metadata key in a filter's attribute. idAttribute is the attribute
// whose values are ids.
const (
	metadataPrefix = "metadata."
	idAttribute    = "id"
)

// operators are Pelcro's names of the operators: AND-ed, OR-ed
// (https://docs.pelcro.com/reference/api-core-filtering-and-sorting). The name is always sent:
// without it, Pelcro would read a value with a colon as a name and a value.
var operators = map[pelcrov1.CustomerFilter_Operator][2]string{
	pelcrov1.CustomerFilter_OPERATOR_UNSPECIFIED: {"eq", "oreq"},
	pelcrov1.CustomerFilter_OPERATOR_EQUALS:      {"eq", "oreq"},
	pelcrov1.CustomerFilter_OPERATOR_CONTAINS:    {"like", "orlike"},
	pelcrov1.CustomerFilter_OPERATOR_HAS_KEY:     {"has", "orhas"},
}

// maxFilters is how many filters a list can have.
const maxFilters = 20

// filters returns the conditions in Pelcro's form, and rejects what its syntax cannot carry.
func (c *check) filters(filters []*pelcrov1.CustomerFilter) []pelcro.Filter {
	if len(filters) > maxFilters {
		c.add("filters", pelcrov1.FieldViolationReason_FIELD_OUT_OF_RANGE,
			"Send at most 20 filters; give several values in one filter instead.")
		return nil
	}
	seen := map[string]bool{}
	converted := make([]pelcro.Filter, 0, len(filters))
	for i, f := range filters {
		path := "filters[" + strconv.Itoa(i) + "]"
		attribute, values := f.GetAttribute(), f.GetValues()
		c.filterAttribute(path+".attribute", attribute)
		names, known := operators[f.GetOperator()]
		if !known {
			c.add(path+".operator", pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
				"Use OPERATOR_EQUALS, OPERATOR_CONTAINS or OPERATOR_HAS_KEY.")
		}
		name := names[0]
		if f.GetOrWithOthers() {
			name = names[1]
		}
		switch {
		case f.GetOperator() == pelcrov1.CustomerFilter_OPERATOR_HAS_KEY:
			attribute, values = c.hasKey(path, f)
		case attribute == idAttribute:
			c.filterIDs(path, f)
		default:
			c.filterValues(path+".values", values)
		}
		if seen[attribute] {
			c.add(path+".attribute", pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
				"Pelcro takes one condition for each attribute, and one for metadata keys; give several values instead.")
		}
		seen[attribute] = true
		converted = append(converted, pelcro.Filter{Attribute: attribute, Operator: name, Values: values})
	}
	return converted
}

func (c *check) filterAttribute(path, attribute string) {
	switch attribute {
	case idAttribute, "email", "first_name", "last_name":
		return
	}
	key, isMetadata := strings.CutPrefix(attribute, metadataPrefix)
	switch {
	case !isMetadata || key == "":
		c.add(path, pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE, `Use "id", "email", "first_name", "last_name" or "metadata.KEY".`)
	case strings.ContainsAny(key, "[]") || strings.ContainsFunc(key, unicode.IsControl):
		c.add(path, pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
			"Pelcro's filters cannot carry brackets or control characters in a metadata key.")
	}
}

// hasKey returns the attribute and values of a condition on the presence of a metadata key, which
// is the value of Pelcro's filter.
func (c *check) hasKey(path string, f *pelcrov1.CustomerFilter) (attribute string, values []string) {
	key, isMetadata := strings.CutPrefix(f.GetAttribute(), metadataPrefix)
	if !isMetadata {
		c.add(path+".attribute", pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
			`Only metadata has keys: use "metadata.KEY" with OPERATOR_HAS_KEY.`)
	}
	if strings.Contains(key, ",") || strings.TrimSpace(key) != key {
		c.add(path+".attribute", pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
			"With OPERATOR_HAS_KEY Pelcro's filters cannot carry commas or surrounding whitespace in a metadata key.")
	}
	if len(f.GetValues()) > 0 {
		c.add(path+".values", pelcrov1.FieldViolationReason_FIELD_PROHIBITED, "OPERATOR_HAS_KEY takes no values.")
	}
	return "metadata", []string{key}
}

// filterIDs checks a condition on the id.
func (c *check) filterIDs(path string, f *pelcrov1.CustomerFilter) {
	if f.GetOperator() == pelcrov1.CustomerFilter_OPERATOR_CONTAINS {
		c.add(path+".operator", pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE, `Use OPERATOR_EQUALS with "id".`)
	}
	c.filterCount(path+".values", f.GetValues())
	for i, value := range f.GetValues() {
		// Pelcro's database may read "1x" as 1, and so return a customer that was not asked for.
		if id, err := strconv.ParseInt(value, 10, 64); err != nil || id <= 0 || strconv.FormatInt(id, 10) != value {
			c.add(path+".values["+strconv.Itoa(i)+"]", pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
				"Ids of customers are decimal numbers greater than 0.")
		}
	}
}

func (c *check) filterCount(path string, values []string) {
	if len(values) == 0 {
		c.add(path, pelcrov1.FieldViolationReason_FIELD_REQUIRED, "Give at least one value.")
	}
}

func (c *check) filterValues(path string, values []string) {
	c.filterCount(path, values)
	for i, value := range values {
		c.filterValue(path+"["+strconv.Itoa(i)+"]", value)
	}
}

func (c *check) filterValue(path, value string) {
	switch {
	case value == "":
		c.add(path, pelcrov1.FieldViolationReason_FIELD_REQUIRED, "Pelcro's filters cannot carry an empty value.")
	case strings.Contains(value, ","):
		c.add(path, pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT, "Pelcro's filters cannot carry a comma: it separates values.")
	case strings.TrimSpace(value) != value || strings.ContainsFunc(value, unicode.IsControl):
		c.add(path, pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
			"Pelcro's filters cannot carry surrounding whitespace or control characters.")
	}
}
