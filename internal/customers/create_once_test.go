package customers_test

import (
	"bytes"
	"context"
	"encoding/json"
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
	"google.golang.org/protobuf/types/known/fieldmaskpb"

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

// Calls with one id that run together send one create.
func TestConcurrentCreates(t *testing.T) {
	pelcro := &lossy{pelcro: sandbox.New(sandbox.Config{APIKey: apiKey, SiteID: siteID})}
	g := start(t, pelcro)
	var all sync.WaitGroup
	results := make([]string, 20)
	for i := range results {
		all.Go(func() {
			resp, r := call(t.Context(), g.customers.CreateCustomer, withID("one@example.com", oneID))
			results[i] = strings.TrimSuffix(resultOf(resp, r), " replayed")
		})
	}
	all.Wait()
	for _, got := range results {
		if want := "OK 1009 " + oneID; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if n := strings.Count(pelcro.requests(), "create"); n != 1 {
		t.Errorf("%d creates", n)
	}
}

// A call that ends while another one with its id is running does not know what becomes of the create.
func TestWaitingCreateEnds(t *testing.T) {
	release, arrived := make(chan struct{}), make(chan struct{})
	pelcro := &lossy{pelcro: sandbox.New(sandbox.Config{APIKey: apiKey, SiteID: siteID}), faults: map[string][]fault{
		"create": {func(w http.ResponseWriter, r *http.Request, pelcro http.Handler) {
			close(arrived)
			<-release
			pelcro.ServeHTTP(w, r)
		}},
	}}
	g := start(t, pelcro)
	first := make(chan string)
	go func() {
		first <- resultOf(call(t.Context(), g.customers.CreateCustomer, withID("one@example.com", oneID)))
	}()
	<-arrived
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if got, want := resultOf(call(ctx, g.customers.CreateCustomer, withID("one@example.com", oneID))), "DeadlineExceeded CALLER_DEADLINE_EXCEEDED unknown"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	close(release)
	if got, want := <-first, "OK 1009 "+oneID; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Without a request_id the request is the same as ever; with one, the metadata has one key more.
func TestCreateOnceBody(t *testing.T) {
	pelcro := &lossy{pelcro: sandbox.New(sandbox.Config{APIKey: apiKey, SiteID: siteID})}
	g := start(t, pelcro)
	for _, test := range []struct {
		name string
		id   *string
		want string
	}{
		{"without a request_id", nil, `{"email":"one@example.com","metadata":{"plan":"gold"}}`},
		{"with one", new(oneID), `{"email":"two@example.com","metadata":{"grpc_request_id":"` + oneID + `","plan":"gold"}}`},
	} {
		pelcro.bodies = nil
		var sent struct{ Email string }
		if err := json.Unmarshal([]byte(test.want), &sent); err != nil {
			t.Fatal(err)
		}
		resp := mustSucceed(t, g.customers.CreateCustomer, &pelcrov1.CreateCustomerRequest{
			Customer:  &pelcrov1.Customer{Email: &sent.Email, Metadata: mustStruct(t, map[string]any{"plan": "gold"})},
			RequestId: test.id,
		})
		if len(pelcro.bodies) != 1 || pelcro.bodies[0] != test.want {
			t.Errorf("%s: %q", test.name, pelcro.bodies)
		}
		mustEqual(t, resp.GetCustomer().GetMetadata(), mustStruct(t, map[string]any{"plan": "gold"}))
		got := mustSucceed(t, g.customers.GetCustomer, &pelcrov1.GetCustomerRequest{Id: resp.GetCustomer().GetId()}).GetCustomer()
		if got.GetRequestId() != value(test.id) || len(got.GetMetadata().GetFields()) != 1 {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	if got, want := pelcro.requests(), "create get find create find get"; got != want {
		t.Errorf("Pelcro received %q, want %q", got, want)
	}
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// The log says once that the guarantee does not hold.
func TestBrokenFilterIsLogged(t *testing.T) {
	empty := responds(200, `{"data":[]}`)
	pelcro := &lossy{pelcro: sandbox.New(sandbox.Config{APIKey: apiKey, SiteID: siteID}), faults: map[string][]fault{"find": {empty, empty, empty, empty}}}
	log := &logBuffer{}
	g := startWith(t, siteID, pelcro, customers.Config{Logger: log.logger()})
	for i, want := range []string{"find create find", "find create"} {
		mustSucceed(t, g.customers.CreateCustomer, withID(fmt.Sprintf("%d@example.com", i), fmt.Sprintf("00000000-0000-4000-8000-00000000000%d", i+1)))
		if got := pelcro.requests(); got != want {
			t.Errorf("Pelcro received %q, want %q", got, want)
		}
	}
	if n := strings.Count(log.String(), "does not find customers by their request_id"); n != 1 {
		t.Errorf("%d lines:\n%s", n, log)
	}
}

// Only a UUID is a request_id, and only this service sets its metadata key.
func TestInvalidRequestID(t *testing.T) {
	g := start(t, unreachable(t))
	create := func(t *testing.T, req *pelcrov1.CreateCustomerRequest) failure {
		t.Helper()
		return mustFail(t, g.customers.CreateCustomer, req)
	}
	reserved := func() *pelcrov1.Customer {
		return &pelcrov1.Customer{Id: 42, Metadata: mustStruct(t, map[string]any{"grpc_request_id": oneID})}
	}
	const key = `customer.metadata["grpc_request_id"]`
	rejections[pelcrov1.CreateCustomerRequest]{
		{"empty", withID("a@example.com", ""), one("request_id", "FIELD_INVALID_FORMAT")},
		{"not a UUID", withID("a@example.com", "order-1"), one("request_id", "FIELD_INVALID_FORMAT")},
		{"without dashes", withID("a@example.com", strings.ReplaceAll(oneID, "-", "")), one("request_id", "FIELD_INVALID_FORMAT")},
		{"in braces", withID("a@example.com", "{"+oneID+"}"), one("request_id", "FIELD_INVALID_FORMAT")},
		{"a line more", withID("a@example.com", oneID+"\n"), one("request_id", "FIELD_INVALID_FORMAT")},
		{"zeros", withID("a@example.com", "00000000-0000-0000-0000-000000000000"), one("request_id", "FIELD_INVALID_VALUE")},
		{"the reserved key", &pelcrov1.CreateCustomerRequest{Customer: reserved()}, one(key, "FIELD_PROHIBITED")},
	}.run(t, create)
	rejections[pelcrov1.UpdateCustomerRequest]{
		{"the reserved key in an update", &pelcrov1.UpdateCustomerRequest{Customer: reserved()}, one(key, "FIELD_PROHIBITED")},
		{"the reserved key under a mask", &pelcrov1.UpdateCustomerRequest{
			Customer: reserved(), UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"metadata"}},
		}, one(key, "FIELD_PROHIBITED")},
	}.run(t, func(t *testing.T, req *pelcrov1.UpdateCustomerRequest) failure {
		t.Helper()
		return mustFail(t, g.customers.UpdateCustomer, req)
	})
}
