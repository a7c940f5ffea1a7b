package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/googleapis/gax-go/v2"
	"google.golang.org/genproto/googleapis/rpc/code"

	"github.com/pelcro-grpc/pelcro-grpc/internal/customers"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// maxReads is how many requests that read are sent at most: a tenth of the quota of a minute that
// Pelcro documents for the whole account.
const maxReads = 14

// Config is what [Run] needs.
type Config struct {
	Client *pelcro.Client
	// Target names the Pelcro in the report.
	Target string
	SiteID int32
	// Pause is the time between two requests: others use the same quota.
	Pause time.Duration
	// RequestIDKey is the key of metadata under which the service keeps the request_id of a create.
	RequestIDKey string
	// Writes also creates, changes and deletes one customer of this site; 0 for none.
	Writes int32
}

// Run asks Pelcro and returns the report. It ends early, and the report says why, when Pelcro does not
// respond, rejects the key or a list, or its rate limit is reached.
func Run(ctx context.Context, config Config) *Report {
	r := &run{Config: config, report: &Report{Target: config.Target, SiteID: config.SiteID}, seen: map[string]bool{}}
	if r.reads(ctx) && config.Writes != 0 {
		r.writes(ctx)
	}
	r.report.judge(r.seen)
	return r.report
}

// run is the state of a Run.
type run struct {
	Config

	report *Report
	seen   map[string]bool // the features that were examined
	rows   []customer      // that Pelcro returned, in order
	limit  limits
}

// question is a request and what it is about.
type question struct {
	name string
	// shown is the request as the report shows it, empty for the method, the path and the query.
	shown     string
	operation string // of the service, that sends such a request
	features  []string
	request   pelcro.RawRequest
	// withKey replaces the API key, unless it is empty.
	withKey string
}

// ask sends the request and returns what came of it; ok is false if the run must end. A request that
// would be one too many is not sent, and e is nil.
func (r *run) ask(ctx context.Context, q question) (e *Exchange, ok bool) {
	if q.request.Method == http.MethodGet && r.countReads() == maxReads {
		return nil, true
	}
	if !r.pause(ctx) {
		r.report.Aborted = "It was interrupted."
		return nil, false
	}
	operation, _ := mapping.CustomerOperation(q.operation)
	if q.withKey != "" {
		ctx = pelcro.WithAuthorization(ctx, "Bearer "+q.withKey)
	}
	response, err := r.Client.SendRaw(ctx, q.request)
	e = &Exchange{Name: q.name, Request: cmp.Or(q.shown, showRequest(q.request)), Expected: true, sent: q.request, operation: operation}
	r.report.Requests = append(r.report.Requests, e)
	r.read(e, response, err)
	for _, feature := range q.features {
		r.seen[feature] = true
	}
	switch {
	case e.response == nil:
		r.report.Aborted = "There was no response: " + err.Error()
	case e.HTTPStatus == http.StatusTooManyRequests:
		r.report.Aborted = fmt.Sprintf("Pelcro's rate limit is reached; try again in %v.", cmp.Or(e.result.RetryDelay(), time.Minute))
	default:
		r.limit.note(e)
		return e, true
	}
	e.Expected = false
	return e, false
}

func (r *run) countReads() (count int) {
	for _, e := range r.report.Requests {
		if e.sent.Method == http.MethodGet {
			count++
		}
	}
	return count
}

// pause waits between two requests, and reports whether ctx has not ended.
func (r *run) pause(ctx context.Context) bool {
	if len(r.report.Requests) == 0 {
		return ctx.Err() == nil
	}
	return gax.Sleep(ctx, r.Pause) == nil && ctx.Err() == nil
}

// read fills in the response, and what the service would make of it.
func (r *run) read(e *Exchange, response *pelcro.Response, err error) {
	call := mapping.Call{Operation: e.operation}
	failure, _ := customers.Upstream(r.Client).Failure(err)
	failed, _ := errors.AsType[*pelcro.Error](err)
	switch {
	case err == nil:
		defer response.Release()
		e.response = response
		_, unreadable := customers.Read(e.operation, response.Body)
		e.result = mapping.FromResponse(call, mapping.Response{
			StatusCode: response.StatusCode, Header: response.RedactedHeader(), Body: response.RedactedBody(),
			Unusable: unreadable != nil && e.operation.Kind != mapping.Delete,
		})
	case failure.Response != nil:
		e.response = failed.Response
		e.result = mapping.FromResponse(call, *failure.Response)
	default:
		e.result = mapping.FromNoResponse(call, failure.NoResponse)
	}
	e.describe()
}

// describe fills in what is shown of the response.
func (e *Exchange) describe() {
	e.Code = code.Code(e.result.Code()).String()
	e.Origin = e.result.Origin()
	if !e.result.OK() {
		e.Reason = e.result.Reason().String()
	}
	e.Violations = violationsOf(e.result)
	if e.response == nil {
		return
	}
	e.HTTPStatus = e.response.StatusCode
	for _, name := range rateLimitHeaders {
		if value := e.response.Header.Get(name); value != "" {
			if e.RateLimit == nil {
				e.RateLimit = map[string]string{}
			}
			e.RateLimit[name] = value
		}
	}
}

// violationsOf returns the field violations that a caller would get.
func violationsOf(result mapping.Result) (violations []Violation) {
	for _, v := range result.Violations() {
		violations = append(violations, Violation{v.Field, v.Reason.String(), v.Description})
	}
	return violations
}

// rateLimitHeaders are the headers that are shown.
var rateLimitHeaders = []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After"}

// differs records a difference.
func (e *Exchange) differs(text string, affects ...Effect) {
	e.Expected = false
	e.Differences = append(e.Differences, Difference{text, affects})
}

// effect is short for one Effect.
func effect(feature string, state State, text string) Effect { return Effect{feature, state, text} }

// got says what came, for texts: "HTTP 404 of pelcro".
func (e *Exchange) got() string {
	text := fmt.Sprintf("HTTP %d", e.HTTPStatus)
	if e.Origin == mapping.OriginIntermediary {
		text += " of an intermediary (" + mediaType(e.response.Header) + ")"
	}
	return text
}

func mediaType(header http.Header) string {
	name, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	if name == "" {
		return "no type"
	}
	return strings.TrimSpace(name)
}

// showRequest is the request without site_id and, in filters, without values.
func showRequest(r pelcro.RawRequest) string {
	var parameters []string
	for name, values := range r.Query {
		for _, value := range values {
			if strings.HasPrefix(name, "filter[") {
				operator, _, _ := strings.Cut(value, ":")
				value = operator + ":…"
			}
			parameters = append(parameters, name+"="+value)
		}
	}
	slices.Sort(parameters)
	text := r.Method + " " + r.Template
	if len(parameters) > 0 {
		text += "?" + strings.Join(parameters, "&")
	}
	return text
}

// query returns parameters from pairs of names and values.
func query(pairs ...string) url.Values {
	values := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		values.Add(pair[0], pair[1])
	}
	return values
}
