package pelcro_test

import (
	"context"
	"crypto/tls"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// counted makes a client count in a registry of its own.
func counted(registry *prometheus.Registry) func(*pelcro.Config) {
	return func(c *pelcro.Config) { c.Metrics = registry }
}

// series returns the series of a metric that are not 0, by the values of their labels in the order
// of the labels' names: method, outcome, template. A histogram counts by its observations.
func series(t *testing.T, registry *prometheus.Registry, name string) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, pair := range metric.GetLabel() {
				labels = append(labels, pair.GetValue())
			}
			value := metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			if value != 0 {
				values[strings.Join(labels, " ")] = value
			}
		}
	}
	return values
}

func mustBeSeries(t *testing.T, registry *prometheus.Registry, name string, want map[string]float64) {
	t.Helper()
	if got := series(t, registry, name); !maps.Equal(got, want) {
		t.Errorf("%s: %v, want %v", name, got, want)
	}
}

// TestOutcomesAreCounted: each attempt is counted once, by its outcome and endpoint.
func TestOutcomesAreCounted(t *testing.T) {
	for _, test := range []struct {
		name    string
		attempt attempt
		patient time.Duration // of the caller, 0 for no deadline
		outcome string
	}{
		{"200", responds(200), 0, "success"},
		{"204", responds(204), 0, "success"},
		{"302", responds(302), 0, "rejected"},
		{"404", responds(404), 0, "rejected"},
		{"101", responds(101), 0, "bad_response"},
		{"999", responds(999), 0, "bad_response"},
		{"too large", tooLarge, 0, "bad_response"},
		{"429", responds(429), 0, "throttled"},
		{"503", responds(503), 0, "server_error"},
		{"not sent", unsent(errBroken), 0, "unreachable"},
		{"untrusted", unsent(&tls.CertificateVerificationError{Err: errBroken}), 0, "untrusted"},
		{"lost", lost(errBroken), 0, "connection_lost"},
		{"cut", cuts, 0, "connection_lost"},
		{"our time limit", hangs, 0, "timeout"},
		{"the caller's deadline", hangs, time.Second, "caller_gone"},
	} {
		for _, call := range calls {
			t.Run(test.name+"/"+call.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					registry := prometheus.NewRegistry()
					transport := &scripted{attempts: []attempt{test.attempt}}
					client := transport.client(t, counted(registry), func(c *pelcro.Config) { c.Retries = 0 })
					ctx := t.Context()
					if test.patient > 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, test.patient)
						defer cancel()
					}
					_ = call.do(ctx, client)
					method, template, _ := strings.Cut(call.name, " ")
					mustBeSeries(t, registry, "pelcro_grpc_upstream_requests_total",
						map[string]float64{method + " " + test.outcome + " " + template: 1})
					mustBeSeries(t, registry, "pelcro_grpc_upstream_request_duration_seconds", map[string]float64{call.name: 1})
					mustBeSeries(t, registry, "pelcro_grpc_upstream_retries_total", map[string]float64{})
				})
			})
		}
	}
}

// TestStaleConnectionsAreCounted: as attempts of their own.
func TestStaleConnectionsAreCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	transport := &scripted{attempts: []attempt{stale, responds(200)}}
	if err := get(t.Context(), transport.client(t, counted(registry))); err != nil {
		t.Fatal(err)
	}
	mustBeSeries(t, registry, "pelcro_grpc_upstream_requests_total", map[string]float64{
		"GET stale_connection customers/{id}": 1, "GET success customers/{id}": 1,
	})
}

// TestLatencyIsInSeconds: from the request to the end of the response.
func TestLatencyIsInSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		transport := &scripted{attempts: []attempt{func(r *http.Request) (*http.Response, error) {
			time.Sleep(40 * time.Millisecond)
			return responds(200)(r)
		}}}
		if err := get(t.Context(), transport.client(t, counted(registry))); err != nil {
			t.Fatal(err)
		}
		families, _ := registry.Gather()
		for _, family := range families {
			for _, metric := range family.GetMetric() {
				if sum := metric.GetHistogram().GetSampleSum(); metric.GetHistogram().GetSampleCount() > 0 && sum != 0.04 {
					t.Errorf("%s: %v", family.GetName(), sum)
				}
			}
		}
	})
}

