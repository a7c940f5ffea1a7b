//go:build e2e

package deploy_test

import "testing"

// TestAlerts: Debian's promtool accepts the rules and the configuration, and the rules pass
// their tests.
func TestAlerts(t *testing.T) {
	for _, args := range [][]string{
		{"check", "rules", "deploy/prometheus/alerts.yaml"},
		{"check", "config", "deploy/prometheus/prometheus.yaml"},
		{"test", "rules", "deploy/prometheus/alerts_test.yaml"},
	} {
		s := must(t, append([]string{"promtool"}, args...)...)
		t.Logf("%s%s", s.out, s.err)
	}
}
