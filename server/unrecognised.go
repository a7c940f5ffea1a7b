package server

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// sampleInterval is how often the log gets a sample of what is unknown in responses, for each kind: a
// change of Pelcro's API is in every response.
const sampleInterval = time.Minute

// sampleLimit limits the samples.
type sampleLimit struct {
	mu   sync.Mutex
	last map[mapping.UnrecognisedKind]time.Time
}

// allow reports whether a sample of the kind may be written now.
func (l *sampleLimit) allow(kind mapping.UnrecognisedKind, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, found := l.last[kind]; found && now.Sub(last) < sampleInterval {
		return false
	}
	if l.last == nil {
		l.last = map[mapping.UnrecognisedKind]time.Time{}
	}
	l.last[kind] = now
	return true
}

// reportUnrecognised counts what is unknown in the last response of Pelcro to a call that has ended,
// and logs a sample. Neither holds a value of the response.
func (s *Server) reportUnrecognised(ctx context.Context, resp any) {
	r := rpcOf(ctx)
	found := r.result.Unrecognised()
	if r.result.OK() && r.attempts > 0 {
		message, _ := resp.(proto.Message)
		found = mapping.UnrecognisedInSuccess(r.statusCode, r.responseHeader, message)
	}
	for _, u := range found {
		s.metrics.unrecognised.WithLabelValues(string(u.Kind)).Inc()
		if !s.samples.allow(u.Kind, time.Now()) {
			continue
		}
		r.method.logger.LogAttrs(ctx, slog.LevelWarn, "unknown in a response of Pelcro",
			slog.String("kind", string(u.Kind)),
			slog.String("names", strings.Join(u.Names, " ")),
			slog.Int("http_status", u.StatusCode),
			slog.String("content_type", u.ContentType),
			slog.String("request_id", r.requestID))
	}
}