// TestRateLimitIsShown: each header on its own gauge, the last one that was a count.
func TestRateLimitIsShown(t *testing.T) {
	const limit, remaining = "X-RateLimit-Limit", "X-RateLimit-Remaining"
	registry := prometheus.NewRegistry()
	transport := &scripted{}
	client := transport.client(t, counted(registry))
	none, is := map[string]float64{}, func(n float64) map[string]float64 { return map[string]float64{"": n} }
	for _, step := range []struct {
		headers          []string
		limit, remaining map[string]float64
	}{
		{nil, none, none},
		{[]string{limit, "many", remaining, "-1"}, none, none},
		{[]string{limit, "600"}, is(600), none},
		{[]string{limit, "600", remaining, "42"}, is(600), is(42)},
		{[]string{limit, "99999999999999999999", remaining, "41"}, is(600), is(41)},
		{nil, is(600), is(41)},
	} {
		transport.attempts = []attempt{responds(200, step.headers...)}
		if err := get(t.Context(), client); err != nil {
			t.Fatal(err)
		}
		mustBeSeries(t, registry, "pelcro_grpc_upstream_rate_limit", step.limit)
		mustBeSeries(t, registry, "pelcro_grpc_upstream_rate_limit_remaining", step.remaining)
	}
}

// TestMadeRetriesAreCounted: by endpoint, and only those that were made: the breaker may prevent one that
// was decided on.
func TestMadeRetriesAreCounted(t *testing.T) {
	const requests, retries = "pelcro_grpc_upstream_requests_total", "pelcro_grpc_upstream_retries_total"
	for _, call := range calls {
		t.Run(call.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				registry := prometheus.NewRegistry()
				transport := &scripted{attempts: []attempt{unsent(errBroken), unsent(errBroken), responds(200)}}
				if err := call.do(t.Context(), transport.client(t, counted(registry))); (err == nil) != (call.name != "POST customers") {
					t.Error(err)
				}
				want := map[string]float64{}
				if n := len(transport.times); n > 1 {
					want[call.name] = float64(n - 1)
				}
				mustBeSeries(t, registry, retries, want)
			})
		})
	}
	t.Run("with a breaker", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			transport := &scripted{attempts: []attempt{responds(200)}}
			client := transport.client(t, counted(registry), func(c *pelcro.Config) { c.CircuitBreaker = true })
			for range 50 {
				_ = get(t.Context(), client) // earns ten retries
			}
			time.Sleep(time.Minute) // the breaker forgets them
			transport.attempts = []attempt{responds(503)}
			const callers = 15
			for range callers {
				go func() { _ = get(context.WithoutCancel(t.Context()), client) }()
				synctest.Wait()
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			// With the fifth retry twenty calls have failed, and the breaker opens.
			mustBeSeries(t, registry, requests, map[string]float64{
				"GET success customers/{id}": 50, "GET server_error customers/{id}": callers + 5,
			})
			mustBeSeries(t, registry, retries, map[string]float64{"GET customers/{id}": 5})
		})
	})
}

// TestCallStats: what the log of a call says about its requests.
func TestCallStats(t *testing.T) {
	for _, test := range []struct {
		name                     string
		responses                []attempt
		wantAttempts, wantStatus int
	}{
		{"one", []attempt{responds(200)}, 1, 200},
		{"the last of two", []attempt{responds(502), responds(404)}, 2, 404},
		{"the last response", []attempt{responds(502), lost(errBroken)}, 3, 502},
		{"none", []attempt{lost(errBroken)}, 3, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var attempts, status int
				transport := &scripted{attempts: test.responses}
				_ = get(pelcro.WithCallStats(t.Context(), &attempts, &status), transport.client(t))
				if attempts != test.wantAttempts || status != test.wantStatus {
					t.Errorf("%d attempts, HTTP %d, want %d, %d", attempts, status, test.wantAttempts, test.wantStatus)
				}
			})
		})
	}
}
