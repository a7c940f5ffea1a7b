package server_test

import (
	"net/http"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/code"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/test/vectors"
)

// The captured responses of real servers, sent by a real server and read by a real
// client.
func TestVectors(t *testing.T) {
	for _, v := range vectors.Read(t, "../mapping/testdata/vectors") {
		t.Run(v.Name, func(t *testing.T) {
			upstream := testkit.NewScript(replay(v))
			g := start(t, upstream)
			for _, c := range g.calls(42) {
				if c.name == v.Operation {
					v.Expect.Check(t, got(t, c.do(t.Context())))
				}
			}
			mustHaveSeen(t, upstream, 1)
		})
	}
}

// replay responds as the vector says, without the headers that net/http would add.
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

func got(t *testing.T, a callResult) vectors.Result {
	t.Helper()
	if a.err == nil {
		return vectors.Result{Code: code.Code_OK.String()}
	}
	f := a.failure(t)
	f.mustHide(t, apiKey)
	return vectors.Result{
		Code:       code.Code(f.code).String(),
		Reason:     f.reason,
		Message:    f.message,
		Violations: vectors.ViolationsOf(f.violations),
		RetryDelay: f.retryDelay,
		Pushback:   f.pushback,
		Outcome:    f.metadata["outcome"],
		Everything: f.everything(t),
	}
}
