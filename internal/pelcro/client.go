package pelcro

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
)

// The limits of what is read.
const (
	// MaxBody is the most of a success, in bytes after decompression: a hundred
	// customers with all relations are far below it.
	MaxBody = 8 << 20
	// MaxErrorBody is the most of an error that is kept, in bytes: Laravel's debug
	// pages are just below it.
	MaxErrorBody = 256 << 10
	// maxHeader bounds the reply's headers, in bytes.
	maxHeader = 64 << 10
)

// DefaultTimeout is the time limit of a call.
const DefaultTimeout = 30 * time.Second

// Config is what a [Client] needs.
type Config struct {
	// BaseURL is the API's root, from [ParseBaseURL].
	BaseURL *url.URL
	// APIKey is the bearer key; none if each call brings its own authorization.
	APIKey Secret
	// SiteID is the site of calls that do not name one.
	SiteID int32
	// UserAgent is sent with each request.
	UserAgent string
	// Timeout bounds a call, with all its attempts; zero means [DefaultTimeout].
	Timeout time.Duration
	// Retries is how many more attempts a call has that may be repeated; zero for
	// none.
	Retries int
	// CircuitBreaker stops calling a Pelcro that keeps failing.
	CircuitBreaker bool
	// MaxIdleConnections is how many connections are kept while nobody uses them: as
	// many as calls run at once, or calls of a crowd pay for handshakes. Zero means 256.
	MaxIdleConnections int
	// Transport replaces the one of [NewTransport].
	Transport http.RoundTripper
	// Metrics is where the client registers its metrics; nil for none.
	Metrics prometheus.Registerer
	// Traces gets a span for each attempt; nil for none.
	Traces trace.TracerProvider
	// Propagator writes the trace into the requests; nil leaves Pelcro unaware.
	Propagator propagation.TextMapPropagator
}

// Client calls Pelcro. It is safe for concurrent use.
type Client struct {
	config    Config
	userAgent []string // the header, shared by all requests
	base      *url.URL // ends with a slash
	budget    *budget
	breaker   *breaker // nil: off
	metrics   *metrics // nil: none
	tracing   tracing
	// credential holds the API key.
	credential atomic.Pointer[credential]
	// circuitChanged is told when the breaker opens and closes, keyVerdict when Pelcro
	// refuses the key and takes it again.
	circuitChanged, keyVerdict func(bool)
	judging                    sync.Mutex // held while keyVerdict is told
}

// New returns a client.
func New(config Config) *Client {
	if config.Transport == nil {
		transport := NewTransport()
		transport.MaxIdleConns = cmp.Or(config.MaxIdleConnections, maxIdle)
		transport.MaxIdleConnsPerHost = transport.MaxIdleConns
		config.Transport = transport
	}
	if config.Timeout == 0 {
		config.Timeout = DefaultTimeout
	}
	c := &Client{
		config:    config,
		base:      withSlash(*config.BaseURL),
		userAgent: []string{config.UserAgent},
		budget:    newBudget(),
	}
	c.credential.Store(&credential{})
	if !config.APIKey.IsZero() {
		c.SetAPIKey(config.APIKey)
	}
	if config.CircuitBreaker {
		c.breaker = newBreaker(func(closed bool) {
			if c.circuitChanged != nil {
				c.circuitChanged(closed)
			}
		})
	}
	c.metrics = newMetrics(config.Metrics, c.breaker)
	c.tracing = newTracing(config.Traces, config.BaseURL)
	return c
}

// withSlash returns the URL with a slash at its end, in both forms of its path.
func withSlash(u url.URL) *url.URL {
	u.Path = strings.TrimSuffix(u.Path, "/") + "/"
	if u.RawPath != "" {
		u.RawPath = strings.TrimSuffix(u.RawPath, "/") + "/"
	}
	return &u
}

// OnCircuitChange has f called when the circuit breaker opens and when it closes
// again. It must be called before the first call.
func (c *Client) OnCircuitChange(f func(closed bool)) { c.circuitChanged = f }

// Close closes the idle connections.
func (c *Client) Close() {
	if t, ok := c.config.Transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Reply is a response with a status of success, received whole. Whether its content is a success,
// too, is for the reader to decide.
type Reply struct {
	// Body is the whole JSON, zero if the body is empty or not JSON.
	Body rawjson.Value
	// Data is the JSON under "data", zero if absent.
	Data rawjson.Value

	received *Error
}

// Response returns the response as it came, for those who decide what it means.
func (r *Reply) Response() *Error { return r.received }

// Unusable returns the error of a success whose content is invalid, for the reason given.
func (r *Reply) Unusable(cause error) *Error {
	e := *r.received
	e.Unusable = true
	e.Err = cause
	return &e
}

// TooLarge returns the error of a success that is larger than can be passed on.
func (r *Reply) TooLarge() *Error {
	e := *r.received
	e.TooLarge = true
	return &e
}

// request is one call.
type request struct {
	*endpoint
	path   string
	siteID int32
	query  url.Values
	body   Attributes // nil for none
}

// do makes the call.
func (c *Client) do(ctx context.Context, r request) (*Reply, error) {
	received, err := c.call(ctx, r)
	if err != nil {
		return nil, err
	}
	body, _ := rawjson.Parse(received.Body) // what is not JSON has no members
	return &Reply{Body: body, Data: body.Member("data"), received: received}, nil
}
