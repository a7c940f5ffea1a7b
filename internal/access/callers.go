package access

import (
	"bytes"
	"crypto/x509"
	"errors"
	"strings"
	"sync/atomic"
)

// Callers are the list in use. [Callers.Load] may replace it at any time; each call is decided by
// one list as a whole.
type Callers struct {
	token func(values []string) (token string, ok bool)
	list  atomic.Pointer[List]
}

// NewCallers knows no caller until [Callers.Load]. The function reads the header that holds the
// token: [Bearer] or [Bare].
func NewCallers(token func(values []string) (token string, ok bool)) *Callers {
	return &Callers{token: token}
}

// errIncomplete is a callers file that may be half written: its last line could be part of a longer
// one.
var errIncomplete = errors.New("its last line is incomplete; end it with a newline")

// Load puts the callers file, the only one of the contents, into use, or returns the error of
// [Parse], or errIncomplete, and changes nothing.
func (c *Callers) Load(contents [][]byte) error {
	list, err := Parse(contents[0])
	if err != nil {
		return err
	}
	if !bytes.HasSuffix(contents[0], []byte("\n")) {
		return errIncomplete
	}
	c.list.Store(list)
	return nil
}

// Authorize is [List.Authorize] for the values of the header that holds the token. An invalid
// header is ErrUnauthenticated.
func (c *Callers) Authorize(values []string, chain []*x509.Certificate, method string) (Caller, error) {
	token, ok := c.token(values)
	if !ok {
		return Caller{}, ErrUnauthenticated
	}
	return c.list.Load().Authorize(token, chain, method)
}

// Bearer returns the token in the values of an authorization header, empty without such a header.
// A header with several values, another scheme or no token is not ok: its call must be rejected and
// never treated as a call without a token.
func Bearer(values []string) (token string, ok bool) {
	value, ok := Bare(values)
	if !ok || value == "" {
		return "", ok
	}
	scheme, rest, _ := strings.Cut(value, " ")
	token = strings.TrimLeft(rest, " ")
	if token == "" || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return token, true
}

// Bare is [Bearer] for a header that holds the token and nothing else.
func Bare(values []string) (token string, ok bool) {
	switch len(values) {
	case 0:
		return "", true
	case 1:
		return values[0], values[0] != ""
	}
	return "", false
}
