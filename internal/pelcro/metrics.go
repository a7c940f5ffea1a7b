package pelcro

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"
)

// ending says how an attempt ended, for metrics and traces.
type ending uint8

const (
	endedWell ending = iota
	endedRedirected
	endedRefused
	endedThrottled
	endedFailed
	endedUnreachable
	endedTimedOut
	endedLost
	endedAbandoned
)

// endings are the names on labels and spans.
var endings = [...]string{
	endedWell:        "success",         // 2xx
	endedRedirected:  "redirect",        // 3xx, and what is no status at all
	endedRefused:     "refused",         // 4xx
	endedThrottled:   "throttled",       // 429
	endedFailed:      "server_error",    // 5xx
	endedUnreachable: "unreachable",     // nothing was sent
	endedTimedOut:    "timeout",         // our own time limit
	endedLost:        "connection_lost", // sent, and no whole reply
	endedAbandoned:   "caller_gone",     // the caller's deadline or cancel, or our shutdown
}

// replyOf returns what came of an attempt, whether it was an error or not.
func replyOf(received *Error, err error) *Error {
	if failed, ok := errors.AsType[*Error](err); ok {
		return failed
	}
	if received == nil {
		return new(Error) // the request could not be built
	}
	return received
}

// endingOf says how an attempt ended. ctx is the caller's context.
func endingOf(ctx context.Context, reply *Error) ending {
	switch {
	case reply.StatusCode == http.StatusTooManyRequests:
		return endedThrottled
	case reply.StatusCode != 0:
	case ctx.Err() != nil:
		return endedAbandoned
	case errors.Is(reply.Err, errTimeLimit):
		return endedTimedOut
	case reply.Sent:
		return endedLost
	default:
		return endedUnreachable
	}
	switch reply.StatusCode / 100 {
	case 2:
		return endedWell
	case 4:
		return endedRefused
	case 5:
		return endedFailed
	}
	return endedRedirected
}

// latencyBuckets are in seconds, up to the default time limit.
var latencyBuckets = []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30}

// metrics count what goes to Pelcro. A nil *metrics counts nothing.
type metrics struct {
	byEndpoint map[*endpoint]*endpointMetrics
	// retriesRefused counts the retries that the budget did not allow.
	retriesRefused   prometheus.Counter
	limit, remaining lastSeen
}

// endpointMetrics are the series of one endpoint, looked up once.
type endpointMetrics struct {
	requests [len(endings)]prometheus.Counter
	latency  prometheus.Observer
	retries  prometheus.Counter
}

// newMetrics registers the metrics of a client; nil for no registry.
func newMetrics(registry prometheus.Registerer, circuit *breaker) *metrics {
	if registry == nil {
		return nil
	}
	labels := []string{"method", "template"}
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pelcro_grpc_upstream_requests_total",
		Help: "Requests to Pelcro, each attempt counted, by how they ended.",
	}, append(labels, "outcome"))
	latency := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "pelcro_grpc_upstream_request_duration_seconds",
		Help:    "Time from sending a request to Pelcro to the end of its reply, each attempt by itself.",
		Buckets: latencyBuckets,
	}, labels)
	retries := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pelcro_grpc_upstream_retries_total",
		Help: "Requests to Pelcro that repeat one before.",
	}, labels)
	m := &metrics{
		byEndpoint: make(map[*endpoint]*endpointMetrics, len(endpoints)),
		retriesRefused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "pelcro_grpc_upstream_retries_refused_total",
			Help: "Retries that were not made because the retry budget was spent.",
		}),
		limit: lastSeen{header: "X-Ratelimit-Limit", vec: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "pelcro_grpc_upstream_rate_limit",
			Help: "Last X-RateLimit-Limit that Pelcro sent.",
		}, nil)},
		remaining: lastSeen{header: "X-Ratelimit-Remaining", vec: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "pelcro_grpc_upstream_rate_limit_remaining",
			Help: "Last X-RateLimit-Remaining that Pelcro sent.",
		}, nil)},
	}
	for _, e := range endpoints {
		series := &endpointMetrics{
			latency: latency.WithLabelValues(e.method, e.template),
			retries: retries.WithLabelValues(e.method, e.template),
		}
		for i, name := range endings {
			series.requests[i] = requests.WithLabelValues(e.method, e.template, name)
		}
		m.byEndpoint[e] = series
	}
	registry.MustRegister(requests, latency, retries, m.retriesRefused, m.limit.vec, m.remaining.vec)
	if circuit != nil {
		registry.MustRegister(circuitGauge(circuit.states.State))
	}
	return m
}

// attempted counts an attempt, which is the nth of its call. The retry is counted
// here because one that was decided on may still not be made: the breaker can open
// in between.
func (m *metrics) attempted(e *endpoint, nth int, end ending, took time.Duration, header http.Header) {
	if m == nil {
		return
	}
	series := m.byEndpoint[e]
	if nth > 1 {
		series.retries.Inc()
	}
	series.requests[end].Inc()
	series.latency.Observe(took.Seconds())
	m.limit.see(header)
	m.remaining.see(header)
}

// lastSeen is a gauge of what a header said last.
type lastSeen struct {
	header string               // in its canonical form
	vec    *prometheus.GaugeVec // without labels, so that there is no series until then
	gauge  atomic.Pointer[prometheus.Gauge]
}

// see sets the gauge, if the header is there and a count.
func (l *lastSeen) see(header http.Header) {
	values := header[l.header]
	if len(values) == 0 {
		return
	}
	n, err := strconv.ParseUint(values[0], 10, 63)
	if err != nil {
		return
	}
	gauge := l.gauge.Load()
	if gauge == nil {
		gauge = new(l.vec.WithLabelValues())
		l.gauge.Store(gauge)
	}
	(*gauge).Set(float64(n))
}

func (m *metrics) retryRefused() {
	if m != nil {
		m.retriesRefused.Inc()
	}
}

// circuitGauge shows the state of a breaker: 1 for the state that it is in. It asks
// once for all of them, so that exactly one is 1 even while the breaker changes.
type circuitGauge func() gobreaker.State

var circuitState = prometheus.NewDesc("pelcro_grpc_circuit_breaker_state",
	"1 for the state that the circuit breaker is in, 0 for the others.", []string{"state"}, nil)

func (g circuitGauge) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- circuitState }

func (g circuitGauge) Collect(series chan<- prometheus.Metric) {
	now := g()
	for _, state := range breakerStates {
		value := 0.0
		if state.is == now {
			value = 1
		}
		series <- prometheus.MustNewConstMetric(circuitState, prometheus.GaugeValue, value, state.name)
	}
}
