package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"regexp"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// call is what is known of the RPC that is running. It travels in the context;
// only the goroutine of the RPC touches it.
type call struct {
	requestID string
	// caller is who calls, as the list of callers has it; empty if that is not known.
	caller string
	// forwarded says that Pelcro is shown the caller's own credential.
	forwarded bool
	// upstream is what happened between this service and Pelcro.
	upstream pelcro.Exchange
	// result and cause are set when the RPC has failed: what the caller gets, and
	// the private reason for it.
	result mapping.Result
	cause  error
}

// credential returns whose credential Pelcro is shown.
func (c *call) credential() mapping.Credential {
	if c.forwarded {
		return mapping.CredentialCaller
	}
	return mapping.CredentialGateway
}

type callKey struct{}

// callOf returns the record of the RPC, which recordUnary or recordStream made.
func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

func recordUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	return handler(newCall(ctx), req)
}

func recordStream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	wrapped := middleware.WrapServerStream(stream)
	wrapped.WrappedContext = newCall(stream.Context())
	return handler(srv, wrapped)
}

func newCall(ctx context.Context) context.Context {
	arrived(ctx)
	c := &call{requestID: requestID(ctx)}
	return pelcro.WithExchange(context.WithValue(ctx, callKey{}, c), &c.upstream)
}

// acceptableID is what a caller's request id may be: it goes into logs and
// trailers as it is.
var acceptableID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// requestID returns the caller's x-request-id, or a new one if there is none
// that is acceptable.
func requestID(ctx context.Context) string {
	if ids := metadata.ValueFromIncomingContext(ctx, mapping.TrailerRequestID); len(ids) == 1 && acceptableID.MatchString(ids[0]) {
		return ids[0]
	}
	var random [16]byte
	rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}
