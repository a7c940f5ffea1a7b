package pelcro

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
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

const (
	dialTimeout         = 10 * time.Second
	tlsHandshakeTimeout = 10 * time.Second
	idleTimeout         = 90 * time.Second
	// pingAfter and pingTimeout find an HTTP/2 connection that died silently: all
	// calls share it, and their time limits end the calls, not the connection.
	pingAfter   = 15 * time.Second
	pingTimeout = 5 * time.Second
	// maxIdle keeps as many connections as a busy service uses at once, so that
	// calls do not pay for handshakes.
	maxIdle = 256
)

// Config is what a [Client] needs.
type Config struct {
	// BaseURL is the API's root, from [ParseBaseURL].
	BaseURL *url.URL
	// APIKey is the bearer key.
	APIKey string
	// SiteID is the site of calls that do not name one.
	SiteID int32
	// UserAgent is sent with each request.
	UserAgent string
	// Transport replaces the one of [NewTransport].
	Transport http.RoundTripper
}

// Client calls Pelcro. It is safe for concurrent use.
type Client struct {
	config Config
	base   string
}

// New returns a client.
func New(config Config) *Client {
	if config.Transport == nil {
		config.Transport = NewTransport()
	}
	return &Client{config: config, base: strings.TrimSuffix(config.BaseURL.String(), "/") + "/"}
}

// Close closes the idle connections.
func (c *Client) Close() {
	if t, ok := c.config.Transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// NewTransport returns the transport that a client uses by itself: TLS 1.2 or
// later, HTTP/2 where Pelcro offers it, no proxy.
func NewTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  nil, // the environment must not decide who sees the key
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:    tlsHandshakeTimeout,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
	}
}

// ParseBaseURL reads the address of the API, for example
// https://www.pelcro.com/api/v1/core. Plain http is for loopback only, since it
// shows the key to the network; user, query and fragment have no meaning here.
// The error says what to do instead.
func ParseBaseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		// The parser's error repeats the address, which may hold a password.
		return nil, errors.New("is no URL; use one like https://www.pelcro.com/api/v1/core")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return nil, errors.New("must begin with https:// and name a host, for example https://www.pelcro.com/api/v1/core")
	case u.User != nil:
		return nil, errors.New("must not hold a user or password; the key has a setting of its own")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("must not hold a query or fragment; end it after the path")
	case !isPort(u.Port()):
		return nil, errors.New("names a port that does not exist; ports go from 1 to 65535")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, errors.New("would show the API key to the network; use https:// (http:// is for loopback only)")
	}
	return u, nil
}

// isPort reports whether s is a port or, for the scheme's own, empty.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return s == "" || err == nil && n > 0
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// Reply is a success.
type Reply struct {
	// Data is the JSON under "data".
	Data json.RawMessage
	// Meta is the JSON under "meta", which lists have; nil if absent.
	Meta json.RawMessage

	received Error
}

// Unusable returns the error of a success whose content is no use, for the
// reason given.
func (r *Reply) Unusable(cause error) *Error {
	e := r.received
	e.Unusable = true
	e.Err = cause
	return &e
}

// request is one call.
type request struct {
	method   string
	template string // for logs: the path without values
	path     string
	siteID   int32
	query    url.Values
	body     any // marshalled as JSON; nil for none
}

// do makes the call. The reply's "data" is there and not null.
func (c *Client) do(ctx context.Context, r request) (*Reply, error) {
	received, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	reply := &Reply{received: *received}
	var envelope struct {
		Data json.RawMessage `json:"data"`
		Meta json.RawMessage `json:"meta"`
	}
	if err := json.Unmarshal(received.Body, &envelope); err != nil {
		return nil, reply.clipped().Unusable(err)
	}
	if len(envelope.Data) == 0 || string(envelope.Data) == "null" {
		return nil, reply.clipped().Unusable(errors.New("there is no data"))
	}
	reply.Data, reply.Meta = envelope.Data, envelope.Meta
	return reply.clipped(), nil
}

// clipped bounds what an [Error] made of the reply would keep.
func (r *Reply) clipped() *Reply {
	if len(r.received.Body) > MaxErrorBody {
		r.received.Body, r.received.BodyIncomplete = r.received.Body[:MaxErrorBody], true
	}
	return r
}

// send makes the call and reads the reply. A success comes back with its whole
// body, as an Error that is none yet.
func (c *Client) send(ctx context.Context, r request) (*Error, error) {
	call := r.method + " " + r.template
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	way := sending{stop: stop}
	req, err := c.newRequest(httptrace.WithClientTrace(ctx, way.trace()), r)
	if err != nil {
		return nil, fmt.Errorf("pelcro: %s: building the request: %w", call, err)
	}
	// The round trip alone, without an http.Client, so that no redirect can be
	// followed.
	resp, err := c.config.Transport.RoundTrip(req)
	if err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, errSentTooOften) {
			err = cause
		}
		return nil, &Error{Call: call, Sent: way.maySent(), Err: err}
	}
	defer resp.Body.Close()

	received := &Error{Call: call, StatusCode: resp.StatusCode, Header: resp.Header, Sent: true}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		// Its body is the connection itself, and no deadline would end the reading.
		return nil, received
	}
	success := resp.StatusCode >= 200 && resp.StatusCode <= 299
	limit := MaxErrorBody
	if success {
		limit = MaxBody
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(limit)+1))
	switch {
	case !success:
		received.BodyIncomplete = err != nil || len(body) > limit
		received.Body, received.Err = body[:min(len(body), limit)], err
		return nil, received
	case err != nil:
		// The status alone is no answer: what it announced did not arrive.
		return nil, &Error{Call: call, Sent: true, Err: err}
	case len(body) > limit:
		received.TooLarge, received.BodyIncomplete = true, true
		return nil, received
	}
	received.Body = body
	return received, nil
}

func (c *Client) newRequest(ctx context.Context, r request) (*http.Request, error) {
	query := url.Values{}
	if r.query != nil {
		query = r.query
	}
	siteID := r.siteID
	if siteID == 0 {
		siteID = c.config.SiteID
	}
	query.Set("site_id", strconv.FormatInt(int64(siteID), 10))

	var body io.Reader
	if r.body != nil {
		raw, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path+"?"+query.Encode(), body)
	if err != nil {
		return nil, err
	}
	// What has a body goes out once: without GetBody net/http cannot send it again.
	// Over HTTP/2 it would, after resets that say nothing of what Pelcro did.
	req.GetBody = nil
	// Without it Laravel answers failures with redirects and pages.
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+c.config.APIKey)
	req.Header.Set("User-Agent", c.config.UserAgent)
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}
