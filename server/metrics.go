package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// latencyBuckets are in seconds, up to what a call of Pelcro may take.
var latencyBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30}

// metrics count calls. The first five are those that gRPC services in Go usually have,
// with the names and labels of go-grpc-middleware's providers/prometheus, so that
// dashboards fit. That one looks a series up five times for each call; here a method
// knows its own.
type metrics struct {
	started, handled, received, sent *prometheus.CounterVec
	latency                          *prometheus.HistogramVec

	byCaller        *prometheus.CounterVec
	errors          *prometheus.CounterVec
	unknownOutcomes *prometheus.CounterVec
	refused         *prometheus.CounterVec
}

// newMetrics registers the metrics of a server.
func newMetrics(registry prometheus.Registerer, s *Server) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	const kind, service, name, code = "grpc_type", "grpc_service", "grpc_method", "grpc_code"
	m := &metrics{
		started:  counter("grpc_server_started_total", "RPCs that were started on the server.", kind, service, name),
		handled:  counter("grpc_server_handled_total", "RPCs that have ended, well or not.", kind, service, name, code),
		received: counter("grpc_server_msg_received_total", "Messages received.", kind, service, name),
		sent:     counter("grpc_server_msg_sent_total", "Messages sent.", kind, service, name),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "grpc_server_handling_seconds", Help: "Time from the arrival of an RPC to its answer.", Buckets: latencyBuckets,
		}, []string{kind, service, name}),
		byCaller: counter("pelcro_grpc_caller_calls_total", "Calls of the callers that the list of callers names.", "caller", code),
		errors:   counter("pelcro_grpc_errors_total", "Calls that failed, by the reason that their callers got.", service, name, "reason"),
		unknownOutcomes: counter("pelcro_grpc_unknown_outcomes_total",
			"Creates of which nobody knows whether Pelcro made them.", service, name),
		refused: counter("pelcro_grpc_refused_by_transport_total",
			"Calls that gRPC itself ended before the service had the whole request.", service, name, code),
	}
	inFlight := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "pelcro_grpc_calls_in_flight",
		Help: "Customer calls that are running.",
	}, func() float64 { return float64(s.admission.running.Load()) })
	registry.MustRegister(m.started, m.handled, m.received, m.sent, m.latency,
		m.byCaller, m.errors, m.unknownOutcomes, m.refused, inFlight)
	return m
}

// methodMetrics are the series of one method, there from the beginning, so that rates
// exist before the first call. A nil *methodMetrics counts nothing.
type methodMetrics struct {
	started, received, sent prometheus.Counter
	handled                 [codes.Unauthenticated + 1]prometheus.Counter
	latency                 prometheus.Observer

	errors         map[pelcrov1.ErrorReason]prometheus.Counter
	unknownOutcome prometheus.Counter     // nil for methods that create nothing
	refused        *prometheus.CounterVec // by code
	byCaller       *prometheus.CounterVec // by caller and code
}

// of makes the series of a method. One that does not exist has errors only: what a
// stranger calls is no traffic of this service.
func (m *metrics) of(method *method) *methodMetrics {
	series := &methodMetrics{
		errors:   make(map[pelcrov1.ErrorReason]prometheus.Counter, len(pelcrov1.ErrorReason_name)),
		refused:  m.refused.MustCurryWith(prometheus.Labels{"grpc_service": method.service, "grpc_method": method.name}),
		byCaller: m.byCaller,
	}
	for number, reason := range pelcrov1.ErrorReason_name {
		if number != int32(pelcrov1.ErrorReason_ERROR_REASON_UNSPECIFIED) {
			series.errors[pelcrov1.ErrorReason(number)] = m.errors.WithLabelValues(method.service, method.name, reason)
		}
	}
	for _, code := range refusals {
		series.refused.WithLabelValues(code.String())
	}
	if method.operation.Name != "" && method.operation.Kind == mapping.Create {
		series.unknownOutcome = m.unknownOutcomes.WithLabelValues(method.service, method.name)
	}
	if method.kind == "" {
		return series
	}
	series.started = m.started.WithLabelValues(method.kind, method.service, method.name)
	series.received = m.received.WithLabelValues(method.kind, method.service, method.name)
	series.sent = m.sent.WithLabelValues(method.kind, method.service, method.name)
	series.latency = m.latency.WithLabelValues(method.kind, method.service, method.name)
	for code := range series.handled {
		series.handled[code] = m.handled.WithLabelValues(method.kind, method.service, method.name, codes.Code(code).String())
	}
	return series
}

// exists reports whether calls are counted as those of a method that exists.
func (m *methodMetrics) exists() bool { return m != nil && m.started != nil }

// start counts a call that has begun.
func (m *methodMetrics) start() {
	if m.exists() {
		m.started.Inc()
	}
}

// receive and send count a message.
func (m *methodMetrics) receive() {
	if m.exists() {
		m.received.Inc()
	}
}

func (m *methodMetrics) send() {
	if m.exists() {
		m.sent.Inc()
	}
}

// finish counts a call that has ended.
func (m *methodMetrics) finish(c *call, took time.Duration) {
	if m == nil {
		return
	}
	if m.exists() {
		m.handled[c.result.Code()].Inc()
		m.latency.Observe(took.Seconds())
	}
	if c.caller != "" { // one that is known, so that strangers make no series
		m.byCaller.WithLabelValues(c.caller, c.result.Code().String()).Inc()
	}
	if c.result.OK() {
		return
	}
	m.errors[c.result.Reason()].Inc()
	if m.unknownOutcome != nil && c.result.Outcome() == mapping.OutcomeUnknown {
		m.unknownOutcome.Inc()
	}
}

// refuse counts a call that did not arrive.
func (m *methodMetrics) refuse(code codes.Code) {
	if m != nil {
		m.refused.WithLabelValues(code.String()).Inc()
	}
}

// countedStream counts the messages of a stream.
type countedStream struct {
	grpc.ServerStream
	series *methodMetrics
}

func (s countedStream) RecvMsg(message any) error {
	err := s.ServerStream.RecvMsg(message)
	if err == nil {
		s.series.receive()
	}
	return err
}

func (s countedStream) SendMsg(message any) error {
	err := s.ServerStream.SendMsg(message)
	if err == nil {
		s.series.send()
	}
	return err
}
