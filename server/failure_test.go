package server_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// failure is an error as a client reads it.
type failure struct {
	code       codes.Code
	reason     string
	message    string
	metadata   map[string]string
	violations []*errdetails.BadRequest_FieldViolation
	retryDelay time.Duration
	quota      *errdetails.QuotaFailure
	condition  *errdetails.PreconditionFailure
	resource   *errdetails.ResourceInfo
	requestID  string
	pushback   string // empty for none
	status     *status.Status
	trailer    metadata.MD
}

// failure checks what is promised of every error, and reads it.
func (a callResult) failure(t *testing.T) failure {
	t.Helper()
	s, ok := status.FromError(a.err)
	if a.err == nil || !ok {
		t.Fatalf("no failure: %v", a.err)
	}
	if len(a.header) > 0 {
		t.Errorf("response headers, which switch off the retries of clients: %v", a.header)
	}
	f := failure{code: s.Code(), message: s.Message(), status: s, trailer: a.trailer}
	f.readDetails(t)
	if got := f.one(t, "x-error-reason"); got != f.reason {
		t.Errorf("trailer x-error-reason %q, ErrorInfo %q", got, f.reason)
	}
	if got := f.one(t, "x-request-id"); got != f.requestID || got == "" {
		t.Errorf("trailer x-request-id %q, RequestInfo %q", got, f.requestID)
	}
	f.pushback = strings.Join(a.trailer.Get("grpc-retry-pushback-ms"), ",")
	return f
}

// readDetails reads the details: each can be decoded, each type comes once at
// most, and there is an ErrorInfo.
func (f *failure) readDetails(t *testing.T) {
	t.Helper()
	seen := map[string]bool{}
	for i, detail := range f.status.Details() {
		if url := f.status.Proto().GetDetails()[i].GetTypeUrl(); seen[url] {
			t.Errorf("two details %s", url)
		} else {
			seen[url] = true
		}
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			f.reason, f.metadata = detail.GetReason(), detail.GetMetadata()
			if detail.GetDomain() != "pelcro-grpc" {
				t.Errorf("domain %q", detail.GetDomain())
			}
		case *errdetails.BadRequest:
			f.violations = detail.GetFieldViolations()
		case *errdetails.RetryInfo:
			f.retryDelay = detail.GetRetryDelay().AsDuration()
		case *errdetails.QuotaFailure:
			f.quota = detail
		case *errdetails.PreconditionFailure:
			f.condition = detail
		case *errdetails.ResourceInfo:
			f.resource = detail
		case *errdetails.RequestInfo:
			f.requestID = detail.GetRequestId()
		default:
			t.Errorf("unexpected detail %T %v", detail, detail)
		}
	}
	if f.reason == "" {
		t.Fatalf("no ErrorInfo: %v %v", f.status, f.trailer)
	}
}

// one returns the only value of a trailer.
func (f *failure) one(t *testing.T, name string) string {
	t.Helper()
	values := f.trailer.Get(name)
	if len(values) != 1 {
		t.Errorf("trailer %s: %q", name, values)
		return ""
	}
	return values[0]
}

// mustBe checks the two facts that programs branch on.
func (f *failure) mustBe(t *testing.T, code codes.Code, reason pelcrov1.ErrorReason) {
	t.Helper()
	if f.code != code || f.reason != reason.String() {
		t.Errorf("%v %s, want %v %s: %s", f.code, f.reason, code, reason, f.message)
	}
}

// mustAdvise checks the metadata outcome and the retry advice.
func (f *failure) mustAdvise(t *testing.T, outcome, pushback string, retryDelay time.Duration) {
	t.Helper()
	if got := f.metadata["outcome"]; got != outcome {
		t.Errorf("outcome %q, want %q", got, outcome)
	}
	if f.pushback != pushback {
		t.Errorf("pushback %q, want %q", f.pushback, pushback)
	}
	if f.retryDelay != retryDelay {
		t.Errorf("RetryInfo %v, want %v", f.retryDelay, retryDelay)
	}
}

// mustHide checks that none of the texts reached the client.
func (f *failure) mustHide(t *testing.T, texts ...string) {
	t.Helper()
	everything := f.everything(t)
	for _, text := range texts {
		if strings.Contains(everything, text) {
			t.Errorf("%q leaked:\n%s", text, everything)
		}
	}
}

// everything is all that reached the client, as text.
func (f *failure) everything(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintln(&b, f.message)
	for _, detail := range f.status.Details() {
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(detail); err != nil {
			t.Fatal(err)
		}
	}
	for name, values := range f.trailer {
		fmt.Fprintln(&b, name, values)
	}
	return strings.ReplaceAll(b.String(), `\\`, `\`)
}
