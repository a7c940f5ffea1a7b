package pelcro

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/semaphore"

	"github.com/pelcro-grpc/pelcro-grpc/internal/quota"
)

// The limits of what is read.
const (
	// MaxBody bounds the body of a success, in bytes after decompression: a hundred customers with
	// all relations are far below it.
	MaxBody = 4 << 20
	// MaxErrorBody is how many bytes of the body of an error are kept: Laravel's debug pages are just
	// below it.
	MaxErrorBody = 256 << 10
	// maxValues bounds the JSON values in a success: each takes far more memory, once decoded, than
	// the few bytes that it may have in the body.
	maxValues = 200_000
	// startKept is how many bytes of a too large success are kept: its beginning shows whose it is.
	startKept = 1 << 10
)

// maxURL bounds the URL of a request, in bytes: usual servers and proxies reject longer ones, and
// PHP drops query parameters beyond a thousand.
const maxURL = 8 << 10

// ErrURLTooLong is the error of a call whose URL is larger than 8 KiB. Nothing was sent.
var ErrURLTooLong = fmt.Errorf("pelcro: the URL is longer than %d bytes", maxURL)

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
	// Language is the Accept-Language of each request; empty for none, because it may set the language
	// of a customer.
	Language string
	// Timeout bounds a call, with all its attempts; zero means [DefaultTimeout].
	Timeout time.Duration
	// Retries is how many more attempts a call has that may be retried; zero for none.
	Retries int
	// CircuitBreaker stops calling a Pelcro that keeps failing.
	CircuitBreaker bool
	// OpenQuota returns the quota of the account with a credential, of which it gets a hash; nil for no
	// quotas. The client closes it.
	OpenQuota func(credential [sha256.Size]byte) *quota.Quota
	// MaxIdleConnections is how many idle connections are kept, for bursts of calls. Zero means 100.
	MaxIdleConnections int
	// Transport replaces the one of [NewTransport].
	Transport http.RoundTripper
	// Metrics is where the client registers its metrics; nil for none.
	Metrics prometheus.Registerer
	// Traces gets a span for each attempt; nil for none.
	Traces trace.TracerProvider
	// Propagator writes the trace into the requests; nil keeps it from Pelcro.
	Propagator propagation.TextMapPropagator
}

// Client calls Pelcro. It is safe for concurrent use.
type Client struct {
	config  Config
	budget  *budget
	breaker *breaker // nil: off
	metrics *metrics
	tracing tracing
	reads   reads
	quotas  quotas
	// stopping ends when no call may wait for the quota any longer.
	stopping    context.Context //nolint:containedctx // it lives as long as the client
	stopWaiting context.CancelFunc
	// credential holds the API key.
	credential atomic.Pointer[credential]
	// bodies is the budget of [Response.Release], in bytes.
	bodies *semaphore.Weighted
	// responses counts the responses whose headers arrived.
	responses atomic.Int64
	// knownLimit is the limit of the account, 0 if it is unknown. The channels wake FollowAccount.
	knownLimit                    atomic.Int64
	keyChanged, limitContradicted chan struct{}
	// circuitChanged is called when the breaker opens and closes, keyStatusChanged when Pelcro
	// rejects the key and accepts it again.
	circuitChanged, keyStatusChanged func(bool)
	recordingKeyStatus               sync.Mutex // held while keyStatusChanged is called
}

// New returns a client.
func New(config Config) *Client {
	if config.Transport == nil {
		transport := NewTransport()
		transport.MaxIdleConns = cmp.Or(config.MaxIdleConnections, maxIdle)
		transport.MaxIdleConnsPerHost = transport.MaxIdleConns
		config.Transport = transport
	}
	config.Timeout = cmp.Or(config.Timeout, DefaultTimeout)
	if config.Metrics == nil {
		config.Metrics = prometheus.NewRegistry() // nothing reads it
	}
	c := &Client{
		config: config, budget: newBudget(), tracing: newTracing(config), bodies: semaphore.NewWeighted(bodyBudget),
		reads:          reads{lanes: map[readKey]*lane{}},
		quotas:         quotas{open: config.OpenQuota, known: map[[sha256.Size]byte]*knownQuota{}},
		circuitChanged: func(bool) {}, keyStatusChanged: func(bool) {},
	}
	c.keyChanged, c.limitContradicted = make(chan struct{}, 1), make(chan struct{}, 1)
	c.stopping, c.stopWaiting = context.WithCancel(context.Background())
	c.credential.Store(newCredential("", ""))
	if !config.APIKey.IsZero() {
		c.SetAPIKey(config.APIKey)
	}
	if config.CircuitBreaker {
		c.breaker = newBreaker(func(closed bool) { c.circuitChanged(closed) })
	}
	c.metrics = newMetrics(config.Metrics, c.breaker)
	return c
}

