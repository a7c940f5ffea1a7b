package promises_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

// hostileInput are the values of a client's requests.
type hostileInput struct {
	id                   int64
	siteID               int32
	metaKey, metaValue   string // of the gRPC metadata
	attribute, value     string // of a filter
	operator             int32  // also the relation
	orderBy, token       string
	email, password, key string
}

// receivedRequest is a request as the upstream received it.
type receivedRequest struct {
	method, target string
	header         http.Header
	host           string
	body           []byte
}

// recordingUpstream keeps the last requests.
type recordingUpstream struct {
	mu       sync.Mutex
	requests []receivedRequest
}

func (s *recordingUpstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.requests = append(s.requests, receivedRequest{r.Method, r.RequestURI, r.Header, r.Host, body})
	s.mu.Unlock()
	response := successResponse(r)
	maps.Copy(w.Header(), response.Header)
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body)
}

func (s *recordingUpstream) take() []receivedRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.requests = nil }()
	return s.requests
}

// rewriteCheck makes every call with an input and checks the requests to Pelcro.
type rewriteCheck struct {
	g                 *gateway
	recordingUpstream *recordingUpstream
	host              string
}

func newRewriteCheck(tb testing.TB) rewriteCheck {
	s := &recordingUpstream{}
	web := httptest.NewServer(s)
	tb.Cleanup(web.Close)
	g := start(tb, web.URL)
	return rewriteCheck{g, s, strings.TrimPrefix(web.URL, "http://")}
}

func (r rewriteCheck) check(t *testing.T, a hostileInput) {
	t.Helper()
	ctx := t.Context()
	if a.metaKey != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, a.metaKey, a.metaValue, "x-request-id", a.metaValue)
	}
	withID := sandbox.BasePath + "/customers/" + strconv.FormatInt(a.id, 10)
	const collection = sandbox.BasePath + "/customers"
	site := url.Values{"site_id": {strconv.Itoa(int(a.siteID))}}

	_, err := r.g.customers.GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: a.id, SiteId: &a.siteID})
	r.checkSent(t, err, "GET", withID, site, nil)
	_, err = r.g.customers.DeleteCustomer(ctx, &pelcrov1.DeleteCustomerRequest{Id: a.id, SiteId: &a.siteID})
	r.checkSent(t, err, "DELETE", withID, site, nil)
	relation := pelcrov1.CustomerRelation(a.operator)
	_, err = r.g.customers.GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: a.id, SiteId: &a.siteID, Expand: []pelcrov1.CustomerRelation{relation}})
	r.checkSent(t, err, "GET", withID, url.Values{"site_id": site["site_id"], "expand": {expansions[relation]}}, nil)

	list := url.Values{"site_id": site["site_id"], "page": {"1"}, "limit": {"10"}, "sort": {sorting(a.orderBy)}}
	_, err = r.g.customers.ListCustomers(ctx, &pelcrov1.ListCustomersRequest{SiteId: &a.siteID, OrderBy: a.orderBy, PageToken: a.token})
	if a.token == "" || err != nil {
		r.checkSent(t, err, "GET", collection, list, nil)
	}
	r.recordingUpstream.take()
	operator := pelcrov1.CustomerFilter_Operator(a.operator)
	_, err = r.g.customers.ListCustomers(ctx, &pelcrov1.ListCustomersRequest{
		SiteId:  &a.siteID,
		OrderBy: a.orderBy,
		Filters: []*pelcrov1.CustomerFilter{{Attribute: a.attribute, Operator: operator, Values: []string{a.value}}},
	})
	filtered := maps.Clone(list)
	name := map[pelcrov1.CustomerFilter_Operator]string{2: "like"}[operator]
	if name == "" {
		name = "eq"
	}
	filtered.Set("filter["+a.attribute+"]", name+":"+a.value)
	r.checkSent(t, err, "GET", collection, filtered, nil)
	_, err = r.g.customers.ListCustomers(ctx, &pelcrov1.ListCustomersRequest{
		SiteId:  &a.siteID,
		OrderBy: a.orderBy,
		Filters: []*pelcrov1.CustomerFilter{{
			Attribute: a.attribute, Operator: pelcrov1.CustomerFilter_OPERATOR_HAS_KEY, OrWithOthers: true,
		}},
	})
	filtered = maps.Clone(list)
	filtered.Set("filter[metadata]", "orhas:"+strings.TrimPrefix(a.attribute, "metadata."))
	r.checkSent(t, err, "GET", collection, filtered, nil)

	free, err := structpb.NewStruct(map[string]any{a.key: a.value})
	if err != nil {
		return // invalid UTF-8: no client can send it
	}
	written := map[string]any{"email": a.email, "password": a.password, "metadata": map[string]any{a.key: a.value}}
	customer := &pelcrov1.Customer{Id: a.id, Email: &a.email, Metadata: free}
	_, err = r.g.customers.CreateCustomer(ctx, &pelcrov1.CreateCustomerRequest{SiteId: &a.siteID, Customer: customer, Password: &a.password})
	r.checkSent(t, err, "POST", collection, site, written)
	_, err = r.g.customers.UpdateCustomer(ctx, &pelcrov1.UpdateCustomerRequest{SiteId: &a.siteID, Customer: customer, Password: &a.password})
	r.checkSent(t, err, "PUT", withID, site, written)
}

