package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
)

// DrainTimeout is how long a stop waits for running calls.
const DrainTimeout = 20 * time.Second

const (
	// healthPropagationDelay is how long a stop waits before it rejects new calls, so that watchers
	// of health read NOT_SERVING and call other replicas.
	healthPropagationDelay = 100 * time.Millisecond
	// streamTimeout is how long a stop leaves the streams of health and reflection open, long
	// enough for watchers to read NOT_SERVING. They do not end by themselves.
	streamTimeout = time.Second
	// abortTimeout is how long a stop waits for the responses of the calls that it ended.
	abortTimeout = time.Second
)

// DefaultMaxConcurrentCalls is the limit of concurrent calls.
const DefaultMaxConcurrentCalls = 10_000

// Config is what a [Server] needs.
type Config struct {
	// Upstream is the client of Pelcro.
	Upstream Upstream
	// Services are the resources.
	Services []Service
	// MaxConcurrentCalls limits the concurrent calls except health checks; zero means
	// [DefaultMaxConcurrentCalls].
	MaxConcurrentCalls int
	// DrainTimeout replaces [DrainTimeout] unless it is zero.
	DrainTimeout time.Duration
	// Reflection offers server reflection, v1 and v1alpha.
	Reflection bool
	// TLS is the service's certificate and what it demands of clients; nil for plain text.
	TLS *tls.Config
	// Authorize decides who may call which methods, except health, which is open; nil allows
	// everything.
	Authorize Authorize
	// ForwardCredentials sends a caller's own authorization to Pelcro instead of the client's key,
	// and rejects calls of resources without one.
	ForwardCredentials bool
	Logger             *slog.Logger
	// Metrics is the registry of the server's metrics; nil for none.
	Metrics prometheus.Registerer
	// Traces gets a span for each call; nil for none.
	Traces trace.TracerProvider
}

// Server is the gRPC service.
type Server struct {
	config    Config
	grpc      *grpc.Server
	health    *health.Server
	metrics   *metrics
	methods   map[string]*method // by full name
	unknown   *method            // any other
	admission admission
	upstream  upstreamHealth
	phase     atomic.Int32
	// rejectedLines limits the lines about rejected calls.
	rejectedLines lineLimit
	// callsEnd and streamsEnd end the contexts of the unary calls and of the streams.
	callsEnd, streamsEnd context.Context //nolint:containedctx // they live as long as the server
	endCalls, endStreams context.CancelFunc
	openStreams          atomic.Int64 // also those of health watchers
}

// New returns a server that does not listen yet. It has goroutines of its own, which end with
// Serve.
func New(config Config) *Server {
	if config.DrainTimeout == 0 {
		config.DrainTimeout = DrainTimeout
	}
	if config.MaxConcurrentCalls == 0 {
		config.MaxConcurrentCalls = DefaultMaxConcurrentCalls
	}
	if config.Metrics == nil {
		config.Metrics = prometheus.NewRegistry() // nothing reads it
	}
	s := &Server{config: config, health: health.NewServer()}
	s.callsEnd, s.endCalls = context.WithCancel(context.Background())
	s.streamsEnd, s.endStreams = context.WithCancel(context.Background())
	s.admission.limit = int64(config.MaxConcurrentCalls)
	s.metrics = newMetrics(config.Metrics, func() float64 { return float64(s.admission.running.Load()) })
	s.grpc = grpc.NewServer(s.options()...)
	services := registrar{s.grpc}
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
	s.metrics.initialize(s.grpc, s.methods, s.unknown)
	config.Upstream.OnCircuitChange(s.circuitChanged)
	config.Upstream.OnAPIKeyStatus(s.apiKeyStatusChanged)
	return s
}

// options are those of the gRPC server.
func (s *Server) options() []grpc.ServerOption {
	options := append(transportOptions(), s.interceptors()...)
	options = append(options,
		grpc.ForceServerCodecV2(codec{protobuf, s}),
		grpc.StatsHandler(containedStats{rejections{s}, s}),
		grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error { return errUnknownMethod }),
	)
	if s.config.Traces != nil {
		options = append(options, grpc.StatsHandler(containedStats{s.traceHandler(s.config.Traces), s}))
	}
	if s.config.TLS != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(s.config.TLS)))
	}
	return options
}

// The phases of a server's life.
const (
	starting int32 = iota
	serving
	stopping
)

// notReady says why no calls are accepted.
var notReady = [...]error{
	starting: errors.New("the service is starting"),
	serving:  nil,
	stopping: errors.New("the service is stopping"),
}

// Ready returns nil while the server accepts calls, and otherwise an error that says why not: for
// probes, which then send traffic elsewhere. It ignores failures of Pelcro, which would take every
// replica away.
func (s *Server) Ready() error { return notReady[s.phase.Load()] }

// Serve serves calls on the listener until ctx ends, then stops: health turns NOT_SERVING, running
// calls have the drain timeout to finish, the rest is ended with GATEWAY_SHUTTING_DOWN, and the
// connections are closed. It returns nil after a stop, and an error when the listener fails. A
// server serves once.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- s.grpc.Serve(listener) }()
	s.phase.Store(serving)
	select {
	case err := <-served:
		s.phase.Store(stopping)
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
	s.phase.Store(stopping)
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
