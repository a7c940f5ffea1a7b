package pelcro

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"time"
)

// errTimeLimit is the time limit of this client, which is not to be confused
// with the caller's: context.DeadlineExceeded says both.
var errTimeLimit error = timeLimitError{}

type timeLimitError struct{}

func (timeLimitError) Error() string { return "the time limit for Pelcro passed" }
func (timeLimitError) Timeout() bool { return true }

// headerTimeout and bodyTimeout are the parts of the time limit within which the
// headers of a reply must arrive, and after them the body: a peer that stops
// half-way is found out before the whole limit is spent. A create gets all of it,
// because its outcome is worth waiting for.
func (c *Client) headerTimeout(r request) time.Duration {
	if r.repeat == never {
		return c.config.Timeout
	}
	return c.config.Timeout * 2 / 3
}

func (c *Client) bodyTimeout() time.Duration { return c.config.Timeout / 3 }

// attempt makes one attempt, which the metrics count, the trace shows and the
// record of the call holds. ctx is the caller's context, limited the one with the
// time limit.
func (c *Client) attempt(ctx, limited context.Context, r request) (*Error, error) {
	exchange := exchangeOf(ctx)
	exchange.Attempts++
	traced, span := c.tracing.start(limited, r, exchange.Attempts)
	begin := time.Now()
	used := c.credentialFor(ctx)
	received, err := c.send(traced, r, used)
	reply := replyOf(received, err)
	c.judge(used, reply.StatusCode)
	end := endingOf(ctx, reply)
	c.metrics.attempted(r.endpoint, exchange.Attempts, end, time.Since(begin), reply.Header)
	endSpan(span, reply.StatusCode, end)
	exchange.answered(reply.StatusCode)
	return received, err
}

// send sends the request and reads the reply. A success comes back with its whole
// body, as an Error that is none yet.
func (c *Client) send(ctx context.Context, r request, shown *credential) (*Error, error) {
	call := r.call()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	timer := time.AfterFunc(c.headerTimeout(r), func() { stop(errTimeLimit) })
	defer timer.Stop()
	way := sending{stop: stop}
	req, err := c.newRequest(httptrace.WithClientTrace(ctx, way.trace()), r, shown, &way)
	if err != nil {
		return nil, fmt.Errorf("pelcro: %s: building the request: %w", call, err)
	}
	// The round trip alone, without an http.Client, so that no redirect can be
	// followed.
	resp, err := c.config.Transport.RoundTrip(req)
	if err != nil {
		failed := &Error{Call: call, Sent: way.maySent(), Err: causeOf(ctx, err)}
		failed.stale = way.reused.Load() && (ctx.Err() == nil || errors.Is(failed.Err, errSentBefore))
		return nil, failed
	}
	defer resp.Body.Close()
	timer.Reset(c.bodyTimeout())

	received := &Error{Call: call, StatusCode: resp.StatusCode, Header: resp.Header, Sent: true, credential: shown}
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
		received.Body, received.Err = body[:min(len(body), limit)], causeOf(ctx, err)
		return nil, received
	case isCorrupt(err):
		received.Unusable, received.BodyIncomplete, received.Err = true, true, err
		return nil, received
	case err != nil:
		// The status alone is no answer: what it announced did not arrive.
		return nil, &Error{Call: call, Sent: true, Err: causeOf(ctx, err)}
	case len(body) > limit:
		received.TooLarge, received.BodyIncomplete = true, true
		return nil, received
	}
	received.Body = body
	return received, nil
}

// isCorrupt reports whether a body arrived that cannot be decompressed, as opposed
// to one that did not arrive.
func isCorrupt(err error) bool {
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	return corrupt || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum)
}

// causeOf returns why ctx ended, if it did, instead of what that made fail.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

func (c *Client) newRequest(ctx context.Context, r request, shown *credential, way *sending) (*http.Request, error) {
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
	if rewind := req.GetBody; rewind != nil {
		req.GetBody = func() (io.ReadCloser, error) {
			if way.wasWritten() {
				return nil, errSentBefore
			}
			return rewind()
		}
	}
	// Without it Laravel answers failures with redirects and pages.
	req.Header.Set("Accept", "application/json")
	if shown.authorization != "" {
		req.Header.Set("Authorization", shown.authorization)
	}
	req.Header.Set("User-Agent", c.config.UserAgent)
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	c.passTraceOn(ctx, req.Header)
	return req, nil
}
