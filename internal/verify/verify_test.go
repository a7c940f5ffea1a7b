package verify_test

import (
	"strings"
	"testing"
)

func TestSandbox(t *testing.T) {
	u := &upstream{}
	report := check(t, u)
	t.Log(text(t, report))
	if got := differences(report); got != "" || report.Aborted != "" {
		t.Errorf("differences:\n%s%s", got, report.Aborted)
	}
	for _, request := range u.requests {
		if !strings.HasPrefix(request, "GET ") {
			t.Errorf("not a read: %s", request)
		}
	}
}
