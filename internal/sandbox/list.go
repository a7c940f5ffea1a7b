package sandbox

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultLimit = 10
	maxLimit     = 100
)

// list responds to GET customers. Pelcro does not document what happens to a limit above its
// maximum or to an unknown sort or filter: here the limit is reduced, and the others are rejected.
func (s *Sandbox) list(w http.ResponseWriter, r *http.Request) {
	q := queryOf(r)
	var found violations
	number := q.atLeastOne("page", 1, &found)
	limit := min(q.atLeastOne("limit", defaultLimit, &found), maxLimit)
	order := readSort(q, &found)
	selected := readFilters(q, &found)
	expanded := readExpansion(q, &found)
	if found != nil {
		failValidation(w, r, found)
		return
	}

	s.mu.Lock()
	rows := slices.Collect(maps.Values(s.store.customers))
	s.mu.Unlock()

	rows = slices.DeleteFunc(rows, func(c *customer) bool { return !selected.match(c) })
	slices.SortFunc(rows, sortable["id"])
	slices.SortStableFunc(rows, order)
	respond(w, http.StatusOK, paginate(rows, number, limit, baseURL(r)+BasePath+"/customers", expanded))
}

// atLeastOne reads a number. A missing number is otherwise.
func (q query) atLeastOne(name string, otherwise int, found *violations) int {
	text := q.get(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		found.add(name, "The "+name+" field must be an integer.")
	case n < 1:
		found.add(name, "The "+name+" field must be at least 1.")
	}
	return n
}

// readSort reads sort=a,-b. Equal rows are in the order of their ids.
func readSort(q query, found *violations) func(a, b *customer) int {
	var orders []func(a, b *customer) int
	if q.get("sort") != "" {
		for name := range strings.SplitSeq(q.get("sort"), ",") {
			attribute, descending := strings.CutPrefix(trim(name), "-")
			order, known := sortable[attribute]
			if !known {
				found.add("sort", "The selected sort is invalid.")
				break
			}
			if descending {
				ascending := order
				order = func(a, b *customer) int { return ascending(b, a) }
			}
			orders = append(orders, order)
		}
	}
	return func(a, b *customer) int {
		for _, order := range orders {
			if c := order(a, b); c != 0 {
				return c
			}
		}
		return 0
	}
}

// sortable are the attributes to sort by. In MySQL, null is before every text and case is ignored.
var sortable = map[string]func(a, b *customer) int{
	"id": func(a, b *customer) int { return cmp.Compare(a.ID, b.ID) },
	"email": func(a, b *customer) int {
		if a.Email == nil || b.Email == nil {
			return zeroOrOne(a.Email != nil) - zeroOrOne(b.Email != nil)
		}
		return cmp.Compare(strings.ToLower(*a.Email), strings.ToLower(*b.Email))
	},
}

// selection is the filters of one request. A customer is listed when it meets all plain
// conditions, or any condition marked "or". Without conditions all customers are listed.
type selection struct {
	allOf []condition
	anyOf []condition
}

type condition func(*customer) bool

func (s selection) match(c *customer) bool {
	for _, met := range s.anyOf {
		if met(c) {
			return true
		}
	}
	if len(s.allOf) == 0 {
		return len(s.anyOf) == 0
	}
	return !slices.ContainsFunc(s.allOf, func(met condition) bool { return !met(c) })
}

// operator compares the value of an attribute with one wanted value.
type operator struct {
	or    bool
	onKey bool // asks for a key of metadata instead of a value
	meets func(value, wanted string) bool
}

// operators by their names in the query. MySQL ignores case.
var operators = map[string]operator{
	"eq":     {meets: strings.EqualFold},
	"oreq":   {meets: strings.EqualFold, or: true},
	"like":   {meets: contains},
	"orlike": {meets: contains, or: true},
	"has":    {onKey: true},
	"orhas":  {onKey: true, or: true},
}

func contains(value, wanted string) bool {
	return strings.Contains(strings.ToLower(value), strings.ToLower(wanted))
}

// readFilters reads filter[ATTRIBUTE]=OPERATOR:VALUE,VALUE. One of several values is enough. A text
// before the first colon that is not an operator belongs to the value, and the operator is eq. A
// value cannot have a comma. If an attribute occurs twice, the last one counts, as in PHP.
func readFilters(q query, found *violations) selection {
	var selected selection
	for _, name := range slices.Sorted(maps.Keys(q)) {
		attribute, isFilter := strings.CutPrefix(name, "filter[")
		if !isFilter || q.get(name) == "" {
			continue
		}
		attribute = strings.TrimSuffix(attribute, "]")
		op, values := operators["eq"], q.get(name)
		if before, after, ok := strings.Cut(values, ":"); ok {
			if named, known := operators[before]; known {
				op, values = named, after
			}
		}
		met, ok := newCondition(attribute, op, strings.Split(values, ","))
		switch {
		case !ok:
			found.add("filter."+attribute, "The selected filter."+attribute+" is invalid.")
		case op.or:
			selected.anyOf = append(selected.anyOf, met)
		default:
			selected.allOf = append(selected.allOf, met)
		}
	}
	return selected
}

// newCondition returns false for an attribute that has no filter, or none with this operator.
func newCondition(attribute string, op operator, wanted []string) (condition, bool) {
	if op.onKey || attribute == "metadata" {
		hasKey := func(c *customer) bool {
			return slices.ContainsFunc(wanted, func(key string) bool {
				_, has := c.metadata[key]
				return has
			})
		}
		return hasKey, op.onKey && attribute == "metadata"
	}
	value, ok := filterable(attribute)
	return func(c *customer) bool {
		content := value(c)
		return content != nil && slices.ContainsFunc(wanted, func(w string) bool { return op.meets(*content, w) })
	}, ok
}

// filterable returns a function that reads the attribute as text; null never matches.
func filterable(attribute string) (func(*customer) *string, bool) {
	switch attribute {
	case "id":
		return func(c *customer) *string { return new(strconv.FormatInt(c.ID, 10)) }, true
	case "email":
		return func(c *customer) *string { return c.Email }, true
	case "first_name":
		return func(c *customer) *string { return c.FirstName }, true
	case "last_name":
		return func(c *customer) *string { return c.LastName }, true
	}
	key, ok := strings.CutPrefix(attribute, "metadata.")
	return func(c *customer) *string { return metadataText(c.metadata[key]) }, ok && key != ""
}

// metadataText is a value of metadata as a filter sees it: a text unchanged, anything else as JSON.
func metadataText(value any) *string {
	if value == nil {
		return nil
	}
	if content := text(value); content != nil {
		return content
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	return new(string(encoded))
}
