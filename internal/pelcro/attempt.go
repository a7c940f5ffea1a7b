package pelcro

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
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
// record of the call holds.
func (c *Client) attempt(ctx context.Context, deadline time.Time, r request) (*Error, error) {
	exchange := exchangeOf(ctx)
	exchange.Attempts++
	traced, span := c.tracing.start(ctx, r, exchange.Attempts)
	begin := time.Now()
	used := c.credentialFor(ctx)
	received, err := c.send(traced, deadline, r, used)
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
func (c *Client) send(ctx context.Context, deadline time.Time, r request, shown *credential) (*Error, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	timer := time.AfterFunc(min(c.headerTimeout(r), time.Until(deadline)), func() { stop(errTimeLimit) })
	defer timer.Stop()
	way := sending{stop: stop}
	req, err := c.newRequest(httptrace.WithClientTrace(ctx, way.trace()), r, shown, &way)
	if err != nil {
		return nil, fmt.Errorf("pelcro: %s: building the request: %w", r.call, err)
	}
	// The round trip alone, without an http.Client, so that no redirect can be
	// followed.
	resp, err := c.config.Transport.RoundTrip(req)
	if err != nil {
		failed := &Error{Call: r.call, Sent: way.maySent(), Err: causeOf(ctx, err)}
		failed.stale = way.reused.Load() && (ctx.Err() == nil || errors.Is(failed.Err, errSentBefore))
		return nil, failed
	}
	defer resp.Body.Close()
	timer.Reset(min(c.bodyTimeout(), time.Until(deadline)))

	received := &Error{Call: r.call, StatusCode: resp.StatusCode, Header: resp.Header, Sent: true, credential: shown}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		// Its body is the connection itself, and no deadline would end the reading.
		return nil, received
	}
	success := resp.StatusCode >= 200 && resp.StatusCode <= 299
	limit := MaxErrorBody
	if success {
		limit = MaxBody
	}
	body, beyond, err := readBody(resp, limit)
	switch {
	case !success:
		received.BodyIncomplete = err != nil || beyond
		received.Body, received.Err = body, causeOf(ctx, err)
		return nil, received
	case isCorrupt(err):
		received.Unusable, received.BodyIncomplete, received.Err = true, true, err
		return nil, received
	case err != nil:
		// The status alone is no answer: what it announced did not arrive.
		return nil, &Error{Call: r.call, Sent: true, Err: causeOf(ctx, err)}
	case beyond:
		received.TooLarge, received.BodyIncomplete = true, true
		return nil, received
	}
	received.Body = body
	return received, nil
}

// readBody reads a body up to the limit, and reports whether there is more of it. Of a
// success there is nothing then, because it is no use cut off, and putting megabytes
// together would be in vain.
func readBody(resp *http.Response, limit int) (body []byte, beyond bool, err error) {
	if resp.ContentLength > 0 && resp.ContentLength <= int64(limit) {
		body = make([]byte, resp.ContentLength)
		n, err := io.ReadFull(resp.Body, body)
		return body[:n], false, err
	}
	var pieces [][]byte
	var space []byte // of the last piece
	size := 0
	for size <= limit && err == nil {
		if len(space) == 0 {
			space = make([]byte, min(max(firstPiece, size), limit+1-size)) // each one doubles what there is
			pieces = append(pieces, space)
		}
		var n int
		n, err = resp.Body.Read(space)
		space, size = space[n:], size+n
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if beyond = size > limit; beyond && limit == MaxBody {
		return nil, true, err
	}
	return bytes.Join(pieces, nil)[:min(size, limit)], beyond, err
}

// firstPiece is as long as most bodies, in bytes.
const firstPiece = 4 << 10

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
	to := *c.base
	to.Path += r.path
	if to.RawPath != "" {
		to.RawPath += r.path // of digits and letters, the same in both forms
	}
	to.RawQuery = c.rawQuery(r)
	req := &http.Request{
		Method: r.method,
		URL:    &to,
		Host:   to.Host,
		Header: c.header(ctx, shown, r.body != nil),
	}
	if r.body != nil {
		raw, err := r.body.json()
		if err != nil {
			return nil, err
		}
		req.ContentLength = int64(len(raw))
		req.Body = io.NopCloser(bytes.NewReader(raw))
		req.GetBody = func() (io.ReadCloser, error) {
			if way.wasWritten() {
				return nil, errSentBefore
			}
			return io.NopCloser(bytes.NewReader(raw)), nil
		}
	}
	return req.WithContext(ctx), nil
}

// header returns the headers of a request. Those with the client's own key are the
// same for all requests, which net/http does not change ([http.RoundTripper]).
func (c *Client) header(ctx context.Context, shown *credential, withBody bool) http.Header {
	header := shown.header
	if withBody {
		header = shown.bodyHeader
	}
	if header != nil && c.config.Propagator == nil {
		return header
	}
	header = c.newHeader(shown, withBody)
	c.passTraceOn(ctx, header)
	return header
}

func (c *Client) newHeader(shown *credential, withBody bool) http.Header {
	// Without Accept, Laravel answers failures with redirects and pages.
	header := http.Header{"Accept": jsonType, "User-Agent": c.userAgent}
	if shown.authorization != "" {
		header["Authorization"] = []string{shown.authorization}
	}
	if withBody {
		header["Content-Type"] = jsonType
	}
	return header
}

// jsonType is what is sent and asked for; nothing changes it.
var jsonType = []string{"application/json"}

// rawQuery returns the query, which always names the site.
func (c *Client) rawQuery(r request) string {
	siteID := r.siteID
	if siteID == 0 {
		siteID = c.config.SiteID
	}
	site := strconv.FormatInt(int64(siteID), 10)
	if len(r.query) == 0 {
		return "site_id=" + site
	}
	r.query.Set("site_id", site)
	return r.query.Encode()
}
