package explorer

import (
	"strings"
	"testing"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// gateway takes every success for usable that has data.
var gateway = Gateway{
	Readable: func(_ mapping.Operation, body []byte) bool { return strings.HasPrefix(string(body), `{"data"`) },
	MaxBody:  1 << 20,
}

func operation(t testing.TB, name string) mapping.Operation {
	t.Helper()
	o, ok := mapping.CustomerOperation(name)
	if !ok {
		t.Fatalf("no operation %s", name)
	}
	return o
}

// answerTo explains a capture.
func answerTo(t *testing.T, q Question, capture string) Answer {
	t.Helper()
	var err error
	if q.Reply, err = ParseCapture([]byte(capture)); err != nil {
		t.Fatal(err)
	}
	answer, err := gateway.Explain(q)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// TestSituations: every way to have no reply is one of the mapping's reasons.
func TestSituations(t *testing.T) {
	want := map[string][2]pelcrov1.ErrorReason{ // on Get, on Create
		"refused":   {pelcrov1.ErrorReason_PELCRO_UNREACHABLE, pelcrov1.ErrorReason_PELCRO_UNREACHABLE},
		"untrusted": {pelcrov1.ErrorReason_PELCRO_TLS_UNTRUSTED, pelcrov1.ErrorReason_PELCRO_TLS_UNTRUSTED},
		"reset":     {pelcrov1.ErrorReason_PELCRO_CONNECTION_LOST, pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN},
		"cut":       {pelcrov1.ErrorReason_PELCRO_CONNECTION_LOST, pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN},
		"timeout":   {pelcrov1.ErrorReason_PELCRO_TIMEOUT, pelcrov1.ErrorReason_PELCRO_OUTCOME_UNKNOWN},
		"deadline":  {pelcrov1.ErrorReason_CALLER_DEADLINE_EXCEEDED, pelcrov1.ErrorReason_CALLER_DEADLINE_EXCEEDED},
		"cancelled": {pelcrov1.ErrorReason_CALLER_CANCELLED, pelcrov1.ErrorReason_CALLER_CANCELLED},
	}
	for _, s := range situations {
		for i, name := range []string{"GetCustomer", "CreateCustomer"} {
			answer, err := gateway.Explain(Question{Operation: operation(t, name), NoReply: &s.none})
			if err != nil || answer.result.Reason() != want[s.key][i] {
				t.Errorf("%s on %s is %v, %v", s.key, name, answer.result.Reason(), err)
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
		answer := answerTo(t, Question{Operation: operation(t, d.operation), Remaining: mapping.NoDeadline}, d.reply)
		w := wireOf(answer)
		if answer.result.OK() {
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
		// None of these messages has a character that grpc-message encodes but the
		// quotation marks of a map key, which stay.
		if text := answer.result.Status().Message(); sum != answer.WireBytes || message != len("grpc-message")+len(text)+32 {
			t.Errorf("%s: %+v, want %d in all; the message is %q", d.key, w, answer.WireBytes, text)
		}
	}
}

// TestDocumented: each sample becomes what its name makes one expect.
func TestDocumented(t *testing.T) {
	want := map[string]string{
		"fields": "PELCRO_VALIDATION_FAILED", "laravel": "PELCRO_VALIDATION_FAILED", "missing": "PELCRO_NOT_FOUND",
		"under404": "PELCRO_VALIDATION_FAILED", "route": "PELCRO_ROUTE_NOT_FOUND", "throttled": "PELCRO_RATE_LIMITED",
		"cloudflare": "PELCRO_OUTCOME_UNKNOWN", "maintenance": "PELCRO_UNAVAILABLE", "redirect": "PELCRO_REDIRECT",
		"debug": "PELCRO_INTERNAL_ERROR", "page": "PELCRO_MALFORMED_RESPONSE", "hidden": "PELCRO_ERROR_IN_SUCCESS",
		"crowd": "PELCRO_VALIDATION_FAILED", "success": "ERROR_REASON_UNSPECIFIED",
	}
	for _, d := range documented {
		answer := answerTo(t, Question{Operation: operation(t, d.operation), Remaining: mapping.NoDeadline}, d.reply)
		if got := answer.result.Reason().String(); got != want[d.key] {
			t.Errorf("%s is %s, want %s", d.key, got, want[d.key])
		}
	}
	if len(documented) != len(want) {
		t.Errorf("%d samples", len(documented))
	}
}