// OnCircuitChange has f called when the circuit breaker opens and when it closes again. It must be
// called before the first call.
func (c *Client) OnCircuitChange(f func(closed bool)) { c.circuitChanged = f }

// Close closes the idle connections, and ends the calls that wait for the quota.
func (c *Client) Close() {
	c.stopWaiting()
	c.quotas.close()
	if t, ok := c.config.Transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// request is what is asked of Pelcro.
type request struct {
	*endpoint

	siteID int32
	id     int64          // of the customer, 0 for none
	query  url.Values     // nil for none
	body   map[string]any // nil for none
}

// call is one call of Pelcro, with all its attempts.
type call struct {
	*endpoint

	request    *http.Request // cloned for each attempt
	address    string        // the URL of the request
	credential *credential
	caller     Caller
	quota      *quota.Quota // nil: none
	deadline   time.Time    // the end of the time limit
	stats      *callStats
	attempts   int
	// responsesBefore is how many responses had arrived, for all calls, when the attempts began.
	responsesBefore int64
	began           time.Time // of the attempts, waits for the quota not counted
	sent            bool      // an attempt may have reached Pelcro
}

// newCall prepares a call. The error is [ErrURLTooLong], or a body that is not JSON.
func (c *Client) newCall(ctx context.Context, r request) (*call, error) {
	to := c.config.BaseURL.JoinPath(strings.Replace(r.template, "{id}", strconv.FormatInt(r.id, 10), 1))
	query := url.Values{"site_id": {strconv.FormatInt(int64(c.SiteID(r.siteID)), 10)}}
	maps.Copy(query, r.query)
	to.RawQuery = query.Encode()
	address := to.String()
	if len(address) > maxURL {
		return nil, ErrURLTooLong
	}
	var body io.Reader
	if r.body != nil {
		raw, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("pelcro: %s: building the request: %w", r.name(), err)
		}
		body = bytes.NewReader(raw)
	}
	httpRequest, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, fmt.Errorf("pelcro: %s: building the request: %w", r.name(), err)
	}
	used := c.credentialFor(ctx)
	header := httpRequest.Header
	header.Set("Accept", "application/json") // without it Laravel responds to failures with redirects and HTML
	header.Set("Accept-Encoding", "gzip")
	header.Set("User-Agent", c.config.UserAgent)
	if c.config.Language != "" {
		header.Set("Accept-Language", c.config.Language)
	}
	if used.authorization != "" {
		header.Set("Authorization", used.authorization)
	}
	if body != nil {
		header.Set("Content-Type", "application/json")
	}
	return &call{
		endpoint:   r.endpoint,
		request:    httpRequest,
		address:    address,
		credential: used,
		caller:     callerOf(ctx),
		stats:      statsOf(ctx),
	}, nil
}

// callStats is what a call took, for the log of the caller of this package.
type callStats struct{ attempts, statusCode *int }

type callStatsKey struct{}

// WithCallStats returns a context whose call counts in attempts the requests that were sent, or tried
// to be, and puts the status of the last response into statusCode; an attempt without a response
// leaves that as it is. Neither must be read before the call has returned.
func WithCallStats(ctx context.Context, attempts, statusCode *int) context.Context {
	return context.WithValue(ctx, callStatsKey{}, &callStats{attempts, statusCode})
}

func statsOf(ctx context.Context) *callStats {
	if stats, ok := ctx.Value(callStatsKey{}).(*callStats); ok {
		return stats
	}
	return &callStats{new(int), new(int)}
}
