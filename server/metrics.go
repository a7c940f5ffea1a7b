package server

import (
	grpcmetrics "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// latencyBuckets are in seconds, up to the duration of a call of Pelcro.
var latencyBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30}

// metrics count calls. Those of gRPC itself (grpc_server_*) are go-grpc-middleware's.
type metrics struct {
	grpc            *grpcmetrics.ServerMetrics
	unary           grpc.UnaryServerInterceptor
	streams         grpc.StreamServerInterceptor
	byCaller        *prometheus.CounterVec
	errors          *prometheus.CounterVec
	unknownOutcomes *prometheus.CounterVec
	rejected        *prometheus.CounterVec
}

// newMetrics registers the metrics of a server.
func newMetrics(registry prometheus.Registerer, callsInFlight func() float64) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	const service, name, code = "grpc_service", "grpc_method", "grpc_code"
	m := &metrics{
		grpc:     grpcmetrics.NewServerMetrics(grpcmetrics.WithServerHandlingTimeHistogram(grpcmetrics.WithHistogramBuckets(latencyBuckets))),
		byCaller: counter("pelcro_grpc_caller_calls_total", "Calls of the callers that the callers file names.", "caller", code),
		errors:   counter("pelcro_grpc_errors_total", "Calls that failed, by the reason that their callers got.", service, name, "reason"),
		unknownOutcomes: counter("pelcro_grpc_unknown_outcomes_total",
			"Creates whose outcome at Pelcro is unknown.", service, name),
		rejected: counter("pelcro_grpc_rejected_by_transport_total",
			"Calls that gRPC itself rejected before the service had the whole request.", service, name, code),
	}
	m.unary, m.streams = m.grpc.UnaryServerInterceptor(), m.grpc.StreamServerInterceptor()
	inFlight := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "pelcro_grpc_calls_in_flight",
		Help: "Calls of resources that are running.",
	}, callsInFlight)
	registry.MustRegister(m.grpc, m.byCaller, m.errors, m.unknownOutcomes, m.rejected, inFlight)
	return m
}

// initialize makes the series of the server's methods, so that rates exist before the first call.
func (m *metrics) initialize(server *grpc.Server, methods map[string]*method, unknown *method) {
	m.grpc.InitializeMetrics(server)
	m.initializeMethod(unknown)
	for _, method := range methods {
		m.initializeMethod(method)
	}
}

func (m *metrics) initializeMethod(method *method) {
	for number, reason := range pelcrov1.ErrorReason_name {
		if number != int32(pelcrov1.ErrorReason_ERROR_REASON_UNSPECIFIED) {
			m.errors.WithLabelValues(method.service, method.name, reason)
		}
	}
	for _, code := range []codes.Code{codes.ResourceExhausted, codes.Internal, codes.Unimplemented} {
		m.rejected.WithLabelValues(method.service, method.name, code.String())
	}
	if method.isCreate() {
		m.unknownOutcomes.WithLabelValues(method.service, method.name)
	}
}

// stream is the library's interceptor, which would make series for any name that a caller sends.
func (m *metrics) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if rpcOf(stream.Context()).method.name == unknown {
		info = &grpc.StreamServerInfo{FullMethod: "/" + unknown + "/" + unknown, IsClientStream: true, IsServerStream: true}
	}
	return m.streams(service, stream, info, handler)
}

// finish counts a call that has ended.
func (m *metrics) finish(r *rpc) {
	if !r.result.OK() {
		m.countError(r)
	}
	if r.caller.Name != "" { // only known ones, so that unknown callers make no series
		m.byCaller.WithLabelValues(r.caller.Name, r.result.Code().String()).Inc()
	}
}

// countError counts a call that failed.
func (m *metrics) countError(r *rpc) {
	m.errors.WithLabelValues(r.method.service, r.method.name, r.result.Reason().String()).Inc()
	if r.method.isCreate() && r.result.Outcome() == mapping.OutcomeUnknown {
		m.unknownOutcomes.WithLabelValues(r.method.service, r.method.name).Inc()
	}
}

// reject counts a call that gRPC itself rejected.
func (m *metrics) reject(r *rpc, code codes.Code) {
	m.rejected.WithLabelValues(r.method.service, r.method.name, code.String()).Inc()
}
