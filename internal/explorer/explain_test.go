package explorer

import (
	"strings"
	"testing"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// gateway can read a success that has an id or a list.
var gateway = Gateway{
	Readable: func(_ mapping.Operation, body []byte) bool {
		return strings.Contains(string(body), `"id"`) || strings.HasPrefix(string(body), `{"data":[`)
	},
	MaxBody: 1 << 20,
}

func operation(t testing.TB, name string) mapping.Operation {
	t.Helper()
	o, ok := mapping.CustomerOperation(name)
	if !ok {
		t.Fatalf("no operation %s", name)
	}
	return o
}

// explain returns the explanation of a capture.
func explain(t *testing.T, q Question, capture string) Explanation {
	t.Helper()
	var err error
	if q.Response, err = ParseCapture([]byte(capture)); err != nil {
		t.Fatal(err)
	}
	explanation, err := gateway.Explain(q)
	if err != nil {
		t.Fatal(err)
	}
	return explanation
}

// captured is the response of a documented sample.
func captured(t testing.TB, key string) string {
	t.Helper()
	raw, err := captures.ReadFile("samples/" + key + ".http")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestSituations: the reason of each situation.
func TestSituations(t *testing.T) {
	want := map[string][2]pelcrov1.ErrorReason{ // on Get, on Create
		"refused":   {pelcrov1.ErrorReason_PELCRO_UNREACHABLE, pelcrov1.ErrorReason_PELCRO_UNREACHABLE},
		"quota":     {pelcrov1.ErrorReason_GATEWAY_RATE_LIMITED, pelcrov1.ErrorReason_GATEWAY_RATE_LIMITED},
		"pending":   {pelcrov1.ErrorReason_GATEWAY_CREATE_PENDING, pelcrov1.ErrorReason_GATEWAY_CREATE_PENDING},
		"untrusted": {pelcrov1.ErrorReason_PELCRO_TLS_UNTRUSTED, pelcrov1.ErrorReason_PELCRO_TLS_UNTRUSTED},
		"reset":     {pelcrov1.ErrorReason_PELCRO_CONNECTION_LOST, pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN},
		"cut":       {pelcrov1.ErrorReason_PELCRO_CONNECTION_LOST, pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN},
		"malformed": {pelcrov1.ErrorReason_PELCRO_MALFORMED_RESPONSE, pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN},
		"timeout":   {pelcrov1.ErrorReason_PELCRO_TIMEOUT, pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN},
		"deadline":  {pelcrov1.ErrorReason_CALLER_DEADLINE_EXCEEDED, pelcrov1.ErrorReason_CALLER_DEADLINE_EXCEEDED},
		"cancelled": {pelcrov1.ErrorReason_CALLER_CANCELLED, pelcrov1.ErrorReason_CALLER_CANCELLED},
	}
	for _, s := range situations {
		for i, name := range []string{"GetCustomer", "CreateCustomer"} {
			explanation, err := gateway.Explain(Question{Operation: operation(t, name), NoResponse: &s.failure, LocalError: s.local})
			if err != nil || explanation.result.Reason() != want[s.key][i] {
				t.Errorf("%s on %s is %v, %v", s.key, name, explanation.result.Reason(), err)
			}
		}
	}
	if len(situations) != len(want) || findSituation("else") != nil {
		t.Errorf("%d situations", len(situations))
	}
}

// TestWire: the parts are the whole.
func TestWire(t *testing.T) {
	for _, d := range documented {
		explanation := explain(t, Question{Operation: operation(t, d.operation)}, captured(t, d.key))
		w := wireOf(explanation)
		if explanation.result.OK() {
			if w != nil {
				t.Errorf("%s: a success costs %+v", d.key, w)
			}
			continue
		}
		sum, message := 0, 0
		for _, p := range w.Parts {
			sum += p.Bytes
			if p.Name == "Message" {
				message = p.Bytes
			}
		}
		// These messages have no character that grpc-message encodes.
		if text := explanation.result.Status().Message(); sum != explanation.WireBytes || message != len("grpc-message")+len(text)+32 {
			t.Errorf("%s: %+v, want %d in all; the message is %q", d.key, w, explanation.WireBytes, text)
		}
	}
}

// TestDocumented: the reason of each sample.
func TestDocumented(t *testing.T) {
	want := map[string]string{
		"fields": "PELCRO_VALIDATION_FAILED", "laravel": "PELCRO_VALIDATION_FAILED", "missing": "PELCRO_NOT_FOUND",
		"under404": "PELCRO_VALIDATION_FAILED", "route": "PELCRO_ROUTE_NOT_FOUND", "throttled": "PELCRO_RATE_LIMITED",
		"cloudflare": "PELCRO_OUTCOME_UNKNOWN", "maintenance": "PELCRO_UNAVAILABLE", "redirect": "PELCRO_REDIRECT",
		"debug": "PELCRO_INTERNAL_ERROR", "page": "PELCRO_MALFORMED_RESPONSE", "hidden": "PELCRO_ERROR_IN_SUCCESS",
		"many": "PELCRO_VALIDATION_FAILED", "success": "ERROR_REASON_UNSPECIFIED",
	}
	for _, d := range documented {
		explanation := explain(t, Question{Operation: operation(t, d.operation)}, captured(t, d.key))
		if got := explanation.result.Reason().String(); got != want[d.key] {
			t.Errorf("%s is %s, want %s", d.key, got, want[d.key])
		}
	}
	if len(documented) != len(want) {
		t.Errorf("%d samples", len(documented))
	}
}
