package conformance_test

import (
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

	"github.com/pelcro-grpc/pelcro-grpc/internal/vectors"
)

const vectorFiles = "../../mapping/testdata/vectors"

// deadline is what each call of a client has.
const deadline = 10 * time.Second

// apiKey is the gateway's; it must be in no answer.
const apiKey = "canary-key-sk_live_4711"

// firstID is the customer id that stands for the first vector.
const firstID = 1000

// request is a line that a client reads.
type request struct {
	Name      string `json:"name"`
	Operation string `json:"operation"`
	ID        int64  `json:"id"`
	Email     string `json:"email"`
}

// requests returns a call for each vector, which says what vector it asks for.
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

var asked = regexp.MustCompile(`/customers/([0-9]+)$|\bv([0-9]+)@example\.com`)

// askedFor returns which vector a request to Pelcro asks for, -1 if none.
func askedFor(path, query, body string) int {
	groups := asked.FindStringSubmatch(path)
	if groups == nil {
		groups = asked.FindStringSubmatch(query + " " + body)
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

// answer is a line that a client prints: what it got, as far as its language's
// library shows it.
type answer struct {
	Name string `json:"name"`
	// Code is the canonical name, as INVALID_ARGUMENT; OK for a success.
	Code    string `json:"code"`
	Message string `json:"message"`
	// Domain, Reason and Metadata are those of google.rpc.ErrorInfo.
	Domain     string            `json:"domain"`
	Reason     string            `json:"reason"`
	Metadata   map[string]string `json:"metadata"`
	Violations []violation       `json:"violations"`
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

// texts returns every text of the answer, with its name.
func (a answer) texts() map[string]string {
	texts := map[string]string{
		"message": a.Message, "domain": a.Domain, "reason": a.Reason, "resource": a.Resource, "request id": a.RequestID,
		"x-error-reason": a.ErrorReason, "grpc-retry-pushback-ms": a.Pushback,
	}
	for key, value := range a.Metadata {
		texts["metadata "+key] = value
	}
	for i, v := range a.Violations {
		texts[fmt.Sprintf("field %d", i)], texts[fmt.Sprintf("description %d", i)], texts[fmt.Sprintf("reason %d", i)] = v.Field, v.Description, v.Reason
	}
	return texts
}

// expected is what must come of a call, in every language.
type expected struct {
	vector   vectors.Vector
	resource string
	// attempts is how many requests Pelcro sees.
	attempts int
}

// expect returns what must come of the call for the vector.
func expect(v vectors.Vector, call request) expected {
	e := expected{vector: v, attempts: 1}
	if v.Expect.Reason == "PELCRO_NOT_FOUND" && call.ID != 0 {
		e.resource = strconv.FormatInt(call.ID, 10)
	}
	reads := v.Operation == "GetCustomer" || v.Operation == "ListCustomers"
	if reads && v.Expect.Code == "UNAVAILABLE" && e.pushback() == "" {
		e.attempts = 3
	}
	return e
}

// pushback returns the trailer. A delay that does not fit the deadline of the calls
// is "do not repeat".
func (e expected) pushback() string {
	delay := e.vector.Expect.RetryDelay()
	switch {
	case e.vector.Expect.Pushback != "":
		return e.vector.Expect.Pushback
	case delay == 0:
		return ""
	case delay >= deadline:
		return "-1"
	default:
		return strconv.FormatInt(delay.Milliseconds(), 10)
	}
}

// quota returns what google.rpc.QuotaFailure must say, nil for none.
func (e expected) quota() *int64 {
	limit, err := strconv.ParseInt(e.vector.Header().Get("X-Ratelimit-Limit"), 10, 64)
	if e.vector.Response.Status != http.StatusTooManyRequests || err != nil {
		return nil
	}
	return &limit
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

// check fails the test unless the answer is what the vector expects, and all that
// comes with it belongs together. It is the same for every language.
func (e expected) check(tb testing.TB, got answer, attempts int) {
	tb.Helper()
	everything := slices.Sorted(maps.Values(got.texts()))
	var delay time.Duration
	if got.RetryDelaySeconds != nil {
		delay = time.Duration(*got.RetryDelaySeconds * float64(time.Second))
	}
	want := e.vector.Expect
	want.Never = append(slices.Clone(want.Never), apiKey)
	want.Check(tb, vectors.Answer{
		Code: got.Code, Reason: got.Reason, Message: got.Message,
		Violations: vectors.ViolationsOf(got.Violations),
		RetryDelay: delay, Pushback: got.Pushback,
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
	equal(tb, "pushback", got.Pushback, e.pushback())
	equal(tb, "metadata httpStatus", got.Metadata["httpStatus"], strconv.Itoa(e.vector.Response.Status))
	equal(tb, "metadata operation", got.Metadata["operation"], e.vector.Operation)
	equal(tb, "resource", got.Resource, e.resource)
	equal(tb, "quota", number(got.Quota), number(e.quota()))
	if !requestID.MatchString(got.RequestID) {
		tb.Errorf("request id %q", got.RequestID)
	}
	details := []string{"google.rpc.ErrorInfo"}
	for _, detail := range []struct {
		there bool
		name  string
	}{
		{len(want.Violations) > 0 || want.MinViolations > 0, "google.rpc.BadRequest"},
		{want.RetryDelaySeconds > 0, "google.rpc.RetryInfo"},
		{e.quota() != nil, "google.rpc.QuotaFailure"},
		{e.resource != "", "google.rpc.ResourceInfo"},
		{true, "google.rpc.RequestInfo"},
	} {
		if detail.there {
			details = append(details, detail.name)
		}
	}
	equal(tb, "details", strings.Join(got.DetailTypes, " "), strings.Join(details, " "))
}

// mustBeLike fails the test unless two languages got the same, in every text.
func (a answer) mustBeLike(tb testing.TB, other answer) {
	tb.Helper()
	got, want := a.texts(), other.texts()
	for _, texts := range []map[string]string{got, want} {
		delete(texts, "request id") // every call has its own
	}
	for name := range want {
		equal(tb, name+", which Go got too", got[name], want[name])
	}
	equal(tb, "number of texts, which Go got too", len(got), len(want))
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
