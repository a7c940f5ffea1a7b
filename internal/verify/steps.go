package verify

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

const (
	// impossibleID is the largest id that Pelcro documents as possible: no account has that many
	// customers.
	impossibleID = 1<<31 - 1
	// documentedPage is the largest page that Pelcro documents.
	documentedPage = 100
	// wrongKey is a key that Pelcro does not know.
	wrongKey = "pelcro-grpc-check-wrong-key"
	// missingPath is no path of Pelcro.
	missingPath = "pelcro-grpc-check"
)

// The paths.
const (
	account      = "account"
	allCustomers = "customers"
	oneCustomer  = "customers/{id}"
)

// The operations of the service that send such requests.
const (
	get  = "GetCustomer"
	list = "ListCustomers"
)

// reads sends the requests that only read; ok is false if the run must end.
func (r *run) reads(ctx context.Context) (ok bool) {
	for _, step := range []func(context.Context) bool{
		r.account, r.firstPage, r.largePage, r.single, r.byIDs, r.byMetadata, r.expanded, r.missing, r.missingRoute, r.invalid, r.otherKey,
	} {
		if !step(ctx) {
			return false
		}
	}
	r.limit.compare(r.report)
	return true
}

func (r *run) account(ctx context.Context) bool {
	e, ok := r.ask(ctx, question{
		name: "the account", operation: get, features: []string{quota},
		request: pelcro.RawRequest{Method: http.MethodGet, Template: account},
	})
	if !ok {
		return false
	}
	data := e.response.JSON.Member("data")
	limit, _ := data.Member("api_core_rate_limit").Integer()
	r.limit.account = limit
	headersOnly := effect(quota, Limited, "the limit is known from X-RateLimit-Limit only")
	switch {
	case !isSuccess(e.HTTPStatus):
		e.differs("the account cannot be read: "+e.got(), headersOnly)
	case limit <= 0:
		e.differs("the account has no api_core_rate_limit", headersOnly)
	}
	if sites := ids(data.Member("sites")); len(sites) > 0 && !slices.Contains(sites, int64(r.SiteID)) {
		e.differs(fmt.Sprintf("the account has no site %d", r.SiteID), effect(lists, Limited, "check --site-id"))
	}
	return true
}

// firstPage asks for the first customer. Without a list there is nothing else to ask.
func (r *run) firstPage(ctx context.Context) bool {
	e, ok := r.ask(ctx, question{
		name: "one page of one customer", operation: list, features: []string{lists},
		request: pelcro.RawRequest{Method: http.MethodGet, Template: allCustomers, Query: query("page", "1", "limit", "1", "sort", "id")},
	})
	if !ok {
		return false
	}
	if !e.result.OK() {
		e.differs("there is no list of customers: "+e.got()+", "+e.Reason, effect(lists, Fails, "every call of this service fails"))
		r.report.Aborted = "Customers cannot be listed. " + e.result.Advice()
		return false
	}
	r.readRows(e)
	if n := len(r.rows); n > 1 {
		e.differs(fmt.Sprintf("limit=1 returns %d customers", n), effect(lists, Fails, "pages are larger than asked for"))
	}
	e.checkPaging()
	return true
}

// checkPaging compares what the response says of its page with Laravel's paginator.
func (e *Exchange) checkPaging() {
	meta := e.response.JSON.Member("meta")
	if meta.Kind() != '{' {
		next := "the next page is known from links"
		if e.response.JSON.Member("links").Member("next").IsZero() && e.response.JSON.Member("next_page_url").IsZero() {
			next = "the end is known from an empty page only"
		}
		e.differs("a page has no meta", effect(lists, Limited, "total_size is not set; "+next))
		return
	}
	var absent []string
	for _, name := range []string{"current_page", "last_page", "per_page", "total"} {
		if _, ok := meta.Member(name).Integer(); !ok {
			absent = append(absent, name)
		}
	}
	if absent != nil {
		e.differs("meta has no "+strings.Join(absent, ", "), effect(lists, Limited, "the end may be known from an empty page only"))
	}
}

func (r *run) largePage(ctx context.Context) bool {
	e, ok := r.ask(ctx, question{
		name: "a page size of 1000", operation: list, features: []string{batchGet},
		request: pelcro.RawRequest{Method: http.MethodGet, Template: allCustomers, Query: query("page", "1", "limit", "1000", "sort", "id")},
	})
	if !ok {
		return false
	}
	if !e.result.OK() {
		if e.Reason == pelcrov1.ErrorReason_PELCRO_VALIDATION_FAILED.String() {
			r.checkValidation(e) // rejecting it is as good as reducing it
		} else {
			e.differs("a page size of 1000 is "+e.Reason+": "+e.got(), effect(lists, Works, "the service asks for at most 100"))
		}
		return true
	}
	r.readRows(e)
	perPage, known := e.response.JSON.Member("meta").Member("per_page").Integer()
	switch {
	case len(r.rows) > documentedPage || known && perPage > documentedPage:
		e.differs("a page holds more than the documented 100 customers", effect(lists, Works, "the service asks for at most 100"))
	case known && perPage < documentedPage:
		e.differs(fmt.Sprintf("a page holds at most %d customers, instead of 100", perPage),
			effect(lists, Works, "pages are smaller than asked for"),
			effect(batchGet, Limited, fmt.Sprintf("%d customers need %d requests", documentedPage, (documentedPage+perPage-1)/perPage)))
	}
	return true
}

