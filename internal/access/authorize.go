package access

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
)

// The errors of [List.Authorize].
var (
	// ErrUnauthenticated: the call proves to be none of the callers in the list.
	ErrUnauthenticated = errors.New("no credential of a caller in the list")
	// ErrPermissionDenied: the caller is known and has no right to the method.
	ErrPermissionDenied = errors.New("no right to call the method")
)

// Authorize returns nil for a call that may proceed, otherwise ErrUnauthenticated or
// ErrPermissionDenied. The caller is known except with ErrUnauthenticated.
//
// The token is empty when the call has none. The chain is the one that the TLS handshake verified,
// the caller's own certificate first, nil without one; an unverified chain must never be passed.
// The method is "/package.Service/Method".
func (l *List) Authorize(token string, chain []*x509.Certificate, method string) (Caller, error) {
	if l == nil {
		return Caller{}, ErrUnauthenticated
	}
	service, name, wellFormed := splitMethod(method)
	var known *caller
	allowed := false
	switch {
	case token != "":
		if granted := l.tokens[sha256.Sum256([]byte(token))]; granted != nil {
			known, allowed = granted.caller, granted.rights.allow(service, name)
		}
	case len(chain) > 0:
		known, allowed = l.certified(chain[0], service, name)
	}
	switch {
	case known == nil:
		return Caller{}, ErrUnauthenticated
	case !wellFormed || !allowed:
		return known.Caller, ErrPermissionDenied
	}
	return known.Caller, nil
}

// certified returns the caller that the certificate names, and whether one of the certificate's
// names has the right. A certificate that names several callers identifies no caller.
func (l *List) certified(leaf *x509.Certificate, service, method string) (known *caller, allowed bool) {
	for id := range identitiesOf(leaf) {
		granted := l.certificates[id]
		if granted == nil {
			continue
		}
		if known != nil && known != granted.caller {
			return nil, false
		}
		known = granted.caller
		allowed = allowed || granted.rights.allow(service, method)
	}
	return known, allowed
}
