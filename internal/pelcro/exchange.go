package pelcro

import "context"

// Exchange is what happened between this client and Pelcro in one call, for the
// log of the call.
type Exchange struct {
	// Attempts counts the requests that were sent, or tried to be.
	Attempts int
	// StatusCode is the status of the last reply, 0 if none came: an attempt without
	// one does not take away what the attempt before was told.
	StatusCode int
}

// answered notes the status of an attempt, 0 for no reply.
func (e *Exchange) answered(statusCode int) {
	if statusCode != 0 {
		e.StatusCode = statusCode
	}
}

// ExchangeKey is the key under which the context of a call has the *[Exchange] in
// which the call is recorded. It must not be read before the call has returned.
type ExchangeKey struct{}

// withExchange returns a context whose call is recorded: attempts are counted even
// where nobody reads the record.
func withExchange(ctx context.Context) context.Context {
	if exchangeOf(ctx) != nil {
		return ctx
	}
	return context.WithValue(ctx, ExchangeKey{}, new(Exchange))
}

// exchangeOf returns the record of the call, nil for none.
func exchangeOf(ctx context.Context) *Exchange {
	e, _ := ctx.Value(ExchangeKey{}).(*Exchange)
	return e
}
