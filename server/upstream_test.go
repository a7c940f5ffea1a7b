package server_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"testing"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/structpb"
)

// Nothing of the caller's metadata goes on, and nothing else is sent than this.
func TestHeadersUpstream(t *testing.T) {
	upstream := answering(fine)
	g := start(t, upstream)
	ctx := metadata.AppendToOutgoingContext(t.Context(),
		"authorization", "Bearer of-the-caller", "cookie", "session=of-the-caller",
		"x-idempotency-key", "k", "idempotency-key", "k", "x-forwarded-for", "192.0.2.1", "forwarded", "for=192.0.2.1",
		"x-request-id", "r-1", "accept", "text/html", "accept-language", "fr", "host", "elsewhere.example",
		"x-http-method-override", "DELETE", "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"x-api-key", "of-the-caller", "site_id", "9",
	)
	want := http.Header{
		"Accept":          {"application/json"},
		"Accept-Encoding": {"gzip"},
		"Authorization":   {"Bearer canary-api-key"},
		"User-Agent":      {"pelcro-grpc/test"},
	}
	for _, c := range g.calls(42) {
		t.Run(c.name, func(t *testing.T) {
			before := len(upstream.sent())
			if a := c.do(ctx); a.err != nil {
				t.Fatal(a.err)
			}
			got := upstream.sent()[before].header
			want := maps.Clone(want)
			if c.name == "CreateCustomer" || c.name == "UpdateCustomer" {
				want.Set("Content-Type", "application/json")
				want["Content-Length"] = got["Content-Length"]
			}
			if !maps.EqualFunc(got, want, slices.Equal) {
				t.Errorf("sent %v\nwant %v", got, want)
			}
		})
	}
}

// One call is one request, whatever comes back.
func TestOneRequest(t *testing.T) {
	for _, status := range []int{200, 307, 401, 404, 408, 425, 429, 500, 503} {
		upstream := answering(reply(status, `{}`, "Location", "/api/v1/core/customers/1", "Retry-After", "0"))
		g := start(t, upstream)
		calls := g.calls(42)
		for _, c := range calls {
			c.do(context.WithoutCancel(t.Context()))
		}
		upstream.mustHaveSeen(t, len(calls))
	}
}

func mustStruct(t *testing.T, fields map[string]any) *structpb.Struct {
	t.Helper()
	s, err := structpb.NewStruct(fields)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
