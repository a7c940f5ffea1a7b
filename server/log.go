package server

import (
	"context"
	"errors"
	"log/slog"
	"net/textproto"
	"regexp"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// logCall writes one line for a call that has ended. Payloads are never logged, and
// neither is the status text: Pelcro's texts may hold what the caller sent. What is
// not written costs nothing.
func (s *Server) logCall(ctx context.Context, c *call, took time.Duration) {
	level := slog.LevelInfo
	switch {
	case isServerFault(c):
		level = slog.LevelError
	case c.method.isHealth(): // probes come every few seconds and would drown everything else
		level = slog.LevelDebug
	}
	if !c.method.lines.Enabled(ctx, level) {
		return
	}
	var room [16]slog.Attr
	attrs := append(room[:0], slog.String("request_id", c.requestID))
	attrs = c.describeTo(ctx, attrs, c.result.Code(), took)
	if id := traceID(ctx, c); id != "" {
		attrs = append(attrs, slog.String("trace_id", id))
	}
	if c.caller != "" {
		attrs = append(attrs, slog.String("caller", c.caller))
	}
	if c.upstream.Attempts > 0 {
		attrs = append(attrs, slog.Int("upstream_attempts", c.upstream.Attempts))
	}
	if c.upstream.StatusCode != 0 {
		attrs = append(attrs, slog.Int("http_status", c.upstream.StatusCode))
	}
	if !c.result.OK() {
		attrs = append(attrs, slog.String("reason", c.result.Reason().String()))
		if outcome := c.result.Outcome(); outcome != "" {
			attrs = append(attrs, slog.String("outcome", string(outcome)))
		}
		if text := c.result.PrivateText(); text != "" {
			attrs = append(attrs, slog.String("upstream_text", withoutPersonalData(text)))
		}
		if !isRefusal(c.cause) {
			attrs = append(attrs, slog.String("cause", causeText(c.cause)))
		}
	}
	c.method.log(ctx, level, "finished call", attrs)
}

// log writes a line. A slog.Logger would look up the line of code first, which is no
// use here.
func (m *method) log(ctx context.Context, level slog.Level, message string, attrs []slog.Attr) {
	record := slog.NewRecord(time.Now(), level, message, 0)
	record.AddAttrs(attrs...)
	_ = m.lines.Handle(ctx, record) // as a Logger does
}

// isRefusal reports whether the cause is no more than Pelcro's own no, of which the
// line says everything already.
func isRefusal(cause error) bool {
	failed, ok := errors.AsType[*pelcro.Error](cause)
	return ok && failed.Err == nil && failed.Response != nil && failed.Response.StatusCode >= 400 && failed.Response.StatusCode <= 499
}

// describeTo appends what is known of any call.
func (c *call) describeTo(ctx context.Context, attrs []slog.Attr, code codes.Code, took time.Duration) []slog.Attr {
	attrs = append(attrs,
		slog.String("grpc.code", code.String()),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
	)
	if p, ok := peer.FromContext(ctx); ok {
		attrs = append(attrs, slog.String("peer.address", p.Addr.String()))
	}
	return attrs
}

var (
	// quoted is a text as %q prints it. Error texts quote what came from outside: a
	// line of the upstream that is no HTTP, or a metadata key of the request.
	quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	// emailAddress is roughly that: rather a word too much than an address.
	emailAddress = regexp.MustCompile(`[^\s"'<>(),;:=]+(?:@|%40)[^\s"'<>(),;:=]+`)
	// longNumber is a number as long as those of cards and accounts, in groups or not:
	// of minLongNumber digits.
	longNumber = regexp.MustCompile(`\d(?:[ -]?\d){11,}`)
)

const minLongNumber = 12

// withoutPersonalData removes e-mail addresses and the numbers of cards, which
// Pelcro's texts may repeat.
func withoutPersonalData(text string) string {
	if strings.Contains(text, "@") || strings.Contains(text, "%40") {
		text = emailAddress.ReplaceAllString(text, "…")
	}
	digits := 0
	for i := range len(text) {
		if text[i] >= '0' && text[i] <= '9' {
			digits++
		}
	}
	if digits >= minLongNumber {
		text = longNumber.ReplaceAllString(text, "…")
	}
	return text
}

// causeText is the text of a cause without what others wrote, which may be
// personal data. Host names stay: the operator needs them.
func causeText(cause error) string {
	text := cause.Error()
	if _, panicked := errors.AsType[panicError](cause); panicked {
		return cut(text, maxText) // holds no values, and paths with @ in them
	}
	// Some of these hold a header line, unquoted.
	if malformed, ok := errors.AsType[textproto.ProtocolError](cause); ok {
		kind, _, _ := strings.Cut(string(malformed), ": ")
		text = strings.Replace(text, string(malformed), kind, 1)
	}
	if strings.Contains(text, `"`) {
		text = quoted.ReplaceAllString(text, `"…"`)
	}
	return cut(withoutPersonalData(text), maxText)
}

// maxText is how many bytes of a text a log line takes: a stack fits.
const maxText = 8 << 10

// cut cuts a text to so many bytes.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// isServerFault reports whether the failure is one that an operator must see:
// ours, Pelcro's, or one of the configuration. What callers do wrong is theirs.
func isServerFault(c *call) bool {
	switch c.result.Reason() {
	case pelcrov1.ErrorReason_PELCRO_UNAUTHENTICATED:
		return !c.forwarded // the key is the service's own
	case pelcrov1.ErrorReason_PELCRO_METHOD_NOT_ALLOWED, pelcrov1.ErrorReason_PELCRO_ROUTE_NOT_FOUND:
		return true
	case pelcrov1.ErrorReason_GATEWAY_SHUTTING_DOWN: // an operator asked for it
		return false
	}
	switch c.result.Code() {
	case codes.Internal, codes.Unknown, codes.Unavailable:
		return true
	}
	return false
}
