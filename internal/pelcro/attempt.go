package pelcro

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
)

var (
	errTimeLimit   = errors.New("the time limit for Pelcro passed")
	errTooLarge    = fmt.Errorf("the body is larger than %d bytes", MaxBody)
	errManyValues  = fmt.Errorf("the body has more than %d JSON values", maxValues)
	errUndecodable = errors.New("the body cannot be decompressed")
	errAfterGzip   = errors.New("other bytes follow the gzip stream")
)

// attempt makes one attempt, which metrics, trace and stats record. A failure is not nil exactly if
// the outcome is not Success.
func (c *Client) attempt(ctx context.Context, call *call, taken slot) (*Response, *Error) {
	call.attempts++
	*call.stats.attempts++
	traced, span := c.tracing.start(ctx, call)
	begin := time.Now()
	limited, stop := context.WithCancelCause(traced)
	defer stop(nil)
	guard := &sendGuard{stop: stop}

	defer taken.end() //nolint:contextcheck // also after a panic, and when the call has ended
	response, err := c.send(limited, call, guard)
	outcome := outcomeOf(ctx, limited, guard, response, err)
	c.reportAttempt(call, taken, guard.maySent(), response) //nolint:contextcheck // also when the call has ended
	call.sent = call.sent || guard.maySent()
	if response != nil && outcome != Success {
		response.Release() // what is kept is small
	}
	if response != nil && isSuccess(response.StatusCode) && outcome != Success && outcome != BadResponse {
		response = nil // what the status announced did not arrive
	}

	status := 0
	if response != nil {
		status = response.StatusCode
		*call.stats.statusCode = status
	}
	c.metrics.attempted(call, outcome, time.Since(begin), response)
	endSpan(span, status, outcome)
	if outcome == Success {
		c.recordKeyAccepted(response)
		return response, nil
	}
	if cause := context.Cause(limited); err != nil && cause != nil {
		err = cause // why the attempt was ended, instead of what that made fail
	}
	return nil, &Error{Call: call.name(), Outcome: outcome, Response: response, Sent: call.sent, Err: err}
}

// send sends the request and reads the response. The error is nil for a response that was read as
// far as it should be; with a response it says why its body was not.
func (c *Client) send(ctx context.Context, call *call, guard *sendGuard) (*Response, error) {
	headers, body := c.timeLimits(call)
	timer := time.AfterFunc(min(headers, time.Until(call.deadline)), func() { guard.stop(errTimeLimit) })
	defer timer.Stop()
	httpRequest := call.request.Clone(httptrace.WithClientTrace(ctx, guard.trace()))
	guard.rewindOnce(httpRequest)
	c.tracing.inject(ctx, httpRequest.Header)
	// The round trip alone, without an http.Client, so that no redirect can be followed.
	received, err := c.config.Transport.RoundTrip(httpRequest)
	if err != nil {
		return nil, err
	}
	defer received.Body.Close()
	c.responses.Add(1)
	if body > 0 {
		timer.Reset(min(body, time.Until(call.deadline)))
	}
	response := &Response{
		StatusCode: received.StatusCode, Header: received.Header,
		call: call.name(), credential: call.credential,
		share: &bodyShare{budget: c.bodies},
	}
	if received.StatusCode == http.StatusSwitchingProtocols {
		return response, nil // its body is the connection itself, and no time limit would end the reading
	}
	return response, response.read(ctx, received)
}

// timeLimits returns how long the headers of a response may take, and the body after them; 0 means
// that the limit of the headers covers the body, too. A server that stops half-way is noticed
// before the whole time is spent. A create has all of it for both, because its outcome is worth
// waiting for.
func (c *Client) timeLimits(call *call) (headers, body time.Duration) {
	if call.retry == retryNever {
		return c.config.Timeout, 0
	}
	return c.config.Timeout * 2 / 3, c.config.Timeout / 3
}

// read reads the body, up to the limit of its kind.
func (r *Response) read(ctx context.Context, from *http.Response) error {
	limit := MaxErrorBody
	if isSuccess(r.StatusCode) {
		limit = MaxBody
	}
	body, err := readBody(from, limit+1, func() error { return r.share.take(ctx, sizeOf(from)) })
	beyond := len(body) > limit
	r.Incomplete = err != nil || beyond
	switch {
	case !isSuccess(r.StatusCode):
		r.Body = body[:min(len(body), limit)]
		return err
	case beyond:
		r.tooLarge(body)
		return errTooLarge
	case err != nil:
		return err // a truncated success is discarded
	}
	document, _ := rawjson.Parse(body) // what is not JSON has no members
	if document.Count() > maxValues {
		r.tooLarge(body)
		return errManyValues
	}
	r.Body, r.JSON = body, document
	return nil
}

// tooLarge keeps the beginning of the body only, as a copy that does not hold the rest in memory.
func (r *Response) tooLarge(body []byte) {
	r.TooLarge, r.Incomplete = true, true
	r.Body = bytes.Clone(body[:min(len(body), startKept)])
}

// readBody returns at most so many bytes of the body, decompressed; take is called before a large
// body is read. The error of a body that HTTP
// delivered whole is errUndecodable; any other is about its delivery.
func readBody(from *http.Response, most int, take func() error) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(&shareReader{Reader: from.Body, take: take}, int64(most)))
	if !strings.EqualFold(from.Header.Get("Content-Encoding"), "gzip") {
		return body, err
	}
	plain, unzipErr := unzip(body, most, take)
	unframed := from.ContentLength < 0 && len(from.TransferEncoding) == 0
	switch {
	case err != nil || unzipErr == nil:
		return plain, err
	case unframed && errors.Is(unzipErr, io.ErrUnexpectedEOF):
		return plain, unzipErr // only the gzip stream itself says where it ends, so it was cut
	}
	return plain, fmt.Errorf("%w: %w", errUndecodable, unzipErr)
}

// unzip decompresses one or several gzip streams (RFC 1952, section 2.2), up to so many bytes. Any
// other bytes after a stream are an error, whatever their number.
func unzip(zipped []byte, most int, take func() error) (plain []byte, err error) {
	from, stream := bytes.NewReader(zipped), new(gzip.Reader)
	unzipped := &shareReader{Reader: stream, take: take}
	for from.Len() > 0 && len(plain) < most {
		isFirst := from.Len() == len(zipped)
		switch err = stream.Reset(from); {
		case err != nil && isFirst:
			return nil, err
		case err != nil:
			return plain, errAfterGzip
		}
		stream.Multistream(false)
		part, err := io.ReadAll(io.LimitReader(unzipped, int64(most-len(plain))))
		plain = append(plain, part...)
		if err != nil {
			return plain, err
		}
	}
	return plain, nil
}
