package mapping_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/wiresize"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// metadataLimits are the documented keys of ErrorInfo.metadata and the most
// bytes of each value.
var metadataLimits = map[string]int{
	"contentType":       64,
	"credential":        64,
	"httpStatus":        64,
	"operation":         64,
	"origin":            64,
	"outcome":           64,
	"upstreamMessage":   512,
	"violationsOmitted": 64,
}

var pushbackForm = regexp.MustCompile(`^(-1|[1-9][0-9]{0,9})$`)

// checkPromises checks what doc.go promises of every error, whatever it was made
// from, and returns its details.
func checkPromises(t testing.TB, result mapping.Result) details {
	t.Helper()
	s := result.Status()
	if result.OK() {
		if s.Code() != codes.OK || result.Err() != nil || result.Trailer() != nil || len(s.Details()) > 0 {
			t.Errorf("a success that carries an error: %v %v", s, result.Trailer())
		}
		return details{}
	}
	if s.Code() == codes.OK || s.Code() > codes.Unauthenticated {
		t.Errorf("code %d is not canonical", s.Code())
	}
	if fromErr, ok := status.FromError(result.Err()); !ok || !proto.Equal(fromErr.Proto(), s.Proto()) {
		t.Errorf("Err is %v, Status %v", result.Err(), s)
	}
	if n := len(s.Message()); n == 0 || n > 256 {
		t.Errorf("message of %d bytes: %q", n, s.Message())
	}
	checkText(t, "message", s.Message())

	d := detailsOf(t, s)
	checkErrorInfo(t, result, d)
	checkViolations(t, d)
	if d.retry != nil && d.retry.GetRetryDelay().AsDuration() <= 0 {
		t.Errorf("a RetryInfo without a delay: %v", d.retry)
	}
	if d.retry.GetRetryDelay().AsDuration() != result.RetryDelay() {
		t.Errorf("RetryInfo %v, RetryDelay %v", d.retry, result.RetryDelay())
	}
	checkTrailer(t, result)
	if size := statusSize(result); size > wiresize.MaxStatus {
		t.Errorf("a status of %d bytes", size)
	}
	if cost := wireCost(result); cost != wireSize(result) || cost > wiresize.Max {
		t.Errorf("%d bytes on the wire, wiresize says %d", cost, wireSize(result))
	}
	return d
}

func checkErrorInfo(t testing.TB, result mapping.Result, d details) {
	t.Helper()
	if d.info == nil {
		t.Fatalf("no ErrorInfo: %v", result.Status())
	}
	reason, known := pelcrov1.ErrorReason_value[d.info.GetReason()]
	if !known || reason == 0 || pelcrov1.ErrorReason(reason) != result.Reason() {
		t.Errorf("reason %q, Reason %v", d.info.GetReason(), result.Reason())
	}
	if code := mapping.CodeOf(result.Reason()); code != result.Code() || code != result.Status().Code() {
		t.Errorf("%v with code %v and %v, which has %v", result.Reason(), result.Code(), result.Status().Code(), code)
	}
	if d.info.GetDomain() != "pelcro-grpc" {
		t.Errorf("domain %q", d.info.GetDomain())
	}
	for key, value := range d.info.GetMetadata() {
		limit, documented := metadataLimits[key]
		if !documented {
			t.Errorf("undocumented metadata %q", key)
		}
		if value == "" || len(value) > limit {
			t.Errorf("metadata %s has %d bytes", key, len(value))
		}
		checkText(t, key, value)
	}
	if outcome := d.info.GetMetadata()["outcome"]; outcome != string(result.Outcome()) {
		t.Errorf("metadata outcome %q, Outcome %q", outcome, result.Outcome())
	}
}

func checkViolations(t testing.TB, d details) {
	t.Helper()
	for _, v := range d.badRequest.GetFieldViolations() {
		if len(v.GetField()) > 128 || len(v.GetDescription()) > 256 || v.GetDescription() == "" {
			t.Errorf("violation out of bounds: %v", v)
		}
		if value, known := pelcrov1.FieldViolationReason_value[v.GetReason()]; !known || value == 0 {
			t.Errorf("violation with the reason %q", v.GetReason())
		}
		checkText(t, "field", v.GetField())
		checkText(t, "description", v.GetDescription())
	}
}

func checkTrailer(t testing.TB, result mapping.Result) {
	t.Helper()
	for name, values := range result.Trailer() {
		if len(values) != 1 {
			t.Errorf("trailer %s has the values %q", name, values)
		}
		switch name {
		case "x-error-reason":
			if values[0] != result.Reason().String() {
				t.Errorf("trailer %s: %s", name, values[0])
			}
		case "x-request-id":
		case "grpc-retry-pushback-ms":
			if !pushbackForm.MatchString(values[0]) {
				t.Errorf("pushback %q", values[0])
			}
		default:
			t.Errorf("undocumented trailer %s", name)
		}
	}
	if result.Trailer()["x-error-reason"] == nil {
		t.Error("no trailer x-error-reason")
	}
}

func checkText(t testing.TB, what, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("%s is not UTF-8: %q", what, s)
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		t.Errorf("%s holds control characters: %q", what, s)
	}
}

// wireCost is the cost of an error as a gRPC server's Trailers-Only response.
func wireCost(result mapping.Result) int {
	message := 0
	for _, c := range []byte(result.Status().Message()) {
		if c >= 0x20 && c <= 0x7e && c != '%' {
			message++
		} else {
			message += len("%00")
		}
	}
	size := statusSize(result)
	cost := 42 + 60 + 43 + len(strconv.Itoa(int(result.Code()))) + 44 + message + 55 + (4*size+2)/3
	for name, values := range result.Trailer() {
		cost += len(name) + len(values[0]) + 32
	}
	return cost
}

func wireSize(result mapping.Result) int {
	return wiresize.Of(result.Status().Proto(), result.Trailer()).Total()
}

func statusSize(result mapping.Result) int { return proto.Size(result.Status().Proto()) }

// callOf is a call of one of the customer operations.
func callOf(t testing.TB, operation string) mapping.Call {
	t.Helper()
	op, known := mapping.CustomerOperation(operation)
	if !known {
		t.Fatalf("no operation %q", operation)
	}
	return mapping.Call{
		Operation:  op,
		ResourceID: "42",
		RequestID:  "7f3c2a90d1e84b65",
	}
}

// jsonResponse is a response with a JSON body.
func jsonResponse(statusCode int, body string) mapping.Response {
	return mapping.Response{
		StatusCode: statusCode,
		Header:     map[string][]string{"Content-Type": {"application/json"}},
		Body:       []byte(body),
	}
}
