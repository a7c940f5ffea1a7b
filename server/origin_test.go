package server_test

import (
	"strconv"
	"testing"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// A failure that an intermediary made is a fault for operators, whatever its status.
func TestIntermediaryIsServerFault(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 409, 413, 418, 429, 503} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			g := start(t, testkit.NewScript(htmlPage(status)))
			for _, c := range g.calls(42) {
				f := c.do(t.Context()).failure(t)
				mustSay(t, g.Log.Next(t, finished), map[string]any{"level": "ERROR", "origin": "intermediary", "reason": f.reason})
			}
			g = start(t, testkit.NewScript(testkit.Respond(status, `{"message":"x"}`)))
			g.calls(42)[0].do(t.Context()).failure(t)
			mustSay(t, g.Log.Next(t, finished), map[string]any{"origin": "pelcro"})
		})
	}
}

// A 401 counts against the service's API key only if it is Pelcro's.
func TestKeyStatusByOrigin(t *testing.T) {
	for _, test := range []struct {
		name string
		body string
		want healthpb.HealthCheckResponse_ServingStatus
	}{
		{"Pelcro's", `{"message":"Unauthenticated."}`, healthpb.HealthCheckResponse_NOT_SERVING},
		{"an intermediary's", `<html>Unauthorized</html>`, healthpb.HealthCheckResponse_SERVING},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := start(t, testkit.NewScript(testkit.Respond(401, test.body)))
			g.calls(42)[0].do(t.Context()).failure(t)
			got := mustSucceed(t, healthpb.NewHealthClient(g.Conn).Check, &healthpb.HealthCheckRequest{Service: "pelcro"})
			if got.GetStatus() != test.want {
				t.Errorf("%v, want %v", got.GetStatus(), test.want)
			}
		})
	}
}
