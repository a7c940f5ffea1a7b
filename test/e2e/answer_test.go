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

// An answer is what a caller got of one call.
type answer struct {
	code, reason, message string
	violations            []violation
	descriptions          []string          // of the violations
	info                  map[string]string // metadata of the ErrorInfo
	retryDelay            time.Duration
	pushback              string
	quota                 int64
	resource              string
	everything            string // all that reached the caller, as text
}

type violation struct{ field, reason string }

// deadline is that of each call: longer than any wait that a situation advises, so
// that the advice fits.
const deadline = 2 * time.Minute

// call makes one call and reads its answer. What Pelcro said to it must be a known
// vector.
func call[Q, A proto.Message](
	t *testing.T, g *gateway, rpc func(context.Context, Q, ...grpc.CallOption) (A, error), request Q,
) (A, answer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	var trailer metadata.MD
	response, err := rpc(ctx, request, grpc.Trailer(&trailer))
	a := read(t, err, trailer)
	if g.recorder != nil {
		g.recorder.check(t, operationOf(request), a)
	}
	return response, a
}

// operationOf is the RPC that takes the request.
func operationOf(request proto.Message) string {
	return strings.TrimSuffix(string(request.ProtoReflect().Descriptor().Name()), "Request")
}

// read takes a status apart. Exactly one ErrorInfo of ours is promised with every
// error, and the trailer repeats its reason.
func read(t *testing.T, err error, trailer metadata.MD) answer {
	t.Helper()
	s := status.Convert(err)
	a := answer{
		code:     code.Code_name[int32(s.Code())],
		message:  s.Message(),
		pushback: strings.Join(trailer.Get("grpc-retry-pushback-ms"), ","),
	}
	if err == nil {
		return a
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
			a.reason, a.info = detail.GetReason(), detail.GetMetadata()
		case *errdetails.BadRequest:
			for _, v := range detail.GetFieldViolations() {
				a.violations = append(a.violations, violation{v.GetField(), v.GetReason()})
				a.descriptions = append(a.descriptions, v.GetDescription())
			}
		case *errdetails.RetryInfo:
			a.retryDelay = detail.GetRetryDelay().AsDuration()
		case *errdetails.QuotaFailure:
			a.quota = detail.GetViolations()[0].GetQuotaValue()
		case *errdetails.ResourceInfo:
			a.resource = detail.GetResourceName()
		}
	}
	for name, values := range trailer {
		everything = append(everything, name+": "+strings.Join(values, ","))
	}
	a.everything = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\\`, `\`, `\"`, `"`).
		Replace(strings.Join(everything, "\n"))
	if got := strings.Join(trailer.Get("x-error-reason"), ","); trailer != nil && got != a.reason || a.reason == "" {
		t.Errorf("x-error-reason is %q, the reason is %q: %v", got, a.reason, err)
	}
	return a
}

// must fails the test unless the answer has this code and reason.
func (a answer) must(t *testing.T, code, reason string) {
	t.Helper()
	if a.code != code || a.reason != reason {
		t.Errorf("got %s %s, want %s %s: %s", a.code, a.reason, code, reason, a.message)
	}
}

// mustNotLeak fails the test if anything of what must stay inside reached the caller.
func (a answer) mustNotLeak(t *testing.T) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(a.everything, secret) {
			t.Errorf("%q leaked:\n%s", secret, a.everything)
		}
	}
}

// secrets are parts of class names, paths, SQL, pages and addresses that Laravel,
// PHP and nginx put into their answers.
var secrets = []string{
	"Illuminate", "Symfony", `App\`, "Exception", ".php", "/usr/share", "/tmp", "vendor", "SQLSTATE", "select ", "insert ", "no such table",
	"customers where", "<html", "<!DOCTYPE", "</", "nginx", "127.0.0.1", "localhost", "sandbox-key", "site_id=",
}