func (r *run) single(ctx context.Context) bool {
	if len(r.rows) == 0 {
		return true
	}
	id := r.rows[0].id
	e, ok := r.ask(ctx, question{
		name: "that customer by id", operation: get, features: []string{singleReads},
		request: pelcro.RawRequest{Method: http.MethodGet, Template: oneCustomer, ID: id},
	})
	if !ok {
		return false
	}
	got, _ := e.response.JSON.Member("data").Member("id").Integer()
	if !e.result.OK() || got != id {
		e.differs("a customer of the list cannot be read: "+e.got(), effect(singleReads, Fails, "GetCustomer fails"))
		return true
	}
	r.examine(e)
	return true
}

func (r *run) missing(ctx context.Context) bool {
	e, ok := r.ask(ctx, question{
		name: "a customer that cannot exist", operation: get, features: []string{notFound},
		request: pelcro.RawRequest{Method: http.MethodGet, Template: oneCustomer, ID: impossibleID},
	})
	if ok && e != nil && e.Reason != pelcrov1.ErrorReason_PELCRO_NOT_FOUND.String() {
		e.differs("a customer that does not exist is "+e.got(),
			effect(notFound, Fails, "callers get "+e.status()+" instead of PELCRO_NOT_FOUND"))
	}
	return ok
}

func (r *run) missingRoute(ctx context.Context) bool {
	e, ok := r.ask(ctx, question{
		name: "a path that does not exist", operation: get, features: []string{wrongURL},
		request: pelcro.RawRequest{Method: http.MethodGet, Template: missingPath},
	})
	switch {
	case !ok || e == nil || e.Reason == pelcrov1.ErrorReason_PELCRO_ROUTE_NOT_FOUND.String():
	case e.Reason == pelcrov1.ErrorReason_PELCRO_NOT_FOUND.String():
		e.differs("a path that does not exist looks like a missing customer",
			effect(wrongURL, Limited, "with a wrong --pelcro-url callers get PELCRO_NOT_FOUND"))
	default:
		e.differs("a path that does not exist is "+e.got(), effect(wrongURL, Limited, "with a wrong --pelcro-url callers get "+e.status()))
	}
	return ok
}

// invalid sends a request that must be rejected, unless another one was.
func (r *run) invalid(ctx context.Context) bool {
	if r.seen[fieldErrors] {
		return true
	}
	withoutSite := query("page", "1", "limit", "1", "sort", "id")
	withoutSite["site_id"] = nil
	e, ok := r.ask(ctx, question{
		name: "a page without site_id", operation: list,
		request: pelcro.RawRequest{Method: http.MethodGet, Template: allCustomers, Query: withoutSite},
	})
	if !ok || e == nil {
		return ok
	}
	switch {
	case e.result.OK():
		e.differs("a request without site_id is accepted", effect(fieldErrors, Unknown, "no request that reads is rejected"))
	case e.Reason != pelcrov1.ErrorReason_PELCRO_VALIDATION_FAILED.String():
		e.differs("a missing site_id is "+e.got()+" without field errors", effect(fieldErrors, Limited, "callers get "+e.status()+" without violations"))
	default:
		r.checkValidation(e)
	}
	return true
}

// checkValidation compares a response with field errors with Pelcro's documentation.
func (r *run) checkValidation(e *Exchange) {
	r.seen[fieldErrors] = true
	if e.HTTPStatus != http.StatusBadRequest {
		e.differs(fmt.Sprintf("invalid requests are HTTP %d instead of 400", e.HTTPStatus),
			effect(fieldErrors, Works, "callers get the same PELCRO_VALIDATION_FAILED"))
	}
	for _, u := range e.result.Unrecognised() {
		names := strings.Join(u.Names, ", ")
		switch u.Kind {
		case mapping.FieldText:
			e.differs("the text about "+names+" is unknown", effect(fieldErrors, Limited, "such violations are FIELD_INVALID_VALUE"))
		case mapping.FieldKey:
			e.differs("the field "+names+" is unknown", effect(fieldErrors, Limited, "such violations have Pelcro's name of the field"))
		case mapping.BodyForm:
			e.differs("not all field errors can be read", effect(fieldErrors, Limited, "callers get violationsOmitted"))
		}
	}
}

func (r *run) otherKey(ctx context.Context) bool {
	e, ok := r.ask(ctx, question{
		name: "a wrong key", operation: list, features: []string{apiKey}, withKey: wrongKey,
		request: pelcro.RawRequest{Method: http.MethodGet, Template: allCustomers, Query: query("page", "1", "limit", "1", "sort", "id")},
	})
	switch {
	case !ok || e == nil:
	case e.result.OK():
		e.differs("a wrong key is accepted", effect(apiKey, Fails, "anything in front of Pelcro adds a key"))
	case e.Reason != pelcrov1.ErrorReason_PELCRO_UNAUTHENTICATED.String() || e.Origin != mapping.OriginPelcro:
		e.differs("a wrong key is "+e.got(), effect(apiKey, Limited, "a rejected key is "+e.status()+", without an alert about the key"))
	}
	return ok
}

// status is the reason, or the code of a success.
func (e *Exchange) status() string {
	if e.Reason == "" {
		return e.Code
	}
	return e.Reason
}

func isSuccess(statusCode int) bool { return statusCode >= 200 && statusCode <= 299 }

// showID is an id in a filter.
func showID(id int64) string { return strconv.FormatInt(id, 10) }
