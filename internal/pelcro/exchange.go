package pelcro

import "context"

// Exchange is what happened between this client and Pelcro in one call, for the
// log of the call.
type Exchange struct {
	// Attempts counts the requests that were sent, or tried to be.
	Attempts int
	// StatusCode is the status of the last reply, 0 if none came.
	StatusCode int
}

type exchangeKey struct{}

// WithExchange returns a context whose call is recorded in e. It must not be read
// before the call has returned.
func WithExchange(ctx context.Context, e *Exchange) context.Context {
	return context.WithValue(ctx, exchangeKey{}, e)
}

// exchangeOf returns the record of the call, one that nobody reads if there is
// none.
func exchangeOf(ctx context.Context) *Exchange {
	if e, ok := ctx.Value(exchangeKey{}).(*Exchange); ok {
		return e
	}
	return new(Exchange)
}
