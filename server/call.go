package server

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"regexp"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/tap"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// call is what is known of the RPC that is running. It is the RPC's context, too, so
// that one allocation is both. Only the goroutine of the RPC writes to it, but for the
// atomic fields; what is there from the beginning is read by others (refused.go), and
// end is called by a stop (limit.go).
type call struct {
	context.Context //nolint:containedctx // it is one

	opened     time.Time
	fullMethod string
	// header is what the caller sent. It is shared, and not to be changed.
	header metadata.MD
	// arrived says that the handler of a method, or of those that do not exist, has
	// the call (refused.go); decoded, that it has its request, too.
	arrived atomic.Bool
	decoded bool
	// unhook keeps the end of the call from being taken for a refusal.
	unhook func() bool
	// method is unknownMethod for one that does not exist.
	method    *method
	requestID string
	// caller is who calls, as the list of callers has it; empty if that is not known.
	caller string
	// forwarded says that Pelcro is shown the caller's own credential.
	forwarded bool
	// end ends the handler's context; cutOff says that a stop did (limit.go).
	end    context.CancelFunc
	cutOff atomic.Bool
	// upstream is what happened between this service and Pelcro.
	upstream pelcro.CallStats
	// result and cause are set when the RPC has failed: what the caller gets, and
	// the private reason for it.
	result mapping.Result
	cause  error
}

func newCall(ctx context.Context, info *tap.Info) *call {
	return &call{Context: ctx, opened: time.Now(), fullMethod: info.FullMethodName, header: info.Header}
}

type callKey struct{}

// Value implements [context.Context].
func (c *call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// callOf returns the record of the RPC, which tap made.
func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// arrive notes that the handler of a method has the call.
func (c *call) arrive(m *method) {
	c.method = m
	c.arrived.Store(true)
	c.unhook()
}

// begin notes that the interceptors have the call, and so that it gets an answer of
// this service's.
func (c *call) begin() {
	c.decoded = true
	if c.requestID = c.ownRequestID(); c.requestID == "" {
		c.requestID = newRequestID()
	}
}

// credential returns whose credential Pelcro is shown.
func (c *call) credential() mapping.Credential {
	if c.forwarded {
		return mapping.CredentialCaller
	}
	return mapping.CredentialGateway
}

// acceptableID is what a caller's request id may be.
var acceptableID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// newRequestID returns one that no other call has. It is no secret, and so comes from
// a generator that asks the system for nothing.
func newRequestID() string {
	var random [16]byte
	binary.NativeEndian.PutUint64(random[:8], rand.Uint64()) //nolint:gosec // no secret
	binary.NativeEndian.PutUint64(random[8:], rand.Uint64()) //nolint:gosec // no secret
	var digits [2 * len(random)]byte
	hex.Encode(digits[:], random[:])
	return string(digits[:])
}
