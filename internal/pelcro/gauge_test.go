package pelcro

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"
)

// TestOneStateIsShown: exactly one, even if the breaker has another state each time it is asked.
func TestOneStateIsShown(t *testing.T) {
	asked := 0
	registry := prometheus.NewRegistry()
	registry.MustRegister(circuitGauge(func() gobreaker.State {
		asked++
		return breakerStates[asked%len(breakerStates)].is
	}))
	for range 2 * len(breakerStates) {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		shown := 0.0
		for _, metric := range families[0].GetMetric() {
			shown += metric.GetGauge().GetValue()
		}
		if n := len(families[0].GetMetric()); shown != 1 || n != len(breakerStates) {
			t.Errorf("%v of %d states are shown", shown, n)
		}
	}
}
