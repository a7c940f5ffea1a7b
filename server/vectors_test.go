package server_test

import (
	"net/http"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/code"

	"github.com/pelcro-grpc/pelcro-grpc/internal/vectors"
)

// The captured replies of real servers, sent by a real server and read by a real
// client.
func TestVectors(t *testing.T) {
	for _, v := range vectors.Read(t, "../mapping/testdata/vectors") {
		t.Run(v.Name, func(t *testing.T) {
			upstream := answering(replay(v))
			g := start(t, upstream)
			for _, c := range g.calls(42) {
				if c.name == v.Operation {
					mustMeet(t, c.do(t.Context()), v.Expect)
				}
			}
			upstream.mustHaveSeen(t, 1)
		})
	}
}

// replay answers as the vector says, without the headers that net/http would add.
// How the body is framed is left to it.
func replay(v vectors.Vector) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"], w.Header()["Content-Type"] = nil, nil
		for name, values := range v.Header() {
			switch name {
			case "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive":
			default:
				w.Header()[name] = values
			}
		}
		w.WriteHeader(v.Response.Status)
		w.Write(v.Body())
	}
}

func mustMeet(t *testing.T, a answer, want vectors.Expect) {
	t.Helper()
	if want.Code == "OK" {
		if a.err != nil {
			t.Errorf("failed: %v", a.err)
		}
		return
	}
	f := a.failure(t)
	f.mustHide(t, append(want.Never, apiKey)...)
	if got := code.Code(f.code).String(); got != want.Code || f.reason != want.Reason {
		t.Errorf("%s %s, want %s %s: %s", got, f.reason, want.Code, want.Reason, f.message)
	}
	if len(f.violations) < len(want.Violations) || len(f.violations) < want.MinViolations ||
		want.MinViolations == 0 && len(f.violations) != len(want.Violations) {
		t.Fatalf("violations %v", f.violations)
	}
	for i, want := range want.Violations {
		got := vectors.Violation{
			Field: f.violations[i].GetField(), Description: f.violations[i].GetDescription(), Reason: f.violations[i].GetReason(),
		}
		if want.Reason == "" {
			got.Reason = ""
		}
		if got != want {
			t.Errorf("violation %d: %+v, want %+v", i, got, want)
		}
	}
	if f.retryDelay != want.RetryDelay() {
		t.Errorf("RetryInfo %v, want %v", f.retryDelay, want.RetryDelay())
	}
	if want.Pushback != "" && f.pushback != want.Pushback {
		t.Errorf("pushback %q, want %q", f.pushback, want.Pushback)
	}
	if !strings.Contains(f.message, want.MessageHas) {
		t.Errorf("message %q lacks %q", f.message, want.MessageHas)
	}
}
