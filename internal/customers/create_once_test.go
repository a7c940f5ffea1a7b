package customers_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/customers"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// fault is what becomes of a request on its way to Pelcro and back.
type fault func(w http.ResponseWriter, r *http.Request, pelcro http.Handler)

func passes(w http.ResponseWriter, r *http.Request, pelcro http.Handler) { pelcro.ServeHTTP(w, r) }

func lostRequest(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }

func lostResponse(_ http.ResponseWriter, r *http.Request, pelcro http.Handler) {
	pelcro.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

func responds(code int, body string) fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// lossy is a Pelcro behind a network with faults.
type lossy struct {
	pelcro http.Handler
	mu     sync.Mutex
	faults map[string][]fault // of the next requests of a kind
	seen   []string           // the kinds of the requests
	bodies []string           // of the creates
}

// kindOf names a request: create, get, find (by request_id), has (any request_id), or other.
func kindOf(r *http.Request) string {
	query := r.URL.Query()
	switch {
	case r.Method == http.MethodPost:
		return "create"
	case query.Has("filter[metadata.grpc_request_id]"):
		return "find"
	case query.Has("filter[metadata]"):
		return "has"
	case r.Method == http.MethodGet && !strings.HasSuffix(r.URL.Path, "/customers"):
		return "get"
	}
	return "other"
}

func (l *lossy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, next := kindOf(r), passes
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	l.mu.Lock()
	l.seen = append(l.seen, kind)
	if kind == "create" {
		l.bodies = append(l.bodies, string(body))
	}
	if queue := l.faults[kind]; len(queue) > 0 {
		next, l.faults[kind] = queue[0], queue[1:]
	}
	l.mu.Unlock()
	next(w, r, l.pelcro)
}

// requests returns the kinds of the requests since the last time.
func (l *lossy) requests() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := strings.Join(l.seen, " ")
	l.seen = nil
	return seen
}

const (
	oneID   = "6f1c27b4-0d3e-4c55-9a54-2b7f60c1c9de"
	otherID = "00000000-0000-4000-8000-000000000001"
)

// step is a create of a story: what becomes of its requests, and what its caller gets.
type step struct {
	create   *pelcrov1.CreateCustomerRequest
	faults   map[string][]fault
	metadata metadata.MD
	restart  bool // the service is started again before
	want     string
	requests string
}

func withID(email, id string) *pelcrov1.CreateCustomerRequest {
	req := newCustomer(email)
	req.RequestId = &id
	return req
}

// resultOf tells what the caller of a create got.
func resultOf(resp *pelcrov1.CreateCustomerResponse, r result) string {
	if r.err == nil {
		text := fmt.Sprintf("OK %d %s", resp.GetCustomer().GetId(), resp.GetCustomer().GetRequestId())
		return text + strings.Repeat(" replayed", len(r.trailer.Get("x-request-replayed")))
	}
	var reason, outcome, delay string
	for _, detail := range status.Convert(r.err).Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			reason, outcome = detail.GetReason(), detail.GetMetadata()["outcome"]
		case *errdetails.RetryInfo:
			delay = " " + detail.GetRetryDelay().AsDuration().Round(time.Second).String()
		}
	}
	return fmt.Sprintf("%s %s %s%s", status.Code(r.err), reason, outcome, delay)
}

