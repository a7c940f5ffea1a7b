package pelcro

import (
	"context"
	"net/http"
)

type responseHeaderKey struct{}

// WithResponseHeader returns a context whose call puts the headers of the last response into header;
// an attempt without a response leaves it as it is. It must not be read before the call has returned.
func WithResponseHeader(ctx context.Context, header *http.Header) context.Context {
	return context.WithValue(ctx, responseHeaderKey{}, header)
}

// keepHeader gives the headers to the caller, if that wants them, without those that hold the
// credential of the call.
func (r *Response) keepHeader(ctx context.Context) {
	if header, ok := ctx.Value(responseHeaderKey{}).(*http.Header); ok {
		*header = r.RedactedHeader()
	}
}
