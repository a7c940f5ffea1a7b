package server

import (
	"cmp"
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
)

const (
	// healthPropagationDelay is how long a stop waits before it rejects new calls, so that watchers
	// of health read NOT_SERVING and call other replicas.
	healthPropagationDelay = 100 * time.Millisecond
	// streamTimeout is how long a stop leaves streams open, long enough for watchers of health to read
	// NOT_SERVING. They do not end by themselves, or not soon, and those of resources can be continued
	// elsewhere.
	streamTimeout = time.Second
	// abortTimeout is how long a stop waits for the responses of the calls that it ended.
	abortTimeout = time.Second
)

// Server is the gRPC service.
type Server struct {
	config   Config
	grpc     *grpc.Server
	health   *health.Server
	metrics  *metrics
	methods  map[string]*method // by full name
	unknown  *method            // any other
	upstream upstreamHealth
	notReady atomic.Pointer[error] // what Ready returns, nil for nothing
	// rejectedLines limits the lines about rejected calls.
	rejectedLines lineLimit
	// samples limits the lines about what is unknown in responses.
	samples sampleLimit
	// callsEnd and streamsEnd end the contexts of the unary calls and of the streams.
	callsEnd, streamsEnd context.Context //nolint:containedctx // they live as long as the server
	endCalls, endStreams context.CancelFunc
	callsInFlight        atomic.Int64 // of resources
	openStreams          atomic.Int64 // also those of health watchers
	builtinCalls         atomic.Int64 // calls and streams of health and reflection
	// resourceRequests and builtinRequests read the requests of these calls.
	resourceRequests, builtinRequests *requests
	// responses encodes those of unary calls, streamed the messages of streams.
	responses, streamed *responses
}

// New returns a server that does not listen yet. It has goroutines of its own, which end with
// Serve.
func New(config Config) *Server {
	config.DrainTimeout = cmp.Or(config.DrainTimeout, DrainTimeout)
	config.MaxConcurrentCalls = cmp.Or(config.MaxConcurrentCalls, DefaultMaxConcurrentCalls)
	config.readTimeout = cmp.Or(config.readTimeout, readTimeout)
	hasMetrics := config.Metrics != nil
	if !hasMetrics {
		config.Metrics = prometheus.NewRegistry() // nothing reads it
	}
	s := &Server{
		config: config, health: health.NewServer(),
		resourceRequests: newRequests(maxRequestBytes, config.readTimeout),
		builtinRequests:  newRequests(maxBuiltinRequest, config.readTimeout),
		responses:        newResponses(responseBudget),
		streamed:         newResponses(streamBudget),
	}
	s.builtinRequests.maxWaiting = maxBuiltinWaiting
	s.notReady.Store(&errStarting)
	s.callsEnd, s.endCalls = context.WithCancel(context.Background())
	s.streamsEnd, s.endStreams = context.WithCancel(context.Background())
	s.metrics = newMetrics(config.Metrics, func() float64 { return float64(s.callsInFlight.Load()) })
	s.grpc = grpc.NewServer(s.options()...)
	services := registrar{s.grpc, s}
	for _, service := range config.Services {
		services.RegisterService(service.Desc, service.Handler)
		s.health.SetServingStatus(service.Desc.ServiceName, healthpb.HealthCheckResponse_SERVING)
	}
	healthpb.RegisterHealthServer(services, s.health)
	s.health.SetServingStatus(upstreamService, healthpb.HealthCheckResponse_SERVING)
	if config.Reflection {
		reflection.Register(services)
	}
	s.methods, s.unknown = s.methodsOf(s.grpc.GetServiceInfo()), s.newMethod(unknown, unknown)
	if hasMetrics {
		s.metrics.initialize(s.grpc, s.methods, s.unknown)
	}
	config.Upstream.OnCircuitChange(s.circuitChanged)
	config.Upstream.OnAPIKeyStatus(s.apiKeyStatusChanged)
	return s
}

// options are those of the gRPC server.
func (s *Server) options() []grpc.ServerOption {
	options := append(transportOptions(), s.interceptors()...)
	options = append(options,
		grpc.ForceServerCodecV2(codec{protobuf, s}),
		grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error { return errUnknownMethod }),
	)
	observer := statsHandler{server: s}
	if s.config.Traces != nil {
		observer.traces = s.traceHandler(s.config.Traces)
	}
	options = append(options, grpc.StatsHandler(observer))
	if s.config.TLS != nil {
		options = append(options, grpc.Creds(s.handshakes(s.config.TLS)))
	}
	return options
}

// Ready returns nil while the server accepts calls, and otherwise an error that says why not: for
// probes, which then send traffic elsewhere. It ignores failures of Pelcro, which would take every
// replica away.
func (s *Server) Ready() error {
	if reason := s.notReady.Load(); reason != nil {
		return *reason
	}
	return nil
}

// Serve serves calls on the listener until ctx ends, then stops: health turns NOT_SERVING, running
// calls have the drain timeout to finish, the rest is ended with GATEWAY_SHUTTING_DOWN, and the
// connections are closed. It returns nil after a stop, and an error when the listener fails. A
// server serves once.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- s.grpc.Serve(listener) }()
	s.notReady.Store(nil)
	select {
	case err := <-served:
		s.notReady.Store(&errStopping)
		s.endStreams()
		s.endCalls()
		s.grpc.Stop()
		return err
	case <-ctx.Done():
		s.stop()
		if err := <-served; !errors.Is(err, grpc.ErrServerStopped) {
			return err
		}
		return nil // ctx ended before the first connection
	}
}

func (s *Server) stop() {
	logger := s.config.Logger
	s.notReady.Store(&errStopping)
	logger.Info("stopping", "drain_timeout", s.config.DrainTimeout.String())
	s.health.Shutdown()
	if s.openStreams.Load() > 0 {
		within(healthPropagationDelay, nil)
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		s.grpc.GracefulStop()
	}()
	end := time.AfterFunc(min(streamTimeout, s.config.DrainTimeout), s.endStreams)
	defer end.Stop()
	if !within(s.config.DrainTimeout, drained) {
		logger.Warn("ending the calls that are still running")
		s.endCalls()
		if !within(abortTimeout, drained) {
			s.grpc.Stop()
			<-drained
		}
	}
	s.endStreams()
	s.endCalls()
	logger.Info("stopped")
}

// within reports whether done closes before the time has passed.
func within(d time.Duration, done <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}
