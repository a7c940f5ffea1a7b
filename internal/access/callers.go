package access

import (
	"crypto/x509"
	"strings"
	"sync/atomic"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// Callers are the list that is in use. Another one may replace it at any time; a
// call is decided by one of them as a whole.
type Callers struct {
	token func(values []string) (token string, ok bool)
	list  atomic.Pointer[List]
}

// NewCallers knows nobody until Load. The function reads the header that holds the
// token: [Bearer] or [Bare].
func NewCallers(token func(values []string) (token string, ok bool)) *Callers {
	return &Callers{token: token}
}

// Load takes the callers file, the only one of the contents, into use, or returns
// the error of [Parse] and changes nothing.
func (c *Callers) Load(contents [][]byte) error {
	list, err := Parse(contents[0])
	if err != nil {
		return err
	}
	c.list.Store(list)
	return nil
}

// Authorize is [List.Authorize] for the values of the header that holds the token.
// A header that is no use proves nobody.
func (c *Callers) Authorize(values []string, chain []*x509.Certificate, method string) (caller string, refused pelcrov1.ErrorReason) {
	token, ok := c.token(values)
	if !ok {
		return "", unknown
	}
	return c.list.Load().Authorize(token, chain, method)
}

// Bearer returns the token of the values of an authorization header, an empty one
// if there is no such header. A header that is no use, because it has several
// values, another scheme or no token, is not ok, and its call must be refused: it
// may not pass for a call without a token.
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
