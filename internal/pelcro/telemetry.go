package pelcro

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// latencyBuckets are in seconds, up to the default time limit.
var latencyBuckets = []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30}

// metrics count the requests to Pelcro.
type metrics struct {
	requests *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	retries  *prometheus.CounterVec
	// retriesRejected counts the retries that were not within the budget.
	retriesRejected prometheus.Counter
	// coalesced counts the reads that joined the request of another.
	coalesced *prometheus.CounterVec
	// limit and remaining have no labels; as vectors, they have no series until Pelcro sends a value.
	limit, remaining, accountLimit *prometheus.GaugeVec
}

// newMetrics registers the metrics of a client.
func newMetrics(registry prometheus.Registerer, circuit *breaker) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, nil)
	}
	const method, template = "method", "template"
	m := &metrics{
		requests: counter("pelcro_grpc_upstream_requests_total",
			"Requests to Pelcro, each attempt counted, by how they ended.", method, template, "outcome"),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "pelcro_grpc_upstream_request_duration_seconds",
			Help:    "Time from sending a request to Pelcro to the end of its response, each attempt by itself.",
			Buckets: latencyBuckets,
		}, []string{method, template}),
		retries: counter("pelcro_grpc_upstream_retries_total",
			"Requests to Pelcro that retry an earlier one.", method, template),
		retriesRejected: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "pelcro_grpc_upstream_retries_rejected_total",
			Help: "Retries that were not made because the retry budget was spent.",
		}),
		coalesced: counter("pelcro_grpc_coalesced_reads_total",
			"Reads that were served by the request of another, equal read, and took nothing from the quota.", method, template),
		accountLimit: gauge("pelcro_grpc_upstream_account_rate_limit",
			"Requests a minute that Pelcro's account allows, by its own api_core_rate_limit."),
		limit:     gauge("pelcro_grpc_upstream_rate_limit", "Last X-RateLimit-Limit that Pelcro sent."),
		remaining: gauge("pelcro_grpc_upstream_rate_limit_remaining", "Last X-RateLimit-Remaining that Pelcro sent."),
	}
	// Every series exists from the start, so that its first increment is seen as one.
	for _, e := range endpoints {
		m.latency.WithLabelValues(e.method, e.template)
		m.retries.WithLabelValues(e.method, e.template)
		if e.retry == retrySafe {
			m.coalesced.WithLabelValues(e.method, e.template)
		}
		for outcome := range CircuitOpen { // it and the later ones are not attempts
			m.requests.WithLabelValues(e.method, e.template, outcome.String())
		}
	}
	registry.MustRegister(m.requests, m.latency, m.retries, m.retriesRejected, m.coalesced, m.limit, m.remaining, m.accountLimit)
	if circuit != nil {
		registry.MustRegister(stateCollector{circuit})
	}
	return m
}

// stateCollector shows the state of the circuit breaker. It reads the state once for all series, because
// the state may change while metrics are collected, and exactly one series must be 1.
type stateCollector struct{ circuit *breaker }

var stateDesc = prometheus.NewDesc("pelcro_grpc_circuit_breaker_state",
	"1 for the state that the circuit breaker is in, 0 for the others.", []string{"state"}, nil)

// Describe implements [prometheus.Collector].
func (stateCollector) Describe(descs chan<- *prometheus.Desc) { descs <- stateDesc }

// Collect implements [prometheus.Collector].
func (c stateCollector) Collect(series chan<- prometheus.Metric) {
	current := c.circuit.states.State()
	for state, name := range breakerStates {
		value := 0.0
		if state == current {
			value = 1
		}
		series <- prometheus.MustNewConstMetric(stateDesc, prometheus.GaugeValue, value, name)
	}
}

// attempted counts an attempt; response is nil for none. A retry is counted here because the
// circuit breaker may still prevent one that was decided on.
func (m *metrics) attempted(call *call, outcome Outcome, took time.Duration, response *Response) {
	if call.attempts > 1 {
		m.retries.WithLabelValues(call.method, call.template).Inc()
	}
	m.requests.WithLabelValues(call.method, call.template, outcome.String()).Inc()
	m.latency.WithLabelValues(call.method, call.template).Observe(took.Seconds())
	if response != nil {
		setCount(m.limit, response.Header.Get("X-RateLimit-Limit"))
		setCount(m.remaining, response.Header.Get("X-RateLimit-Remaining"))
	}
}

// setCount sets the gauge to the value of a header, if that is a count.
func setCount(gauge *prometheus.GaugeVec, value string) {
	if n, err := strconv.ParseUint(value, 10, 63); err == nil {
		gauge.WithLabelValues().Set(float64(n))
	}
}

const tracerName = "github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"

// tracing makes a client span for each attempt, as OpenTelemetry's conventions for HTTP define it,
// but without the URL: its query can hold e-mail addresses.
type tracing struct {
	tracer     trace.Tracer
	peer       []attribute.KeyValue
	propagator propagation.TextMapPropagator // nil: Pelcro does not get the trace
}

func newTracing(config Config) tracing {
	if config.Traces == nil {
		config.Traces = noop.NewTracerProvider()
	}
	t := tracing{tracer: config.Traces.Tracer(tracerName), propagator: config.Propagator}
	t.peer = []attribute.KeyValue{semconv.ServerAddress(config.BaseURL.Hostname())}
	if port, err := strconv.Atoi(config.BaseURL.Port()); err == nil {
		t.peer = append(t.peer, semconv.ServerPort(port))
	}
	return t
}

// start begins the span of an attempt.
func (t tracing) start(ctx context.Context, call *call) (context.Context, trace.Span) {
	attributes := []attribute.KeyValue{semconv.HTTPRequestMethodKey.String(call.method), semconv.URLTemplate(call.template)}
	if retries := call.attempts - 1; retries > 0 {
		attributes = append(attributes, semconv.HTTPRequestResendCount(retries))
	}
	return t.tracer.Start(ctx, call.name(), //nolint:spancheck // the caller ends it
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...), trace.WithAttributes(t.peer...))
}

// endSpan ends the span of an attempt. The cause stays in the log: it may hold what others wrote.
func endSpan(span trace.Span, statusCode int, outcome Outcome) {
	defer span.End()
	if statusCode != 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(statusCode))
	}
	switch {
	case statusCode >= http.StatusBadRequest:
		span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(statusCode)))
	case outcome != Success && outcome != Rejected:
		span.SetAttributes(semconv.ErrorTypeKey.String(outcome.String()))
	default:
		return
	}
	span.SetStatus(codes.Error, "")
}

// inject writes the trace into the headers of a request, if that is configured.
func (t tracing) inject(ctx context.Context, header http.Header) {
	if t.propagator != nil {
		t.propagator.Inject(ctx, propagation.HeaderCarrier(header))
	}
}
