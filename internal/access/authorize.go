package access

import (
	"crypto/x509"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

const (
	allowed      = pelcrov1.ErrorReason_ERROR_REASON_UNSPECIFIED
	unknown      = pelcrov1.ErrorReason_GATEWAY_UNAUTHENTICATED
	notPermitted = pelcrov1.ErrorReason_GATEWAY_PERMISSION_DENIED
)

// Authorize decides about a call. The token is empty when the call has none; the
// chain is the one that the TLS handshake verified, the caller's own certificate
// first, and nil when there is none: what was not verified must not come here. The
// method is "/package.Service/Method".
//
// It returns ERROR_REASON_UNSPECIFIED for a call that may go on,
// GATEWAY_UNAUTHENTICATED for one that proves to be nobody in the list, and
// GATEWAY_PERMISSION_DENIED for a caller without the right. The caller is named in
// the first and the last case.
func (l *List) Authorize(token string, chain []*x509.Certificate, method string) (caller string, refused pelcrov1.ErrorReason) {
	if l == nil {
		return "", unknown
	}
	service, name, wellFormed := splitMethod(method)
	may := false
	switch {
	case token != "":
		hash := digestOf(token)
		i := l.tokenIndex(&hash)
		if i < 0 {
			return "", unknown
		}
		caller, may = l.tokens[i].caller, l.tokens[i].rights.allow(service, name)
	case len(chain) > 0:
		caller, may = l.certified(chain[0], service, name)
	}
	switch {
	case caller == "":
		return "", unknown
	case !wellFormed || !may:
		return caller, notPermitted
	}
	return caller, allowed
}

// certified returns the caller whom the certificate names, and whether one of the
// names in it has the right. Nobody is returned for a certificate that names
// several.
func (l *List) certified(leaf *x509.Certificate, service, method string) (caller string, may bool) {
	for i := range l.certificates {
		grant := &l.certificates[i]
		if !grant.identity.of(leaf) {
			continue
		}
		if caller != "" && caller != grant.caller {
			return "", false
		}
		caller = grant.caller
		may = may || grant.rights.allow(service, method)
	}
	return caller, may
}
