package access_test

import (
	"os"
	"strings"
	"testing"
)

// TestDocument: the callers file that docs/access.md shows is a good one. Its
// hashes are of no token that anybody knows: people copy examples.
func TestDocument(t *testing.T) {
	raw, err := os.ReadFile("../../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), "```callers\n")
	file, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("it shows no callers file")
	}
	l := parse(t, file)
	for _, test := range []struct{ certificate, caller, allowed, refused string }{
		{"spiffe://example.org/ns/sales/sa/crm", "crm", create, info},
		{"batch.example.org", "batch", get, info},
	} {
		if caller, reason := l.Authorize("", chain(test.certificate), test.allowed); caller != test.caller || reason != allowed {
			t.Errorf("%q %v, want %q", caller, reason, test.caller)
		}
		if _, reason := l.Authorize("", chain(test.certificate), test.refused); reason != notPermitted {
			t.Errorf("%q, %s: %v", test.caller, test.refused, reason)
		}
	}
}
