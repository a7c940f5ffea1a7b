package mapping

import (
	"strings"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// span is a range of HTTP statuses, both ends included.
type span struct{ from, to int }

// rule is one row of the table: a reply with one of these statuses for which
// the condition holds has this reason. The zero reason is success.
type rule struct {
	statuses []span
	when     condition
	reason   pelcrov1.ErrorReason
}

// condition narrows a rule to some replies; the zero condition holds for all.
type condition struct {
	text  string // as docs/errors.md has it
	holds func(Call, Reply, *body) bool
}

var (
	onCreate = condition{"on Create", func(c Call, _ Reply, _ *body) bool {
		return c.Operation.Kind == Create
	}}
	tooLarge = condition{"body above the size limit", func(_ Call, r Reply, _ *body) bool {
		return r.TooLarge
	}}
	withFieldErrors = condition{"with field errors", func(_ Call, _ Reply, b *body) bool {
		return len(b.fields) > 0
	}}
	withFieldErrorsOnly = condition{"with field errors and no `data`", func(_ Call, _ Reply, b *body) bool {
		return len(b.fields) > 0 && !b.hasData
	}}
	withErrorOnly = condition{"with a non-null `error` and no `data`", func(_ Call, _ Reply, b *body) bool {
		return b.hasError && !b.hasData
	}}
	deleted = condition{"on Delete, empty or a JSON object", func(c Call, r Reply, b *body) bool {
		return c.Operation.Kind == Delete && !r.BodyIncomplete && (b.form == formNone || b.form == formObject)
	}}
	withData = condition{"with `data` of the right shape", func(c Call, r Reply, b *body) bool {
		return c.Operation.Kind != Delete && b.hasData && !r.Unusable
	}}
	noRoute = condition{"with an HTML body, or a text that starts with `The route `", func(_ Call, _ Reply, b *body) bool {
		return b.form == formHTML || strings.HasPrefix(b.text, "The route ")
	}}
)

// rules is the table, read from top to bottom; the first row that holds
// decides, and the last one holds for everything. docs/errors.md is generated
// from it.
var rules = []rule{
	{only(success), tooLarge, pelcrov1.ErrorReason_PELCRO_RESPONSE_TOO_LARGE},
	{only(success), withFieldErrorsOnly, pelcrov1.ErrorReason_PELCRO_VALIDATION_FAILED},
	{only(success), withErrorOnly, pelcrov1.ErrorReason_PELCRO_ERROR_IN_SUCCESS},
	{only(success), deleted, noError},
	{only(success), withData, noError},
	{only(success), condition{}, pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE},

	{only(span{300, 399}), condition{}, pelcrov1.ErrorReason_PELCRO_REDIRECT},

	{of(400, 404, 422), withFieldErrors, pelcrov1.ErrorReason_PELCRO_VALIDATION_FAILED},
	{of(400, 422), condition{}, pelcrov1.ErrorReason_PELCRO_BAD_REQUEST},
	{of(401), condition{}, pelcrov1.ErrorReason_PELCRO_UNAUTHENTICATED},
	{of(402), condition{}, pelcrov1.ErrorReason_PELCRO_PAYMENT_REQUIRED},
	{of(403), condition{}, pelcrov1.ErrorReason_PELCRO_PERMISSION_DENIED},
	{of(404), noRoute, pelcrov1.ErrorReason_PELCRO_ROUTE_NOT_FOUND},
	{of(404, 410), condition{}, pelcrov1.ErrorReason_PELCRO_NOT_FOUND},
	{of(405), condition{}, pelcrov1.ErrorReason_PELCRO_METHOD_NOT_ALLOWED},
	{of(406, 407, 411, 415, 417, 419, 426, 431), condition{}, pelcrov1.ErrorReason_PELCRO_PROTOCOL_ERROR},
	// These say that a proxy stopped waiting, so the create may have happened.
	// UNAVAILABLE would be repeated by clients and meshes that ignore pushback.
	{of(408, 499, 502, 504, 520, 522, 524, 527, 598, 599), onCreate, pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN},
	{of(408, 504, 522, 524, 598), condition{}, pelcrov1.ErrorReason_PELCRO_TIMEOUT},
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
		[]span{{502, 503}, {509, 509}, {511, 511}, {520, 521}, {523, 523}, {525, 527}, {529, 530}, {599, 599}},
		condition{}, pelcrov1.ErrorReason_PELCRO_UNAVAILABLE,
	},
	{only(span{500, 599}), condition{}, pelcrov1.ErrorReason_PELCRO_INTERNAL_ERROR},

	{nil, condition{}, pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE},
}

// success are the statuses of success.
var success = span{200, 299}

// noError is the reason of what is no error.
const noError = pelcrov1.ErrorReason_ERROR_REASON_UNSPECIFIED

func of(statuses ...int) []span {
	spans := make([]span, len(statuses))
	for i, status := range statuses {
		spans[i] = span{status, status}
	}
	return spans
}

func only(s span) []span { return []span{s} }

func isSuccess(status int) bool { return success.has(status) }

func (s span) has(status int) bool { return s.from <= status && status <= s.to }

func (r rule) covers(status int) bool {
	for _, s := range r.statuses {
		if s.has(status) {
			return true
		}
	}
	return r.statuses == nil
}

// rulesOf are the rules for each status from 100 to 599; the last element is
// for every other status.
var rulesOf = func() (index [501][]rule) {
	for i := range index {
		status := i + 100
		for _, r := range rules {
			if r.covers(status) {
				index[i] = append(index[i], r)
			}
		}
	}
	return index
}()

// reasonOf applies the table.
func reasonOf(call Call, reply Reply, b *body) pelcrov1.ErrorReason {
	i := reply.StatusCode - 100
	if i < 0 || i >= len(rulesOf) {
		i = len(rulesOf) - 1
	}
	for _, r := range rulesOf[i] {
		if r.when.holds == nil || r.when.holds(call, reply, b) {
			return r.reason
		}
	}
	panic("mapping: the last rule holds for everything")
}

// showsErrors are the statuses under which "errors" counts: under any
// other it says nothing that the status does not.
var showsErrors = append(of(400, 404, 409, 422), success)
