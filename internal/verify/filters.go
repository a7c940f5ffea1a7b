package verify

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
)

// byIDs filters by the first and the last id known, of at least three customers: a filter that is
// ignored returns another one between them. With fewer customers it asks for one id.
func (r *run) byIDs(ctx context.Context) bool {
	wanted := []int64{impossibleID}
	switch n := len(r.rows); {
	case n > 2:
		wanted = []int64{r.rows[0].id, r.rows[n-1].id}
	case n == 2:
		wanted = []int64{r.rows[1].id}
	}
	texts := make([]string, len(wanted))
	for i, id := range wanted {
		texts[i] = showID(id)
	}
	e, ok := r.ask(ctx, question{
		name: "customers by filter[id]", operation: list, features: []string{batchGet},
		request: filtered("id", strings.Join(texts, ","), len(wanted)+1),
	})
	if !ok || e == nil {
		return ok
	}
	singly := effect(batchGet, Limited, "each customer is read by itself")
	got := ids(e.response.JSON.Member("data"))
	unasked := slices.ContainsFunc(got, func(id int64) bool { return !slices.Contains(wanted, id) })
	switch {
	case !e.result.OK():
		e.differs("filter[id] is rejected: "+e.got(), singly)
	case unasked:
		e.differs("filter[id] is ignored", singly)
	case wanted[0] == impossibleID: // nothing was found, as it must be
	case len(got) == 0:
		e.differs("filter[id] finds nothing", singly)
	case len(got) < len(wanted):
		e.differs("filter[id] finds one of several ids", effect(batchGet, Limited, "each id that is missing in a response is read by itself"))
	}
	return true
}

// filtered is a list with one filter.
func filtered(attribute, value string, limit int) pelcro.RawRequest {
	return pelcro.RawRequest{Method: http.MethodGet, Template: allCustomers, Query: query(
		"page", "1", "limit", strconv.Itoa(limit), "sort", "id", "filter["+attribute+"]", "eq:"+value)}
}

// byMetadata filters by a value that some customers have and others do not, or by an unknown
// request_id if there is none.
func (r *run) byMetadata(ctx context.Context) bool {
	key, value, found := r.someMetadata()
	features, shownKey := []string{requestID}, "…"
	if !found {
		key, value, features = r.RequestIDKey, uuid.NewString(), nil
	}
	if key == r.RequestIDKey { // the service's own; no other is shown
		shownKey = key
	}
	e, ok := r.ask(ctx, question{
		name: "customers by filter[metadata]", operation: list, features: features,
		shown:   "GET customers?filter[metadata." + shownKey + "]=eq:…&limit=100&page=1&sort=id",
		request: filtered("metadata."+key, value, documentedPage),
	})
	if !ok || e == nil {
		return ok
	}
	never := effect(requestID, Fails, "a create is never repeated: its outcome stays unknown")
	rows := elements(e.response.JSON.Member("data"))
	unasked := slices.ContainsFunc(rows, func(row rawjson.Value) bool { return !hasMetadata(row, key, value) })
	switch {
	case !e.result.OK():
		e.differs("filter[metadata.…] is rejected: "+e.got(), never)
	case unasked:
		e.differs("filter[metadata.…] is ignored", never)
	case found && len(rows) == 0:
		e.differs("filter[metadata.…] finds nothing", never)
	}
	return true
}

// simple are keys and values that the filter's syntax can carry.
var simple = regexp.MustCompile(`^[A-Za-z0-9_ -]{1,64}$`)

// someMetadata returns a key and a value, a text, that at least one customer has and another one has
// not: a filter that is ignored returns both.
func (r *run) someMetadata() (key, value string, found bool) {
	for _, row := range r.rows {
		for key, v := range row.json.Member("metadata").Members() {
			value, isText := v.Text()
			if !isText || !simple.MatchString(key) || !simple.MatchString(value) {
				continue
			}
			if slices.ContainsFunc(r.rows, func(c customer) bool { return !hasMetadata(c.json, key, value) }) {
				return key, value, true
			}
		}
	}
	return "", "", false
}

func hasMetadata(row rawjson.Value, key, value string) bool {
	text, _ := row.Member("metadata").Member(key).Text()
	return strings.EqualFold(text, value) // databases ignore case
}

// expandable are the relations of a customer, by their names in expand, with their attributes.
var expandable = []struct{ name, attribute string }{
	{"addresses", "addresses"}, {"defaultSource", "default_source"}, {"organization", "organization"}, {"subscriptions", "subscriptions"},
}

// expanded reads a customer with all relations, and with each of them if that fails.
func (r *run) expanded(ctx context.Context) bool {
	if len(r.rows) == 0 {
		return true
	}
	id := r.mostRelated()
	var names []string
	for _, relation := range expandable {
		names = append(names, relation.name)
	}
	e, ok := r.askExpanded(ctx, "a customer with all relations", id, strings.Join(names, ","))
	if !ok || e == nil || e.result.OK() {
		return ok
	}
	if len(e.Violations) > 0 {
		r.checkValidation(e)
	}
	e.differs("all relations together are rejected: "+e.got(), effect(relations, Limited, "ask for fewer relations in a call"))
	for _, relation := range expandable {
		e, ok := r.askExpanded(ctx, "a customer with "+relation.name, id, relation.name)
		if !ok {
			return false
		}
		if e != nil && !e.result.OK() {
			e.differs("expand="+relation.name+" is rejected: "+e.got(), effect(relations, Limited, relation.attribute+" cannot be expanded"))
		}
	}
	return true
}

func (r *run) askExpanded(ctx context.Context, name string, id int64, expand string) (*Exchange, bool) {
	e, ok := r.ask(ctx, question{
		name: name, operation: get, features: []string{relations},
		request: pelcro.RawRequest{Method: http.MethodGet, Template: oneCustomer, ID: id, Query: query("expand", expand)},
	})
	if !ok || e == nil || !e.result.OK() {
		return e, ok
	}
	r.examine(e)
	for _, relation := range expandable {
		if !slices.Contains(strings.Split(expand, ","), relation.name) {
			continue
		}
		value := e.response.JSON.Member("data").Member(relation.attribute)
		if value.IsZero() || isID(value) || slices.ContainsFunc(elements(value), isID) && value.Kind() == '[' {
			e.differs(relation.attribute+" is not expanded", effect(relations, Limited, "callers get no more than ids of "+relation.attribute))
		}
	}
	return e, true
}

func isID(v rawjson.Value) bool {
	_, ok := v.Integer()
	return ok
}

// mostRelated returns the id of the customer with the most relations.
func (r *run) mostRelated() int64 {
	best, most := r.rows[0].id, -1
	for _, row := range r.rows {
		count := 0
		for _, relation := range expandable {
			if value := row.json.Member(relation.attribute); !value.IsZero() && !value.IsEmpty() {
				count++
			}
		}
		if count > most {
			best, most = row.id, count
		}
	}
	return best
}
