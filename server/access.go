package server

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/auth"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/selector"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// The headers with the credentials of callers. Where authorization is for Pelcro, the token for
// this service has its own.
const (
	authorizationHeader = "authorization"
	tokenHeader         = "x-pelcro-grpc-token" //nolint:gosec // a header's name
)

// Authorize decides whether a call is allowed, by the values of the header with the caller's token,
// the verified certificates of its connection (the caller's own first; nil for none) and its
// method, "/package.Service/Method". Its error is [ErrUnauthenticated] or [ErrPermissionDenied].
// It returns the caller if that is known, also with an error.
type Authorize func(token []string, chain []*x509.Certificate, method string) (Caller, error)

// Caller is who calls, and what the service is to do for it.
type Caller struct {
	// Name is the caller's name in logs and metrics, empty if it is unknown.
	Name string
	// Share is the caller's weight when calls wait for Pelcro's quota; 0 counts as 1.
	Share int
	// Bulk puts all calls of the caller behind those of callers without it.
	Bulk bool
	// Sites are the only sites of Pelcro that the caller may use; nil for all.
	Sites []int32
}

// The errors of [Authorize].
var (
	ErrUnauthenticated  = errors.New("no credentials, or unknown ones")
	ErrPermissionDenied = errors.New("the caller may not call the method")
	errSiteDenied       = fmt.Errorf("%w for this site", ErrPermissionDenied)
)

// accessUnary and accessStream let through callers with permission. Health is open: probes have no
// credentials.
func (s *Server) accessUnary() grpc.UnaryServerInterceptor {
	return selector.UnaryServerInterceptor(auth.UnaryServerInterceptor(s.access), notHealth)
}

func (s *Server) accessStream() grpc.StreamServerInterceptor {
	return selector.StreamServerInterceptor(auth.StreamServerInterceptor(s.access), notHealth)
}

var notHealth = selector.MatchFunc(func(_ context.Context, meta interceptors.CallMeta) bool {
	return meta.Service != healthpb.Health_ServiceDesc.ServiceName
})

// access returns the context of the rest of the call.
func (s *Server) access(ctx context.Context) (context.Context, error) {
	r := rpcOf(ctx)
	if s.config.Authorize != nil {
		header := authorizationHeader
		if s.config.ForwardCredentials {
			header = tokenHeader
		}
		caller, err := s.config.Authorize(metadata.ValueFromIncomingContext(ctx, header), verifiedChain(ctx), r.fullMethod)
		r.caller = caller
		if err != nil {
			return nil, err
		}
	}
	if r.method.operation.Name == "" {
		return ctx, nil
	}
	ctx = s.config.Upstream.WithCaller(ctx, r.caller)
	if !s.config.ForwardCredentials {
		return ctx, nil
	}
	// Several values count as none: Pelcro and this service might take different ones.
	values := metadata.ValueFromIncomingContext(ctx, authorizationHeader)
	if len(values) != 1 || strings.TrimSpace(values[0]) == "" {
		return nil, ErrUnauthenticated
	}
	r.callerKey = true
	return s.config.Upstream.WithAuthorization(ctx, values[0]), nil
}

// checkSite returns errSiteDenied for a request whose site its caller may not use: the site_id of the
// request or, without one, the service's. Requests of health and reflection have no site.
func (r *rpc) checkSite(request any) error {
	if r.caller.Sites == nil || r.method.operation.Name == "" {
		return nil
	}
	site := r.method.defaultSite
	if named, ok := request.(interface{ GetSiteId() int32 }); ok {
		site = cmp.Or(named.GetSiteId(), site)
	}
	if !slices.Contains(r.caller.Sites, site) {
		return errSiteDenied
	}
	return nil
}

// verifiedChain returns the certificates that the TLS handshake verified, nil for none.
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
