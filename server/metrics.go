package server

import (
	"cmp"
	"context"

	grpcprom "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// unknownMethod are the labels of methods that do not exist. What a caller writes
// there must not become a series of its own.
var unknownMethod = method{"unknown", "unknown"}

// latencyBuckets are in seconds, up to what a call of Pelcro may take.
var latencyBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30}

// metrics count calls.
type metrics struct {
	grpc   *grpcprom.ServerMetrics
	unary  grpc.UnaryServerInterceptor
	stream grpc.StreamServerInterceptor

	byCaller        *prometheus.CounterVec
	errors          *prometheus.CounterVec
	unknownOutcomes *prometheus.CounterVec
	refused         *prometheus.CounterVec
	// methods are the series of the methods that exist, by full name.
	methods map[string]*methodMetrics
	unknown *methodMetrics
}

// methodMetrics are the series of one method, looked up once.
type methodMetrics struct {
	errors         map[pelcrov1.ErrorReason]prometheus.Counter
	unknownOutcome prometheus.Counter // nil for methods that create nothing
}

func newMetrics() *metrics {
	m := &metrics{
		grpc: grpcprom.NewServerMetrics(grpcprom.WithServerHandlingTimeHistogram(grpcprom.WithHistogramBuckets(latencyBuckets))),
		byCaller: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pelcro_grpc_caller_calls_total",
			Help: "Calls of the callers that the list of callers names.",
		}, []string{"caller", "grpc_code"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pelcro_grpc_errors_total",
			Help: "Calls that failed, by the reason that their callers got.",
		}, []string{"grpc_service", "grpc_method", "reason"}),
		unknownOutcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pelcro_grpc_unknown_outcomes_total",
			Help: "Creates of which nobody knows whether Pelcro made them.",
		}, []string{"grpc_service", "grpc_method"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pelcro_grpc_refused_by_transport_total",
			Help: "Calls that gRPC itself ended before the service had the whole request.",
		}, []string{"grpc_service", "grpc_method", "grpc_code"}),
	}
	m.unary, m.stream = m.grpc.UnaryServerInterceptor(), m.grpc.StreamServerInterceptor()
	return m
}

// register initialises the series of all methods that the server has, so that
// rates exist before the first call, and registers them.
func (m *metrics) register(s *Server) {
	m.grpc.InitializeMetrics(s.grpc)
	m.methods = map[string]*methodMetrics{}
	for fullMethod, known := range s.methods {
		m.methods[fullMethod] = m.method(known)
	}
	m.unknown = m.method(unknownMethod)
	inFlight := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "pelcro_grpc_calls_in_flight",
		Help: "Customer calls that are running.",
	}, func() float64 { return float64(s.admission.running.Load()) })
	s.config.Metrics.MustRegister(m.grpc, m.byCaller, m.errors, m.unknownOutcomes, m.refused, inFlight)
}

func (m *metrics) method(of method) *methodMetrics {
	series := &methodMetrics{errors: make(map[pelcrov1.ErrorReason]prometheus.Counter, len(pelcrov1.ErrorReason_name))}
	for number, reason := range pelcrov1.ErrorReason_name {
		if number != int32(pelcrov1.ErrorReason_ERROR_REASON_UNSPECIFIED) {
			series.errors[pelcrov1.ErrorReason(number)] = m.errors.WithLabelValues(of.service, of.name, reason)
		}
	}
	for _, code := range refusals {
		m.refused.WithLabelValues(of.service, of.name, code.String())
	}
	if op := operation("/" + of.service + "/" + of.name); op.Name != "" && op.Kind == mapping.Create {
		series.unknownOutcome = m.unknownOutcomes.WithLabelValues(of.service, of.name)
	}
	return series
}

// countUnary and countStream see the status that the caller gets.
func (m *metrics) countUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	resp, err := m.unary(ctx, req, info, handler)
	m.count(m.methods[info.FullMethod], callOf(ctx))
	return resp, err
}

func (m *metrics) countStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	series, exists := m.methods[info.FullMethod]
	if !exists {
		err := handler(srv, stream)
		m.count(m.unknown, callOf(stream.Context()))
		return err
	}
	err := m.stream(srv, stream, info, handler)
	m.count(series, callOf(stream.Context()))
	return err
}

// countRefused counts a call that did not come as far as countUnary; the method is
// the zero one if it does not exist.
func (m *metrics) countRefused(of method, code codes.Code) {
	of = cmp.Or(of, unknownMethod)
	m.refused.WithLabelValues(of.service, of.name, code.String()).Inc()
}

func (m *metrics) count(series *methodMetrics, c *call) {
	if c.caller != "" { // one that is known, so that strangers make no series
		m.byCaller.WithLabelValues(c.caller, c.result.Code().String()).Inc()
	}
	if c.result.OK() {
		return
	}
	series.errors[c.result.Reason()].Inc()
	if series.unknownOutcome != nil && c.result.Outcome() == mapping.OutcomeUnknown {
		series.unknownOutcome.Inc()
	}
}
