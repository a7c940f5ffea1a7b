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

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// DrainTimeout is how long a stop waits for running calls.
const DrainTimeout = 20 * time.Second

const (
	// noticeTime is how long a stop waits before it turns new calls away, for those
	// that watch health to read NOT_SERVING and go elsewhere.
	noticeTime = 100 * time.Millisecond
	// streamTimeout is how long a stop leaves the streams of health and reflection
	// open: long enough for watchers to read NOT_SERVING. They would not end by
	// themselves.
	streamTimeout = time.Second
	// abortTimeout is how long a stop waits for the answers of the calls that it
	// ended.
	abortTimeout = time.Second
)

// DefaultMaxConcurrentCalls is how many customer calls run at once.
const DefaultMaxConcurrentCalls = 10_000

// Config is what a [Server] needs.
type Config struct {
	// Pelcro is the client of the upstream.
	Pelcro *pelcro.Client
	// Services are the resources.
	Services []Service
	// MaxConcurrentCalls is how many customer calls run at once; zero means
	// [DefaultMaxConcurrentCalls].
	MaxConcurrentCalls int
	// DrainTimeout replaces [DrainTimeout] unless it is zero.
	DrainTimeout time.Duration
	// Reflection offers server reflection, v1 and v1alpha.
	Reflection bool
	// TLS is what the service proves and demands; nil for plain text.
	TLS *tls.Config
	// Authorize decides who may call what, but for health, which is open; nil lets
	// everybody.
	Authorize Authorize
	// ForwardCredentials sends a caller's own authorization to Pelcro instead of the
	// client's key, and refuses customer calls that have none.
	ForwardCredentials bool
	Logger             *slog.Logger
	// Metrics is where the server registers its metrics; nil for none.
	Metrics prometheus.Registerer
	// Traces gets a span for each call; nil for none.
	Traces trace.TracerProvider
}

// Server is the gRPC service.
type Server struct {
	config Config
	grpc   *grpc.Server
	health *health.Server
	// metrics is nil for none.
	metrics *metrics
	// methods are those that the server has, by full name; unknown stands for any other.
	methods   map[string]*method
	unknown   *method
	admission admission
	upstream  upstreamHealth
	phase     atomic.Int32
	// calls and streams are those that are running, health watchers among the streams.
	calls, streams *running
	awaited        atomic.Int64 // calls that ended before they arrived (refused.go)
}

// New returns a server that does not listen yet. It has goroutines of its own, which
// end with Serve.
func New(config Config) *Server {
	if config.DrainTimeout == 0 {
		config.DrainTimeout = DrainTimeout
	}
	if config.MaxConcurrentCalls == 0 {
		config.MaxConcurrentCalls = DefaultMaxConcurrentCalls
	}
	s := &Server{
		config:  config,
		health:  health.NewServer(),
		methods: map[string]*method{},
		calls:   newRunning(),
		streams: newRunning(),
	}
	s.admission.limit = int64(config.MaxConcurrentCalls)
	if config.Metrics != nil {
		s.metrics = newMetrics(config.Metrics, s)
	}
	s.unknown = s.newMethod("", "unknown", "unknown")
	options := append(transportOptions(),
		grpc.InTapHandle(s.tap),
		s.unaryChain(),
		s.streamChain(),
		grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error { return errUnknownMethod }),
	)
	if config.Traces != nil {
		options = append(options, s.traced(config.Traces))
	}
	if config.TLS != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(config.TLS)))
	}
	s.grpc = grpc.NewServer(options...)
	services := registrar{s.grpc, s}
	for _, resource := range config.Services {
		services.RegisterService(resource.Desc, resource.Handler)
		s.health.SetServingStatus(resource.Desc.ServiceName, healthpb.HealthCheckResponse_SERVING)
	}
	healthpb.RegisterHealthServer(services, s.health)
	s.health.SetServingStatus(upstreamService, healthpb.HealthCheckResponse_SERVING)
	config.Pelcro.OnCircuitChange(s.circuitChanged)
	config.Pelcro.OnAPIKeyStatus(s.keyStatusChanged)
	if config.Reflection {
		reflection.Register(services)
	}
	return s
}

// The phases of a server's life.
const (
	starting int32 = iota
	serving
	stopping
)

// notReady says why no calls are taken.
var notReady = [...]error{
	starting: errors.New("the service is starting"),
	serving:  nil,
	stopping: errors.New("the service is stopping"),
}

// Ready returns nil while the server takes calls, and otherwise an error that says
// why it does not: for probes, which send traffic elsewhere then. It does not
// tell how Pelcro does; every replica would be taken away at once.
func (s *Server) Ready() error { return notReady[s.phase.Load()] }

// Serve answers calls on the listener until ctx ends, then stops: health turns
// NOT_SERVING, running calls have the drain timeout to finish, what is left is
// ended with GATEWAY_SHUTTING_DOWN, and the connections are closed. It returns
// nil after a stop, and an error when the listener fails. A server serves once.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- s.grpc.Serve(listener) }()
	s.phase.Store(serving)
	select {
	case err := <-served:
		s.phase.Store(stopping)
		s.streams.end()
		s.calls.end()
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
	if s.streams.len() > 0 {
		within(noticeTime, nil)
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		s.grpc.GracefulStop()
	}()
	end := time.AfterFunc(min(streamTimeout, s.config.DrainTimeout), s.streams.end)
	defer end.Stop()
	if !within(s.config.DrainTimeout, drained) {
		logger.Warn("ending the calls that are still running")
		s.calls.end()
		if !within(abortTimeout, drained) {
			s.grpc.Stop()
			<-drained
		}
	}
	s.streams.end()
	s.calls.end()
	logger.Info("stopped")
}

// within reports whether done closes before the time is over.
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
