//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// A result is what a caller received for one call.
type result struct {
	code, reason, message string
	violations            []violation
	descriptions          []string          // of the violations
	info                  map[string]string // metadata of the ErrorInfo
	retryDelay            time.Duration
	pushback              string
	quota                 int64
	resource              string
	everything            string // all text that reached the caller
}

type violation struct{ field, reason string }

// deadline is that of each call: longer than every delay of a situation, so that each
// delay fits.
const deadline = 2 * time.Minute

// call makes one call and reads its result. The kind of Pelcro's response must be in the
// vectors.
func call[Q, A proto.Message](
	t *testing.T, g *gateway, rpc func(context.Context, Q, ...grpc.CallOption) (A, error), request Q,
) (A, result) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	var trailer metadata.MD
	response, err := rpc(ctx, request, grpc.Trailer(&trailer))
	received := read(t, err, trailer)
	if g.recorder != nil {
		g.recorder.check(t, operationOf(request), received)
	}
	return response, received
}

// operationOf is the RPC that takes the request.
func operationOf(request proto.Message) string {
	return strings.TrimSuffix(string(request.ProtoReflect().Descriptor().Name()), "Request")
}

// read reads a status with its details. Every error must have a reason, and the trailer
// the same one.
func read(t *testing.T, err error, trailer metadata.MD) result {
	t.Helper()
	s := status.Convert(err)
	r := result{
		code:     code.Code_name[int32(s.Code())],
		message:  s.Message(),
		pushback: strings.Join(trailer.Get("grpc-retry-pushback-ms"), ","),
	}
	if err == nil {
		return r
	}
	everything := []string{s.Message()}
	for _, detail := range s.Details() {
		raw, err := json.Marshal(detail)
		if err != nil {
			t.Fatal(err)
		}
		everything = append(everything, string(raw))
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			r.reason, r.info = detail.GetReason(), detail.GetMetadata()
		case *errdetails.BadRequest:
			for _, v := range detail.GetFieldViolations() {
				r.violations = append(r.violations, violation{v.GetField(), v.GetReason()})
				r.descriptions = append(r.descriptions, v.GetDescription())
			}
		case *errdetails.RetryInfo:
			r.retryDelay = detail.GetRetryDelay().AsDuration()
		case *errdetails.QuotaFailure:
			r.quota = detail.GetViolations()[0].GetQuotaValue()
		case *errdetails.ResourceInfo:
			r.resource = detail.GetResourceName()
		}
	}
	for name, values := range trailer {
		everything = append(everything, name+": "+strings.Join(values, ","))
	}
	r.everything = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\\`, `\`, `\"`, `"`).
		Replace(strings.Join(everything, "\n"))
	if got := strings.Join(trailer.Get("x-error-reason"), ","); trailer != nil && got != r.reason || r.reason == "" {
		t.Errorf("x-error-reason is %q, the reason is %q: %v", got, r.reason, err)
	}
	return r
}

// must fails the test unless the result has this code and reason.
func (r result) must(t *testing.T, code, reason string) {
	t.Helper()
	if r.code != code || r.reason != reason {
		t.Errorf("got %s %s, want %s %s: %s", r.code, r.reason, code, reason, r.message)
	}
}

// mustNotLeak fails the test if internal information reached the caller.
func (r result) mustNotLeak(t *testing.T) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(r.everything, secret) {
			t.Errorf("%q leaked:\n%s", secret, r.everything)
		}
	}
}

// secrets are parts of class names, paths, SQL, pages and addresses that Laravel, PHP
// and nginx put into their responses.
var secrets = []string{
	"Illuminate", "Symfony", `App\`, "Exception", ".php", "/usr/share", "/tmp", "vendor", "SQLSTATE", "select ", "insert ", "no such table",
	"customers where", "<html", "<!DOCTYPE", "</", "nginx", "127.0.0.1", "localhost", "sandbox-key", "site_id=",
}
