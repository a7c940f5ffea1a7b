package verify

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pelcro-grpc/pelcro-grpc/internal/customers"
	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// customer is a row of a list.
type customer struct {
	id   int64
	json rawjson.Value
}

// ids returns the ids of a list of ids or objects.
func ids(list rawjson.Value) (found []int64) {
	for _, element := range elements(list) {
		if element.Kind() == '{' {
			element = element.Member("id")
		}
		if id, ok := element.Integer(); ok {
			found = append(found, id)
		}
	}
	return found
}

// elements returns the elements of a list, or the values of an object, as which PHP prints some lists.
func elements(list rawjson.Value) []rawjson.Value {
	found := slices.Collect(list.Elements())
	for _, element := range list.Members() {
		found = append(found, element)
	}
	return found
}

// readRows replaces the rows by those of a page, if that has any, and examines them.
func (r *run) readRows(e *Exchange) {
	var rows []customer
	for _, element := range elements(e.response.JSON.Member("data")) {
		if id, ok := element.Member("id").Integer(); ok {
			rows = append(rows, customer{id, element})
		}
	}
	if len(rows) > 0 {
		r.rows = rows
		r.examine(e)
	}
}

// examine compares the attributes and times of the customers in a response with the contract. Only
// the first response with a difference reports it.
func (r *run) examine(e *Exchange) {
	known := map[string]bool{}
	for _, other := range r.report.Requests {
		for _, d := range other.Differences {
			known[d.Text] = true
		}
	}
	report := func(text string, effect Effect) {
		if !known[text] {
			e.differs(text, effect)
		}
	}
	r.seen[attributes], r.seen[times] = true, true
	message, err := customers.Read(e.operation, e.response.Body)
	if err != nil {
		return
	}
	for _, u := range mapping.UnrecognisedInSuccess(e.HTTPStatus, nil, message) {
		names := strings.Join(u.Names, ", ")
		if u.Kind == mapping.AttributeType {
			report("attributes of another type: "+names, effect(attributes, Limited, "callers find "+names+" in extra"))
		} else {
			report("attributes without a field: "+names, effect(attributes, Limited, "callers find "+names+" in extra"))
		}
	}
	texts := map[string]bool{}
	findTextTimes(e.response.JSON.Member("data"), texts)
	if len(texts) > 0 {
		names := strings.Join(slices.Sorted(maps.Keys(texts)), ", ")
		report("times are texts instead of Unix seconds: "+names, effect(times, Works, "ISO 8601 is read as well"))
	}
}

// timeNames are the names of attributes that are times; dates and durations are not among them.
var timeNames = regexp.MustCompile(`_at$|_(?:start|end)$|^created$`)

// findTextTimes adds the names of times that are texts.
func findTextTimes(v rawjson.Value, names map[string]bool) {
	for element := range v.Elements() {
		findTextTimes(element, names)
	}
	for name, member := range v.Members() {
		switch {
		case name == "metadata" || name == "properties":
		case timeNames.MatchString(name) && member.Kind() == '"':
			names[name] = true
		default:
			findTextTimes(member, names)
		}
	}
}
