package pelcro

import (
	"context"
	"net/url"
	"time"
)

// RawRequest is a request of a program that examines Pelcro.
type RawRequest struct {
	Method string
	// Template is the path below the base URL; "{id}" in it is replaced by ID.
	Template string
	ID       int64
	// SiteID is the site; 0 means the configured one.
	SiteID int32
	// Query has the parameters beside site_id. A parameter without values is not sent; so site_id can
	// be left out.
	Query url.Values
	Body  map[string]any // nil for none
}

// SendRaw sends a request once, whatever becomes of it: without retries, the circuit breaker and
// the quota, but with the transport, the limits and the outcomes of every other request.
func (c *Client) SendRaw(ctx context.Context, r RawRequest) (*Response, error) {
	call, err := c.newCall(ctx, request{
		endpoint: &endpoint{method: r.Method, template: r.Template, retry: retryNever},
		siteID:   r.SiteID, id: r.ID, query: r.Query, body: r.Body,
	})
	if err != nil {
		return nil, err
	}
	call.deadline, call.began = time.Now().Add(c.config.Timeout), time.Now()
	response, failed := c.attempt(ctx, call, slot{})
	if failed != nil {
		return nil, failed
	}
	return response, nil
}
