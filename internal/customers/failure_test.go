package customers_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// failure is an error as a client reads it.
type failure struct {
	code       codes.Code
	reason     string
	metadata   map[string]string
	violations []*errdetails.BadRequest_FieldViolation
	retryDelay time.Duration
	resourceID string
	pushback   string // empty for none
	text       string // the whole status
}

// failure reads the error of a call.
func (r result) failure(t *testing.T) failure {
	t.Helper()
	s, ok := status.FromError(r.err)
	if r.err == nil || !ok {
		t.Fatalf("not a failure: %v", r.err)
	}
	f := failure{code: s.Code(), text: s.Proto().String(), pushback: strings.Join(r.trailer.Get("grpc-retry-pushback-ms"), ",")}
	for _, detail := range s.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			f.reason, f.metadata = detail.GetReason(), detail.GetMetadata()
		case *errdetails.BadRequest:
			f.violations = detail.GetFieldViolations()
		case *errdetails.RetryInfo:
			f.retryDelay = detail.GetRetryDelay().AsDuration()
		case *errdetails.ResourceInfo:
			f.resourceID = detail.GetResourceName()
		}
	}
	if f.reason == "" {
		t.Fatalf("no ErrorInfo: %v", s)
	}
	return f
}

// mustBe checks the two facts that programs branch on.
func (f *failure) mustBe(t *testing.T, code codes.Code, reason pelcrov1.ErrorReason) {
	t.Helper()
	if f.code != code || f.reason != reason.String() {
		t.Errorf("%v %s, want %v %s: %s", f.code, f.reason, code, reason, f.text)
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

// mustHide checks that the text did not reach the client.
func (f *failure) mustHide(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(f.text, text) {
		t.Errorf("%q leaked:\n%s", text, f.text)
	}
}

// violation is a field of the request that was rejected, and why.
type violation struct{ field, reason string }

// mustViolate checks that the service itself rejected these fields, in this order.
func (f *failure) mustViolate(t *testing.T, want ...violation) {
	t.Helper()
	f.mustBe(t, codes.InvalidArgument, pelcrov1.ErrorReason_GATEWAY_INVALID_REQUEST)
	f.mustAdvise(t, "notSent", "", 0)
	got := make([]violation, len(f.violations))
	for i, v := range f.violations {
		got[i] = violation{v.GetField(), v.GetReason()}
		if !strings.HasSuffix(v.GetDescription(), ".") {
			t.Errorf("%s: a description that is not a sentence: %q", v.GetField(), v.GetDescription())
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("violations %v\nwant %v", got, want)
	}
}
