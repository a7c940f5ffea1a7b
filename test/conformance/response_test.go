package conformance_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/pelcro-grpc/pelcro-grpc/client"
	"github.com/pelcro-grpc/pelcro-grpc/test/vectors"
)

const vectorFiles = "../../mapping/testdata/vectors"

// deadline is that of each call.
const deadline = 10 * time.Second

// apiKey is the gateway's; no response may contain it.
const apiKey = "canary-key-sk_live_4711"

// firstID is the customer id of the first vector.
const firstID = 1000

// request is a line that a client reads.
type request struct {
	Name      string `json:"name"`
	Operation string `json:"operation"`
	ID        int64  `json:"id"`
	Email     string `json:"email"`
}

// requests returns a call for each vector; its id or email identifies the vector.
func requests(all []vectors.Vector) []request {
	calls := make([]request, len(all))
	for i, v := range all {
		calls[i] = request{Name: v.Name, Operation: v.Operation}
		switch v.Operation {
		case "CreateCustomer", "ListCustomers":
			calls[i].Email = fmt.Sprintf("v%d@example.com", i)
		default:
			calls[i].ID = int64(firstID + i)
		}
	}
	return calls
}

var vectorInRequest = regexp.MustCompile(`/customers/([0-9]+)$|\bv([0-9]+)@example\.com`)

// requestedVector returns the index of the vector that a request to Pelcro identifies,
// -1 if there is none.
func requestedVector(path, query, body string) int {
	groups := vectorInRequest.FindStringSubmatch(path)
	if groups == nil {
		groups = vectorInRequest.FindStringSubmatch(query + " " + body)
	}
	if groups == nil {
		return -1
	}
	if groups[1] != "" {
		id, _ := strconv.Atoi(groups[1])
		return id - firstID
	}
	index, _ := strconv.Atoi(groups[2])
	return index
}

// response is a line that a client prints: what it received, as far as its language's
// library shows it.
type response struct {
	Name string `json:"name"`
	// Code is the canonical name, as INVALID_ARGUMENT; OK for a success.
	Code    string `json:"code"`
	Message string `json:"message"`
	// Domain, Reason and Metadata are those of google.rpc.ErrorInfo.
	Domain     string            `json:"domain"`
	Reason     string            `json:"reason"`
	Metadata   map[string]string `json:"metadata"`
	Violations []violation       `json:"violations"`
	// Precondition is the type in google.rpc.PreconditionFailure, empty without one.
	Precondition string `json:"precondition"`
	// RetryDelaySeconds is null without google.rpc.RetryInfo.
	RetryDelaySeconds *float64 `json:"retryDelaySeconds"`
	// Quota is the quota_value of google.rpc.QuotaFailure, null without one.
	Quota *int64 `json:"quota"`
	// Resource is the resource_name of google.rpc.ResourceInfo.
	Resource  string `json:"resource"`
	RequestID string `json:"requestId"`
	// ErrorReason is the trailer x-error-reason, Pushback grpc-retry-pushback-ms.
	ErrorReason string `json:"errorReason"`
	Pushback    string `json:"pushback"`
	// DetailTypes are the names of all details, as google.rpc.ErrorInfo.
	DetailTypes []string `json:"detailTypes"`
}

type violation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
	Reason      string `json:"reason"`
}

func (v violation) GetField() string       { return v.Field }
func (v violation) GetDescription() string { return v.Description }
func (v violation) GetReason() string      { return v.Reason }

// texts returns every text of the response by its name.
func (r response) texts() map[string]string {
	texts := map[string]string{
		"message": r.Message, "domain": r.Domain, "reason": r.Reason, "resource": r.Resource, "request id": r.RequestID,
		"precondition": r.Precondition, "x-error-reason": r.ErrorReason, "grpc-retry-pushback-ms": r.Pushback,
	}
	for key, value := range r.Metadata {
		texts["metadata "+key] = value
	}
	for i, v := range r.Violations {
		texts[fmt.Sprintf("field %d", i)], texts[fmt.Sprintf("description %d", i)], texts[fmt.Sprintf("reason %d", i)] = v.Field, v.Description, v.Reason
	}
	return texts
}

