package pelcro

import "context"

// CallStats is what a call took, for the log.
type CallStats struct {
	// Attempts counts the requests that were sent, or tried to be.
	Attempts int
	// StatusCode is the status of the last response, 0 if there was none. An attempt without a
	// response leaves it as it is.
	StatusCode int
}

type callStatsKey struct{}

// WithCallStats returns a context whose call records its stats there. They must not be read before
// the call has returned.
func WithCallStats(ctx context.Context, stats *CallStats) context.Context {
	return context.WithValue(ctx, callStatsKey{}, stats)
}

// statsOf returns where the call records its stats.
func statsOf(ctx context.Context) *CallStats {
	if stats, ok := ctx.Value(callStatsKey{}).(*CallStats); ok {
		return stats
	}
	return new(CallStats)
}
