package server

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// DrainTimeout is how long a stop waits for running calls: longer than a call of Pelcro may take by
// default, because a create that a stop ends has an unknown outcome.
const DrainTimeout = 40 * time.Second

// MaxRequestTimeout is the longest time that a call of Pelcro may take: [DrainMargin] less than
// calls may continue after their connection has reached its maximum age.
const MaxRequestTimeout = ageGrace - DrainMargin

// DrainMargin is how much longer than a call of Pelcro a call may take: its request is read before,
// and its response is sent after.
const DrainMargin = 10 * time.Second

// DefaultMaxConcurrentCalls is the limit of concurrent calls.
const DefaultMaxConcurrentCalls = 1000

// Config is what a [Server] needs.
type Config struct {
	// Upstream is the client of Pelcro.
	Upstream Upstream
	// Services are the resources.
	Services []Service
	// MaxConcurrentCalls limits the concurrent calls of resources; zero means
	// [DefaultMaxConcurrentCalls]. Those of health and reflection have limits of their own.
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
	// SiteID is the site of requests that do not name one, for callers that may use some sites only.
	SiteID int32
	// ForwardCredentials sends a caller's own authorization to Pelcro instead of the client's key,
	// and rejects calls of resources without one.
	ForwardCredentials bool
	Logger             *slog.Logger
	// Metrics is the registry of the server's metrics; nil for none.
	Metrics prometheus.Registerer
	// Traces gets a span for each call; nil for none.
	Traces trace.TracerProvider
	// readTimeout replaces [readTimeout] in tests.
	readTimeout time.Duration
}

// Service is the gRPC service of a resource.
type Service struct {
	Desc       *grpc.ServiceDesc
	Handler    any
	Operations []mapping.Operation      // its methods, by Name
	ResourceID func(request any) string // id of the resource that a request names, empty for none
}

// Upstream is what the server uses of the client of Pelcro. The server imports neither the client
// nor a resource; customers.Upstream makes one.
type Upstream struct {
	// OnCircuitChange and OnAPIKeyStatus register functions that are called when the circuit breaker
	// opens and closes, and when Pelcro rejects the API key and accepts it again.
	OnCircuitChange func(func(closed bool))
	OnAPIKeyStatus  func(func(accepted bool))
	// WithCallStats returns a context whose call counts its requests in attempts, and puts the status
	// of the last response into statusCode.
	WithCallStats func(ctx context.Context, attempts, statusCode *int) context.Context
	// WithAuthorization returns a context whose call shows Pelcro this authorization instead of the
	// API key of the service.
	WithAuthorization func(ctx context.Context, value string) context.Context
	// WithCaller returns a context whose call competes for Pelcro's quota as one of the caller.
	WithCaller func(ctx context.Context, caller Caller) context.Context
	// Failure describes the error of a failed call; ok is false for any other error.
	Failure func(error) (failure UpstreamFailure, ok bool)
	// RecordKeyRejected records that Pelcro rejected the API key of the call with this error.
	RecordKeyRejected func(error)
}

// UpstreamFailure is a failed call of Pelcro.
type UpstreamFailure struct {
	// Response is nil if there was no response; NoResponse then says why, except for the caller's
	// part in it.
	Response   *mapping.Response
	NoResponse mapping.NoResponse
	// CircuitOpen is for how long nothing is sent, because Pelcro keeps failing; 0 if that is not the
	// failure.
	CircuitOpen time.Duration
	// QuotaWait is after how long Pelcro's quota has a place for the call, which is too late for it; 0 if
	// that is not the failure. Quota is the limit of a time window then, 0 if it is unknown.
	QuotaWait time.Duration
	Quota     int64
	// Stopping says that the call waited for the quota when the service began to stop.
	Stopping bool
}