// The stories of creates with a request_id. Each first proves the filter with another id, except
// where it says otherwise.
func TestCreateOnce(t *testing.T) {
	customers.WithoutWaits()
	const (
		pending = "Unavailable GATEWAY_CREATE_PENDING pending 5s"
		unknown = "Internal PELCRO_OUTCOME_UNKNOWN unknown"
		created = "OK 1010 " + oneID
	)
	one := withID("one@example.com", oneID)
	on := func(kind string, faults ...fault) map[string][]fault { return map[string][]fault{kind: faults} }
	for _, story := range []struct {
		name     string
		unproven bool
		settled  bool // a create that was sent has settled immediately
		steps    []step
	}{
		{"a retry of a finished create", false, false, []step{
			{create: one, want: created, requests: "find create"},
			{create: one, want: created + " replayed", requests: "get"},
			{create: withID("one@example.com", strings.ToUpper(oneID)), want: created + " replayed", requests: "get"},
		}},
		{"the first create proves the filter", true, false, []step{
			{create: withID("one@example.com", oneID), want: "OK 1009 " + oneID, requests: "find create find"},
			{create: withID("two@example.com", otherID), want: "OK 1010 " + otherID, requests: "find create"},
		}},
		{"another request", false, false, []step{
			{create: one, want: created, requests: "find create"},
			{create: withID("two@example.com", oneID), want: "InvalidArgument GATEWAY_REQUEST_ID_REUSED notSent"},
		}},
		{"a corrected request", false, false, []step{
			{create: withID("nope", oneID), want: "InvalidArgument PELCRO_VALIDATION_FAILED rejected", requests: "find create"},
			{create: one, want: created, requests: "find create"},
		}},
		{"the response is lost", false, false, []step{
			{create: one, faults: on("create", lostResponse), want: created, requests: "find create find"},
			{create: one, want: created + " replayed", requests: "get"},
		}},
		{"the response cannot be used", false, false, []step{
			{create: one, faults: on("create", func(w http.ResponseWriter, r *http.Request, pelcro http.Handler) {
				pelcro.ServeHTTP(httptest.NewRecorder(), r)
				responds(200, "<html>")(w, r, pelcro)
			}), want: created, requests: "find create find"},
		}},
		{"the request is lost", false, false, []step{
			{create: one, faults: on("create", lostRequest), want: pending, requests: "find create find find"},
			{create: one, want: pending, requests: "find"},
			{create: withID("two@example.com", oneID), want: "InvalidArgument GATEWAY_REQUEST_ID_REUSED notSent"},
		}},
		{"the request arrives late", false, false, []step{
			{create: one, faults: map[string][]fault{"create": {lostRequest}, "find": {passes, passes, func(w http.ResponseWriter, r *http.Request, pelcro http.Handler) {
				late, _ := http.NewRequest(http.MethodPost, "/api/v1/core/customers?site_id=7", strings.NewReader(`{"email":"one@example.com","metadata":{"grpc_request_id":"`+oneID+`"}}`))
				late.Header = http.Header{"Authorization": {"Bearer " + apiKey}, "Content-Type": {"application/json"}, "Accept": {"application/json"}}
				pelcro.ServeHTTP(httptest.NewRecorder(), late)
				pelcro.ServeHTTP(w, r)
			}}}, want: created, requests: "find create find find"},
		}},
		{"the request is lost, and has settled", false, true, []step{
			{create: one, faults: on("create", lostRequest), want: "Unavailable GATEWAY_CREATE_PENDING pending 0s", requests: "find create find find"},
			{create: one, want: created, requests: "find create"},
		}},
		{"the filter has found nothing yet", true, true, []step{
			{create: one, faults: on("create", lostRequest), want: unknown, requests: "find create find has"},
			{create: one, want: unknown, requests: "find has"},
		}},
		{"the filter is ignored", true, true, []step{
			{create: one, faults: map[string][]fault{
				"create": {lostRequest},
				"find":   {responds(200, `{"data":[{"id":1,"metadata":[]}]}`), responds(200, `{"data":[{"id":1,"metadata":[]}]}`)},
				"has":    {responds(200, `{"data":[{"id":1,"metadata":[]}]}`)},
			}, want: unknown, requests: "find create find has"},
		}},
		{"the filter is rejected", true, true, []step{
			{create: one, faults: map[string][]fault{
				"create": {lostResponse}, "find": {responds(400, `{"message":"x"}`), responds(400, `{"message":"x"}`)}, "has": {responds(400, `{"message":"x"}`)},
			}, want: unknown, requests: "find create find has"},
		}},
		{"already taken by an earlier attempt", false, true, []step{
			{create: one, faults: map[string][]fault{"create": {lostResponse}, "find": {passes, responds(200, `{"data":[]}`), responds(200, `{"data":[]}`)}},
				want: "Unavailable GATEWAY_CREATE_PENDING pending 0s", requests: "find create find find"},
			{create: one, faults: on("find", responds(200, `{"data":[]}`)), want: created + " replayed", requests: "find create find"},
		}},
		{"already taken by someone else", false, false, []step{
			{create: withID("taken@example.com", oneID), want: "InvalidArgument PELCRO_VALIDATION_FAILED rejected", requests: "find create find"},
		}},
		{"the look-up fails before the create", false, false, []step{
			{create: one, faults: on("find", responds(503, "")), want: "Unavailable PELCRO_UNAVAILABLE notSent", requests: "find"},
			{create: one, faults: on("find", responds(429, `{"message":"Too Many Attempts."}`)), want: "ResourceExhausted PELCRO_RATE_LIMITED notSent 1m0s", requests: "find"},
			{create: one, faults: on("find", responds(504, "")), want: "Unavailable PELCRO_TIMEOUT notSent", requests: "find"},
			{create: one, faults: on("find", responds(401, `{"message":"Unauthenticated."}`)), want: "Unauthenticated PELCRO_UNAUTHENTICATED notSent", requests: "find"},
			{create: one, faults: on("find", responds(200, "<html>")), want: "Internal PELCRO_MALFORMED_RESPONSE notSent", requests: "find"},
			{create: one, want: created, requests: "find create"},
		}},
		{"the look-up fails after the create", false, false, []step{
			{create: one, faults: map[string][]fault{"create": {lostResponse}, "find": {passes, responds(503, "")}}, want: pending, requests: "find create find"},
			{create: one, faults: on("find", responds(504, "")), want: pending, requests: "find"},
			{create: one, want: created + " replayed", requests: "find"},
		}},
		{"the customer of a finished create cannot be read", false, false, []step{
			{create: one, want: created, requests: "find create"},
			{create: one, faults: on("get", responds(503, "")), want: pending, requests: "get"},
			{create: one, faults: on("get", responds(404, `{"message":"No query results for model"}`)), want: "NotFound PELCRO_NOT_FOUND applied", requests: "get"},
			{create: one, want: created + " replayed", requests: "get"},
		}},
		{"a restart", false, false, []step{
			{create: one, want: created, requests: "find create"},
			{restart: true, create: one, want: created + " replayed", requests: "find"},
			{create: one, want: created + " replayed", requests: "get"},
		}},
		{"a restart, and a retry by gRPC of a create that was lost", false, false, []step{
			{create: one, faults: on("create", lostRequest), want: pending, requests: "find create find find"},
			{restart: true, create: one, metadata: metadata.Pairs("grpc-previous-rpc-attempts", "1"), want: pending, requests: "find has find"},
			{create: one, want: pending, requests: "find"},
		}},
		{"a restart, and a retry by go-grpc-middleware", false, false, []step{
			{restart: true, create: one, metadata: metadata.Pairs("x-retry-attempt", "1"), want: pending, requests: "find has find"},
		}},
		{"a restart, and a retry by go-grpc-middleware v1, after the settle time", false, true, []step{
			{restart: true, create: one, metadata: metadata.Pairs("x-retry-attempty", "2"), want: created, requests: "find has find create"},
		}},
		{"not sent", false, false, []step{
			{create: one, faults: on("create", responds(429, `{"message":"Too Many Attempts."}`)), want: "ResourceExhausted PELCRO_RATE_LIMITED rejected 1m0s", requests: "find create"},
			{create: one, want: created, requests: "find create"},
		}},
	} {
		t.Run(story.name, func(t *testing.T) {
			pelcro := &lossy{pelcro: sandbox.New(sandbox.Config{APIKey: apiKey, SiteID: siteID})}
			config := customers.Config{}
			if story.settled {
				config.SettleTime = time.Nanosecond
			}
			g := startWith(t, siteID, pelcro, config)
			if !story.unproven {
				mustSucceed(t, g.customers.CreateCustomer, withID("zero@example.com", otherID))
				pelcro.requests()
			}
			for i, step := range story.steps {
				if step.restart {
					g = startWith(t, siteID, pelcro, config)
				}
				pelcro.faults = step.faults
				ctx := metadata.NewOutgoingContext(t.Context(), step.metadata)
				if got := resultOf(call(ctx, g.customers.CreateCustomer, step.create)); got != step.want {
					t.Errorf("step %d: %s, want %s", i+1, got, step.want)
				}
				if got := pelcro.requests(); got != step.requests {
					t.Errorf("step %d: Pelcro received %q, want %q", i+1, got, step.requests)
				}
			}
		})
	}
}