// expected is what every language must receive for a call.
type expected struct {
	vector   vectors.Vector
	resource string
	// attempts is the number of requests that Pelcro receives.
	attempts int
	// pushback is the trailer of the last attempt.
	pushback string
}

// expect returns what every language must receive for the call.
func expect(tb testing.TB, v vectors.Vector, call request) expected {
	tb.Helper()
	e := expected{vector: v}
	if v.Expect.Reason == "PELCRO_NOT_FOUND" && call.ID != 0 {
		e.resource = strconv.FormatInt(call.ID, 10)
	}
	e.attempts, e.pushback = policyOf(tb, v.Operation).retry(v.Expect)
	return e
}

// methodPolicy is what the published service config says about a method.
type methodPolicy struct {
	timeout     time.Duration
	maxAttempts int
	codes       []string
}

// policyOf reads the policy of a method; an entry without a method is the default.
func policyOf(tb testing.TB, method string) methodPolicy {
	tb.Helper()
	var config struct {
		MethodConfig []struct {
			Name []struct {
				Method string `json:"method"`
			} `json:"name"`
			Timeout     string `json:"timeout"`
			RetryPolicy struct {
				MaxAttempts          int      `json:"maxAttempts"`
				RetryableStatusCodes []string `json:"retryableStatusCodes"`
			} `json:"retryPolicy"`
		} `json:"methodConfig"`
	}
	if err := json.Unmarshal([]byte(client.ServiceConfig()), &config); err != nil {
		tb.Fatal(err)
	}
	for _, wanted := range []string{method, ""} {
		for _, m := range config.MethodConfig {
			for _, name := range m.Name {
				if name.Method != wanted {
					continue
				}
				timeout, err := time.ParseDuration(m.Timeout)
				if err != nil {
					tb.Fatal(err)
				}
				return methodPolicy{timeout, m.RetryPolicy.MaxAttempts, m.RetryPolicy.RetryableStatusCodes}
			}
		}
	}
	tb.Fatalf("the service config has no policy for %s", method)
	return methodPolicy{}
}

// retry returns the number of attempts and the pushback of the last one. The service
// forbids a retry that the remaining time does not allow; the client's own backoff is
// too short to matter.
func (p methodPolicy) retry(want vectors.Expect) (attempts int, pushback string) {
	remaining := min(deadline, p.timeout)
	for {
		attempts++
		delay := want.RetryDelay()
		switch {
		case want.Pushback != "":
			pushback = want.Pushback
		case delay >= remaining:
			pushback = "-1"
		case delay > 0:
			pushback = strconv.FormatInt(delay.Milliseconds(), 10)
		}
		if pushback == "-1" || attempts >= p.maxAttempts || !slices.Contains(p.codes, want.Code) {
			return attempts, pushback
		}
		remaining -= delay
	}
}

// quota returns the quota_value that google.rpc.QuotaFailure must have, nil for none.
func (e expected) quota() *int64 {
	limit, err := strconv.ParseInt(e.vector.Header().Get("X-Ratelimit-Limit"), 10, 64)
	if e.vector.Response.Status != http.StatusTooManyRequests || err != nil {
		return nil
	}
	return &limit
}

// precondition returns the type that google.rpc.PreconditionFailure must have, empty for none.
func (e expected) precondition() string {
	return map[int]string{
		http.StatusPaymentRequired:      "PAYMENT",
		http.StatusPreconditionFailed:   "PRECONDITION",
		http.StatusLocked:               "LOCK",
		http.StatusFailedDependency:     "DEPENDENCY",
		http.StatusPreconditionRequired: "PRECONDITION",
	}[e.vector.Response.Status]
}

// limits are how many bytes a text may have; 64 is for the other metadata.
var limits = []struct {
	prefix string
	bytes  int
}{
	{"message", 256},
	{"metadata upstreamMessage", 512},
	{"metadata ", 64},
	{"description ", 256},
	{"field ", 128},
	{"", 64},
}

var requestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// check fails the test unless the response is what the vector expects, and its details
// and trailers agree with each other. It is the same for every language.
func (e expected) check(tb testing.TB, got response, attempts int) {
	tb.Helper()
	everything := slices.Sorted(maps.Values(got.texts()))
	var delay time.Duration
	if got.RetryDelaySeconds != nil {
		delay = time.Duration(*got.RetryDelaySeconds * float64(time.Second))
	}
	want := e.vector.Expect
	want.Never = append(slices.Clone(want.Never), apiKey)
	want.Pushback = e.pushback
	want.Check(tb, vectors.Result{
		Code: got.Code, Reason: got.Reason, Message: got.Message,
		Violations: vectors.ViolationsOf(got.Violations),
		RetryDelay: delay, Pushback: got.Pushback, Outcome: got.Metadata["outcome"],
		Everything: strings.Join(everything, "\n"),
	})
	equal(tb, "requests to Pelcro", attempts, e.attempts)
	for name, text := range got.texts() {
		if !utf8.ValidString(text) {
			tb.Errorf("%s is not UTF-8: %q", name, text)
		}
		for _, limit := range limits {
			if strings.HasPrefix(name, limit.prefix) {
				if len(text) > limit.bytes {
					tb.Errorf("%s has %d bytes, more than %d", name, len(text), limit.bytes)
				}
				break
			}
		}
	}
	if want.Code == "OK" {
		equal(tb, "details", strings.Join(got.DetailTypes, " "), "")
		return
	}
	equal(tb, "domain", got.Domain, "pelcro-grpc")
	equal(tb, "x-error-reason", got.ErrorReason, want.Reason)
	equal(tb, "pushback", got.Pushback, e.pushback)
	equal(tb, "metadata httpStatus", got.Metadata["httpStatus"], strconv.Itoa(e.vector.Response.Status))
	equal(tb, "metadata operation", got.Metadata["operation"], e.vector.Operation)
	equal(tb, "resource", got.Resource, e.resource)
	equal(tb, "precondition", got.Precondition, e.precondition())
	equal(tb, "quota", number(got.Quota), number(e.quota()))
	if origin := got.Metadata["origin"]; origin != "pelcro" && origin != "intermediary" {
		tb.Errorf("metadata origin: %q", origin)
	}
	if got.Metadata["outcome"] == "" && e.vector.Operation == "CreateCustomer" {
		tb.Error("a create failed without an outcome")
	}
	if !requestID.MatchString(got.RequestID) {
		tb.Errorf("request id %q", got.RequestID)
	}
	equal(tb, "details", strings.Join(got.DetailTypes, " "), strings.Join(e.detailTypes(), " "))
}

// detailTypes returns the details that the status must have, in order.
func (e expected) detailTypes() []string {
	want := e.vector.Expect
	details := []string{"google.rpc.ErrorInfo"}
	for _, detail := range []struct {
		present bool
		name    string
	}{
		{len(want.Violations) > 0 || want.MinViolations > 0, "google.rpc.BadRequest"},
		{e.precondition() != "", "google.rpc.PreconditionFailure"},
		{want.RetryDelaySeconds > 0, "google.rpc.RetryInfo"},
		{e.quota() != nil, "google.rpc.QuotaFailure"},
		{e.resource != "", "google.rpc.ResourceInfo"},
		{true, "google.rpc.RequestInfo"},
	} {
		if detail.present {
			details = append(details, detail.name)
		}
	}
	return details
}

// mustMatch fails the test unless two languages received the same texts.
func (r response) mustMatch(tb testing.TB, other response) {
	tb.Helper()
	got, want := r.texts(), other.texts()
	for _, texts := range []map[string]string{got, want} {
		delete(texts, "request id") // differs from call to call
	}
	for name := range want {
		equal(tb, name+", compared with Go", got[name], want[name])
	}
	equal(tb, "number of texts, compared with Go", len(got), len(want))
}

func number(n *int64) string {
	if n == nil {
		return "none"
	}
	return strconv.FormatInt(*n, 10)
}

func equal[V comparable](tb testing.TB, name string, got, want V) {
	tb.Helper()
	if got != want {
		tb.Errorf("%s: %v, want %v", name, got, want)
	}
}
