package server

import (
	"context"
	"errors"
	"log/slog"
	"net/textproto"
	"regexp"
	"strings"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/selector"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// traffic selects calls and says at what level their success is logged.
type traffic struct {
	matches func(service string) bool
	success slog.Level
}

var (
	// Probes come every few seconds and would drown everything else.
	healthChecks = traffic{
		func(service string) bool { return service == healthpb.Health_ServiceDesc.ServiceName },
		slog.LevelDebug,
	}
	everythingElse = traffic{
		func(service string) bool { return service != healthpb.Health_ServiceDesc.ServiceName },
		slog.LevelInfo,
	}
)

func (t traffic) matcher() selector.Matcher {
	return selector.MatchFunc(func(_ context.Context, meta interceptors.CallMeta) bool { return t.matches(meta.Service) })
}

// logUnary and logStream write one line for each call that is of the traffic.
func logUnary(logger *slog.Logger, t traffic) grpc.UnaryServerInterceptor {
	return selector.UnaryServerInterceptor(logging.UnaryServerInterceptor(lines(logger, t), logOptions...), t.matcher())
}

func logStream(logger *slog.Logger, t traffic) grpc.StreamServerInterceptor {
	return selector.StreamServerInterceptor(logging.StreamServerInterceptor(lines(logger, t), logOptions...), t.matcher())
}

// logOptions: one line, at the end. Payloads are never logged; the status text is
// dropped because Pelcro's texts may hold what the caller sent.
var logOptions = []logging.Option{
	logging.WithLogOnEvents(logging.FinishCall),
	logging.WithDisableLoggingFields(logging.SystemTag[0], logging.ComponentFieldKey, logging.MethodTypeFieldKey),
	logging.WithFieldsFromContext(recordFields),
	logging.WithDurationField(func(d time.Duration) logging.Fields {
		return logging.Fields{"duration_ms", float64(d.Microseconds()) / 1000}
	}),
}

func lines(logger *slog.Logger, t traffic) logging.Logger {
	return logging.LoggerFunc(func(ctx context.Context, _ logging.Level, message string, fields ...any) {
		level := t.success
		if isServerFault(callOf(ctx)) {
			level = slog.LevelError
		}
		if !logger.Enabled(ctx, level) {
			return
		}
		kept := logging.Fields(fields)
		kept.Delete("grpc.error")
		if callOf(ctx).unknown {
			kept.Delete(logging.ServiceFieldKey)
			kept.Delete(logging.MethodFieldKey)
			kept = append(kept, logging.ServiceFieldKey, unknownMethod, logging.MethodFieldKey, unknownMethod)
		}
		logger.Log(ctx, level, message, kept...)
	})
}

// recordFields are the fields of the call's record.
func recordFields(ctx context.Context) logging.Fields {
	c := callOf(ctx)
	fields := logging.Fields{"request_id", c.requestID}
	if c.caller != "" {
		fields = append(fields, "caller", c.caller)
	}
	if id := traceID(ctx); id != "" {
		fields = append(fields, "trace_id", id)
	}
	if c.upstream.Attempts > 0 {
		fields = append(fields, "upstream_attempts", c.upstream.Attempts)
	}
	if c.upstream.StatusCode != 0 {
		fields = append(fields, "http_status", c.upstream.StatusCode)
	}
	if c.result.OK() {
		return fields
	}
	fields = append(fields, "reason", c.result.Reason().String())
	if outcome := c.result.Outcome(); outcome != "" {
		fields = append(fields, "outcome", string(outcome))
	}
	if text := c.result.PrivateText(); text != "" {
		fields = append(fields, "upstream_text", withoutPersonalData(text))
	}
	if c.cause != nil {
		fields = append(fields, "cause", causeText(c.cause))
	}
	return fields
}

var (
	// quoted is a text as %q prints it. Error texts quote what came from outside: a
	// line of the upstream that is no HTTP, or a metadata key of the request.
	quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	// emailAddress is roughly that: rather a word too much than an address.
	emailAddress = regexp.MustCompile(`[^\s"'<>(),;:=]+@[^\s"'<>(),;:=]+`)
	// longNumber is a number as long as those of cards and accounts, in groups or not.
	longNumber = regexp.MustCompile(`\d(?:[ -]?\d){11,}`)
)

// withoutPersonalData removes e-mail addresses and the numbers of cards, which
// Pelcro's texts may repeat.
func withoutPersonalData(text string) string {
	return longNumber.ReplaceAllString(emailAddress.ReplaceAllString(text, "…"), "…")
}

// causeText is the text of a cause without what others wrote, which may be
// personal data. Host names stay: the operator needs them.
func causeText(cause error) string {
	text := cause.Error()
	if _, panicked := errors.AsType[panicError](cause); panicked {
		return bounded(text) // holds no values, and paths with @ in them
	}
	// Some of these hold a header line, unquoted.
	if malformed, ok := errors.AsType[textproto.ProtocolError](cause); ok {
		kind, _, _ := strings.Cut(string(malformed), ": ")
		text = strings.Replace(text, string(malformed), kind, 1)
	}
	return bounded(withoutPersonalData(quoted.ReplaceAllString(text, `"…"`)))
}

// bounded cuts a text to what a log line can take, in bytes: a stack fits.
func bounded(text string) string {
	const most = 8 << 10
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
