package server

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/auth"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/selector"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// The headers that callers prove themselves with. Where authorization is for Pelcro,
// the token for this service has one of its own.
const (
	authorizationHeader = "authorization"
	tokenHeader         = "x-pelcro-grpc-token" //nolint:gosec // a header's name
)

// Authorize decides whether a call may proceed, by the values of the header that holds the caller's
// token, the verified certificates of its connection (the caller's own first; nil without one) and
// its method, "/package.Service/Method". It returns nil, ErrUnauthenticated or ErrPermissionDenied,
// and the caller's name, if it is known. Any other error is treated as ErrUnauthenticated.
type Authorize func(token []string, chain []*x509.Certificate, method string) (caller string, err error)

// The errors of [Authorize].
var (
	ErrUnauthenticated  = errors.New("no credential, or an unknown one")
	ErrPermissionDenied = errors.New("no right to call the method")
)

// accessError is a call that its caller may not make.
type accessError struct{ err error }

func (e accessError) Error() string { return e.err.Error() }

func (e accessError) reason() pelcrov1.ErrorReason {
	if errors.Is(e.err, ErrPermissionDenied) {
		return pelcrov1.ErrorReason_GATEWAY_PERMISSION_DENIED
	}
	return pelcrov1.ErrorReason_GATEWAY_UNAUTHENTICATED
}

// accessUnary and accessStream let through who may call. Health is open: those who
// probe it have no secrets.
func (s *Server) accessUnary() grpc.UnaryServerInterceptor {
	return selector.UnaryServerInterceptor(auth.UnaryServerInterceptor(s.access), everythingElse)
}

func (s *Server) accessStream() grpc.StreamServerInterceptor {
	return selector.StreamServerInterceptor(auth.StreamServerInterceptor(s.access), everythingElse)
}

// everythingElse selects all methods but those of health.
var everythingElse = selector.MatchFunc(func(_ context.Context, meta interceptors.CallMeta) bool {
	return meta.Service != healthpb.Health_ServiceDesc.ServiceName
})

// access returns the context in which the call may go on.
func (s *Server) access(ctx context.Context) (context.Context, error) {
	c := callOf(ctx)
	if s.config.Authorize != nil {
		header := authorizationHeader
		if s.config.ForwardCredentials {
			header = tokenHeader
		}
		caller, err := s.config.Authorize(c.header[header], verifiedChain(ctx), c.fullMethod)
		c.caller = caller
		if err != nil {
			return nil, accessError{err}
		}
	}
	if !s.config.ForwardCredentials || c.method.operation.Name == "" {
		return ctx, nil
	}
	// Several values are none: Pelcro and this service might take different ones.
	values := c.header[authorizationHeader]
	if len(values) != 1 || strings.TrimSpace(values[0]) == "" {
		return nil, accessError{ErrUnauthenticated}
	}
	c.forwarded = true
	return pelcro.WithAuthorization(ctx, pelcro.NewSecret(values[0])), nil
}

// verifiedChain returns the certificates that the caller's connection was let in
// with, nil if it needed none.
func verifiedChain(ctx context.Context) []*x509.Certificate {
	p, _ := peer.FromContext(ctx)
	if p == nil {
		return nil
	}
	if tls, ok := p.AuthInfo.(credentials.TLSInfo); ok && len(tls.State.VerifiedChains) > 0 {
		return tls.State.VerifiedChains[0]
	}
	return nil
}
