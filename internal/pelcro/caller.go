package pelcro

import "context"

// Caller is whose call it is, for a fair use of Pelcro's quota.
type Caller struct {
	Name string
	// Share is its weight among other callers; 0 counts as 1.
	Share int
	// Bulk says that all its calls wait behind those of callers without it.
	Bulk bool
}

type callerKey struct{}

// WithCaller returns a context whose call is the caller's.
func WithCaller(ctx context.Context, caller Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, caller)
}

// AsBulk returns a context whose calls all wait behind those of the upper class, also those of
// operations that do not by themselves.
func AsBulk(ctx context.Context) context.Context {
	caller := callerOf(ctx)
	caller.Bulk = true
	return WithCaller(ctx, caller)
}

// callerOf returns whose call it is, the zero Caller if that is unknown.
func callerOf(ctx context.Context) Caller {
	caller, _ := ctx.Value(callerKey{}).(Caller)
	return caller
}
