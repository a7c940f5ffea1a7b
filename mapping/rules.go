package mapping

import (
	"slices"
	"strings"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// span is a range of HTTP statuses, both ends included.
type span struct{ from, to int }

type spans []span

// rule is one row of the table: the reason of a response with one of these statuses, if the condition
// holds. The zero reason is success.
type rule struct {
	statuses spans
	when     condition
	reason   pelcrov1.ErrorReason
}

// condition narrows a rule to some responses; the zero condition holds for all.
type condition struct {
	text  string // as docs/errors.md has it
	holds func(Operation, Response, *evidence) bool
}

var (
	onCreate = condition{"on Create", func(op Operation, _ Response, _ *evidence) bool {
		return op.Kind == Create
	}}
	onCreateUnlessRejected = condition{"on Create, unless it is Pelcro's and has a Retry-After", func(op Operation, _ Response, e *evidence) bool {
		return op.Kind == Create && (e.origin != OriginPelcro || e.delay == 0)
	}}
	fromIntermediary = condition{"of an intermediary", func(_ Operation, _ Response, e *evidence) bool {
		return e.origin == OriginIntermediary
	}}
	tooLarge = condition{"body above the size limit", func(_ Operation, r Response, _ *evidence) bool {
		return r.TooLarge
	}}
	withFieldErrors = condition{"with field errors", func(_ Operation, _ Response, e *evidence) bool {
		return len(e.fields) > 0
	}}
	contradictoryFields = condition{"that contradicts itself, with field errors and no usable `data`", func(op Operation, r Response, e *evidence) bool {
		return len(e.fields) > 0 && isContradictory(op, r, e)
	}}
	contradictory = condition{"that contradicts itself and has no usable `data`", isContradictory}
	deleted       = condition{
		"on Delete, empty (and not a firewall's challenge), or JSON that confirms it: an object, `[]`, `null`, `true`, `1`",
		func(op Operation, r Response, e *evidence) bool { return op.Kind == Delete && isDeletion(r, e) },
	}
	withData = condition{"with usable `data`", func(op Operation, r Response, e *evidence) bool {
		return op.Kind != Delete && hasUsableData(op, r, e)
	}}
	noRoute = condition{"of an intermediary, or with the text of a missing route", func(_ Operation, _ Response, e *evidence) bool {
		return e.origin == OriginIntermediary || isMissingRoute(e)
	}}
)

// isContradictory reports whether a success reports an error and has no usable data. A page with
// customers, or one that is empty without reporting an error, is a success.
func isContradictory(op Operation, r Response, e *evidence) bool {
	if !e.contradicts || op.Kind == Delete {
		return e.contradicts
	}
	return r.Unusable && !op.List || e.json.Member("data").IsEmpty()
}

// missingRoutes begin the texts of a missing route: those of Laravel, Symfony, Kong, Google's ESP,
// Express, Fastify and Spring.
var missingRoutes = []string{
	"The route ", "No route found for ", "no Route matched", "no route and no API found", "Method does not exist.",
	"The current request is not defined by this API.", "Cannot GET /", "Cannot POST /", "Cannot PUT /", "Cannot DELETE /",
	"Route GET:", "Route POST:", "Route PUT:", "Route DELETE:", "No static resource ",
}

// isMissingRoute reports whether the text says that there is no such route. Azure's API Management
// says only "Resource not found", beside a member that Pelcro does not have.
func isMissingRoute(e *evidence) bool {
	return slices.ContainsFunc(missingRoutes, func(start string) bool { return strings.HasPrefix(e.text, start) }) ||
		e.text == "Resource not found" && !e.json.Member("statusCode").IsZero()
}

// rules is the table, read from top to bottom: the first row that matches decides, and the last row
// matches everything. docs/errors.md is generated from it.
var rules = []rule{
	{only(success), tooLarge, pelcrov1.ErrorReason_PELCRO_RESPONSE_TOO_LARGE},
	{only(success), contradictoryFields, pelcrov1.ErrorReason_PELCRO_VALIDATION_FAILED},
	{only(success), contradictory, pelcrov1.ErrorReason_PELCRO_ERROR_IN_SUCCESS},
	{only(success), deleted, noError},
	{only(success), withData, noError},
	{only(success), condition{}, pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE},

	{only(redirects), condition{}, pelcrov1.ErrorReason_PELCRO_REDIRECT},

	{of(400, 404, 422), withFieldErrors, pelcrov1.ErrorReason_PELCRO_VALIDATION_FAILED},
	{of(400, 422), condition{}, pelcrov1.ErrorReason_PELCRO_BAD_REQUEST},
	{of(401), condition{}, pelcrov1.ErrorReason_PELCRO_UNAUTHENTICATED},
	{of(402), condition{}, pelcrov1.ErrorReason_PELCRO_PAYMENT_REQUIRED},
	{of(403), condition{}, pelcrov1.ErrorReason_PELCRO_PERMISSION_DENIED},
	{of(404), noRoute, pelcrov1.ErrorReason_PELCRO_ROUTE_NOT_FOUND},
	{of(404, 410), condition{}, pelcrov1.ErrorReason_PELCRO_NOT_FOUND},
	{of(405), condition{}, pelcrov1.ErrorReason_PELCRO_METHOD_NOT_ALLOWED},
	{of(406, 407, 411, 415, 417, 419, 426, 431), condition{}, pelcrov1.ErrorReason_PELCRO_PROTOCOL_ERROR},
	// After these the customer may exist. UNAVAILABLE would be retried by clients and meshes that
	// do not read the pushback.
	{of(408, 499, 502, 504, 509, 511, 520, 522, 524, 527, 529, 598, 599), onCreate, pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN},
	{of(503), onCreateUnlessRejected, pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN},
	{of(408, 504, 522, 524, 598), condition{}, pelcrov1.ErrorReason_PELCRO_TIMEOUT},
	{of(409), fromIntermediary, pelcrov1.ErrorReason_PELCRO_REQUEST_REFUSED},
	{of(409), onCreate, pelcrov1.ErrorReason_PELCRO_ALREADY_EXISTS},
	{of(409), condition{}, pelcrov1.ErrorReason_PELCRO_CONFLICT},
	{of(412, 423, 424, 428), condition{}, pelcrov1.ErrorReason_PELCRO_PRECONDITION_FAILED},
	{of(413, 414), condition{}, pelcrov1.ErrorReason_PELCRO_REQUEST_TOO_LARGE},
	{of(416), condition{}, pelcrov1.ErrorReason_PELCRO_OUT_OF_RANGE},
	{of(429), condition{}, pelcrov1.ErrorReason_PELCRO_RATE_LIMITED},
	{of(451), condition{}, pelcrov1.ErrorReason_PELCRO_BLOCKED_FOR_LEGAL_REASONS},
	{of(421, 425, 499), condition{}, pelcrov1.ErrorReason_PELCRO_UNAVAILABLE},
	{only(span{400, 499}), condition{}, pelcrov1.ErrorReason_PELCRO_REQUEST_REFUSED},

	{
		spans{{502, 503}, {509, 509}, {511, 511}, {520, 521}, {523, 523}, {525, 527}, {529, 530}, {599, 599}},
		condition{}, pelcrov1.ErrorReason_PELCRO_UNAVAILABLE,
	},
	{only(span{500, 599}), condition{}, pelcrov1.ErrorReason_PELCRO_INTERNAL_ERROR},

	{nil, condition{}, pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE},
}

// success are the statuses of success, redirects those of redirects.
var (
	success   = span{200, 299}
	redirects = span{300, 399}
)

// noError is the reason of a success.
const noError = pelcrov1.ErrorReason_ERROR_REASON_UNSPECIFIED

func of(statuses ...int) (all spans) {
	for _, status := range statuses {
		all = append(all, span{status, status})
	}
	return all
}

func only(s span) spans { return spans{s} }

func isSuccess(status int) bool { return success.has(status) }

func (s span) has(status int) bool { return s.from <= status && status <= s.to }

func (all spans) has(status int) bool {
	return slices.ContainsFunc(all, func(s span) bool { return s.has(status) })
}

func (r rule) covers(status int) bool { return r.statuses == nil || r.statuses.has(status) }

// reasonOf applies the table.
func reasonOf(op Operation, response Response, e *evidence) pelcrov1.ErrorReason {
	for _, r := range rules {
		if r.covers(response.StatusCode) && (r.when.holds == nil || r.when.holds(op, response, e)) {
			return r.reason
		}
	}
	panic("mapping: the last rule holds for everything")
}