// checkSent checks that exactly this request was sent, or that the call was rejected and
// nothing was sent.
func (r rewriteCheck) checkSent(t *testing.T, err error, method, path string, query url.Values, body map[string]any) {
	t.Helper()
	requests := r.recordingUpstream.take()
	if err != nil {
		// Without a reason the client's library rejected the call.
		ours := status.Code(err) == codes.InvalidArgument && reasonOf(err) == "GATEWAY_INVALID_REQUEST"
		theirs := status.Code(err) == codes.Internal && reasonOf(err) == ""
		if len(requests) != 0 || !ours && !theirs {
			t.Errorf("%s %s: %v (%s), and %d requests: %q", method, path, err, reasonOf(err), len(requests), requests)
		}
		return
	}
	if len(requests) != 1 {
		t.Fatalf("%s %s: %d requests: %q", method, path, len(requests), requests)
	}
	got := requests[0]
	gotPath, rawQuery, _ := strings.Cut(got.target, "?")
	values, err := url.ParseQuery(rawQuery)
	if got.method != method || gotPath != path || err != nil || !reflect.DeepEqual(values, query) {
		t.Errorf("%s %q, %v; want %s %q with %q", got.method, got.target, err, method, path, query)
	}
	mustBeOneRequest(t, gotPath, values)
	if strings.ContainsFunc(got.target, func(r rune) bool { return r <= ' ' || r >= unicode.MaxASCII }) {
		t.Errorf("the target is %q", got.target)
	}
	header := http.Header{
		"Accept":          {"application/json"},
		"Accept-Encoding": {"gzip"},
		"Authorization":   {"Bearer " + sandbox.DefaultAPIKey},
		"User-Agent":      {"pelcro-grpc/test"},
	}
	if body != nil {
		header.Set("Content-Type", "application/json")
		header.Set("Content-Length", strconv.Itoa(len(got.body)))
	}
	if !reflect.DeepEqual(got.header, header) || got.host != r.host {
		t.Errorf("the headers are %q, the host %q", got.header, got.host)
	}
	var sent map[string]any
	if body == nil {
		if len(got.body) > 0 {
			t.Errorf("a body: %q", got.body)
		}
	} else if err := json.Unmarshal(got.body, &sent); err != nil || !reflect.DeepEqual(sent, body) {
		t.Errorf("the body is %q, %v; want %q", got.body, err, body)
	}
	if bytes.ContainsFunc(got.body, func(r rune) bool { return r < ' ' }) {
		t.Errorf("control characters in the body: %q", got.body)
	}
}

// mustBeOneRequest checks that PHP reads the request as one for one customer or one list.
func mustBeOneRequest(t *testing.T, path string, query url.Values) {
	t.Helper()
	for key, list := range query {
		// Brackets nest, and a comma separates the values of a filter.
		inner := strings.TrimSuffix(strings.TrimPrefix(key, "filter["), "]")
		if strings.ContainsAny(inner, "[]") || inner != key && strings.Contains(list[0], ",") {
			t.Errorf("%q is %q: not one condition", key, list)
		}
		if strings.ContainsFunc(key+list[0], unicode.IsControl) {
			t.Errorf("control characters: %q is %q", key, list)
		}
	}
	if id, ok := strings.CutPrefix(path, sandbox.BasePath+"/customers/"); ok && strings.HasPrefix(id, "-") || id == "0" || strings.HasPrefix(query.Get("site_id"), "-") {
		t.Errorf("a negative or zero id: %q", path+"?"+query.Encode())
	}
}

// expansion and sorting return Pelcro's names.
var expansions = map[pelcrov1.CustomerRelation]string{1: "addresses", 2: "defaultSource", 3: "organization", 4: "subscriptions"}

func sorting(orderBy string) string {
	words := strings.Fields(orderBy)
	if len(words) == 0 {
		return "id"
	}
	return strings.Repeat("-", len(words)-1) + words[0]
}

