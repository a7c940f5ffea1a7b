package access_test

import (
	"os"
	"strings"
	"testing"
)

// TestDocument: the callers file in docs/access.md is valid. Its hashes belong to no known token,
// because people copy examples.
func TestDocument(t *testing.T) {
	raw, err := os.ReadFile("../../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), "```callers\n")
	file, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("it has no callers file")
	}
	l := parse(t, file)
	for _, test := range []struct{ certificate, caller, allowed, denied string }{
		{"spiffe://example.org/ns/sales/sa/crm", "crm", create, info},
		{"batch.example.org", "batch", get, info},
	} {
		if caller, err := l.Authorize("", chain(test.certificate), test.allowed); caller.Name != test.caller || err != allowed {
			t.Errorf("%q %v, want %q", caller.Name, err, test.caller)
		}
		if _, err := l.Authorize("", chain(test.certificate), test.denied); err != denied {
			t.Errorf("%q, %s: %v", test.caller, test.denied, err)
		}
	}
}
