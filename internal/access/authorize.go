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
// ErrPermissionDenied. The caller is named except with ErrUnauthenticated.
//
// The token is empty when the call has none. The chain is the one that the TLS handshake verified,
// the caller's own certificate first, nil without one; an unverified chain must never be passed.
// The method is "/package.Service/Method".
func (l *List) Authorize(token string, chain []*x509.Certificate, method string) (caller string, err error) {
	if l == nil {
		return "", ErrUnauthenticated
	}
	service, name, wellFormed := splitMethod(method)
	allowed := false
	switch {
	case token != "":
		if known := l.tokens[sha256.Sum256([]byte(token))]; known != nil {
			caller, allowed = known.caller, known.rights.allow(service, name)
		}
	case len(chain) > 0:
		caller, allowed = l.certified(chain[0], service, name)
	}
	switch {
	case caller == "":
		return "", ErrUnauthenticated
	case !wellFormed || !allowed:
		return caller, ErrPermissionDenied
	}
	return caller, nil
}

// certified returns the caller that the certificate names, and whether one of the certificate's
// names has the right. A certificate that names several callers identifies no caller.
func (l *List) certified(leaf *x509.Certificate, service, method string) (caller string, allowed bool) {
	for id := range identitiesOf(leaf) {
		known := l.certificates[id]
		if known == nil {
			continue
		}
		if caller != "" && caller != known.caller {
			return "", false
		}
		caller = known.caller
		allowed = allowed || known.rights.allow(service, method)
	}
	return caller, allowed
}