// hostile are texts that have changed requests in other software.
var hostile = []string{
	"", " ", "x", ".", "..", "../", "/../../admin", "..%2f..%2fadmin", "%2e%2e/", "%00", "\x00", "\r\n", "\n\nGET / HTTP/1.1\r\n",
	"a\r\nX-Injected: 1", "x&site_id=9", "x&site_id[]=9", "&", "=", "?", "#", ";", "a;b=c", "+", "%", "%zz", "a,b", "]", "[", "][",
	"email]&filter[id", "]=eq:1&filter[x", "eq:1", "oreq:1", "x y", "\t", "\v", "\u0085", "\u2028", "\u202e", "\ufeff", "é", "日本語", "\U0001f600",
	"\xff", "\xc0\xaf", "http://evil.example/", "//evil.example", "@evil.example", `"`, `\`, `","site_id":9,"x":"`, "<script>", "${jndi:x}", "{{7*7}}",
	"__proto__", "site_id", "password", "id desc", "email  desc", "desc", "-id", "id,email", "metadata.", "metadata.x", "metadata.x[0]", "metadata.a.b",
	strings.Repeat("a", 5000),
}

// keysOfCalls are metadata keys that would change the request if they were forwarded.
var keysOfCalls = []string{
	"", "idempotency-key", "x-idempotency-key", "authorization", "x-api-key", "cookie", "x-forwarded-for", "x-forwarded-host", "forwarded", "x-http-method-override",
	"accept", "accept-encoding", "transfer-encoding", "content-length", "connection", "upgrade", "expect", "host", "trace-bin", "traceparent",
	"x-original-url", "range", "if-none-match", "x-request-id",
}

// ordinaryInput has harmless values.
func ordinaryInput() hostileInput {
	return hostileInput{id: 42, siteID: 7, attribute: "metadata.color", value: "red", operator: 1, orderBy: "id", email: "ada@example.com", password: "secret", key: "color"}
}

// Whatever a field has, Pelcro receives the request of the called method with the value in
// its place, or no request.
func TestR20NothingRewritesTheRequest(t *testing.T) {
	r := newRewriteCheck(t)
	fields := map[string]func(*hostileInput, string){
		"metadata of the call": func(a *hostileInput, s string) { a.metaKey, a.metaValue = "x-hostile", s },
		"attribute":            func(a *hostileInput, s string) { a.attribute = s },
		"metadata attribute":   func(a *hostileInput, s string) { a.attribute = "metadata." + s },
		"value":                func(a *hostileInput, s string) { a.value = s },
		"order_by":             func(a *hostileInput, s string) { a.orderBy = s },
		"page_token":           func(a *hostileInput, s string) { a.token = s },
		"email":                func(a *hostileInput, s string) { a.email = s },
		"password":             func(a *hostileInput, s string) { a.password = s },
		"metadata key":         func(a *hostileInput, s string) { a.key = s },
	}
	for i, field := range slices.Sorted(maps.Keys(fields)) {
		t.Run(field, func(t *testing.T) {
			for j, s := range hostile {
				if (i+j)%scaled(1, 3) != 0 {
					continue
				}
				a := ordinaryInput()
				fields[field](&a, s)
				r.check(t, a)
			}
		})
	}
	t.Run("keys of the call", func(t *testing.T) {
		for _, key := range keysOfCalls {
			a := ordinaryInput()
			a.metaKey, a.metaValue = key, "canary"
			r.check(t, a)
		}
	})
	t.Run("ids", func(t *testing.T) {
		for _, id := range []int64{-1 << 63, -1, 0, 1, 1<<63 - 1} {
			for _, site := range []int32{-1 << 31, -1, 0, 1, 1<<31 - 1} {
				a := ordinaryInput()
				a.id, a.siteID = id, site
				r.check(t, a)
			}
		}
	})
	// A valid request passes; otherwise the rest would prove nothing.
	if _, err := r.g.customers.GetCustomer(context.WithoutCancel(t.Context()), &pelcrov1.GetCustomerRequest{Id: 42}); err != nil || len(r.recordingUpstream.take()) != 1 {
		t.Error(err)
	}
}

// FuzzRequestToPelcro is the same test with any texts.
func FuzzRequestToPelcro(f *testing.F) {
	a := ordinaryInput()
	f.Add(a.id, a.siteID, a.metaKey, a.metaValue, a.attribute, a.value, a.operator, a.orderBy, a.token, a.email, a.password, a.key)
	for i, s := range hostile {
		f.Add(int64(i), int32(i), keysOfCalls[i%len(keysOfCalls)], s, "metadata."+s, s, int32(i%4), s, s, s, s, s)
	}
	r := newRewriteCheck(f)
	f.Fuzz(func(t *testing.T, id int64, siteID int32, metaKey, metaValue, attribute, value string, operator int32, orderBy, token, email, password, key string) {
		if operator == int32(pelcrov1.CustomerFilter_OPERATOR_HAS_KEY) {
			operator = 0 // it has its own call
		}
		r.check(t, hostileInput{id, siteID, metaKey, metaValue, attribute, value, operator, orderBy, token, email, password, key})
	})
}
