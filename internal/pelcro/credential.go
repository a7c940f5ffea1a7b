package pelcro

import (
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
)

// credential is what authorizes a request.
type credential struct {
	authorization string
	hash          [sha256.Size]byte
	redactor      *strings.Replacer // removes it from texts
	status        atomic.Int32
	earlier       *credential // the client's own before it, nil for none
}

// What Pelcro's responses have shown of a credential.
const (
	keyUnknown int32 = iota
	keyAccepted
	keyRejected
)

// minRedacted is the length of the shortest key that is removed from errors: replacing a letter
// would make them unreadable.
const minRedacted = 8

func newCredential(authorization, key string) *credential {
	c := &credential{authorization: authorization, hash: hashOf(authorization), redactor: strings.NewReplacer()}
	if len(key) >= minRedacted {
		// As it is, and as PHP writes it in JSON.
		c.redactor = strings.NewReplacer(key, "[key]", strings.ReplaceAll(key, "/", `\/`), "[key]")
	}
	return c
}

// SetAPIKey has the calls that begin from now on use another key; running calls continue with
// theirs.
func (c *Client) SetAPIKey(key Secret) {
	c.credential.Store(newCredential("Bearer "+key.Reveal(), key.Reveal()).after(c.credential.Load()))
	notify(c.keyChanged)
}

type authorizationKey struct{}

// WithAuthorization returns a context whose call sends this value of the Authorization header
// instead of the client's own key.
func WithAuthorization(ctx context.Context, value string) context.Context {
	return context.WithValue(ctx, authorizationKey{}, NewSecret(value))
}

// credentialFor returns the credential of a call.
func (c *Client) credentialFor(ctx context.Context) *credential {
	own, ok := ctx.Value(authorizationKey{}).(Secret)
	if !ok {
		return c.credential.Load()
	}
	key := own.Reveal()
	if _, afterScheme, found := strings.Cut(key, " "); found {
		key = afterScheme
	}
	return newCredential(own.Reveal(), strings.TrimSpace(key))
}

// OnAPIKeyStatus has f called when Pelcro first accepts or rejects the client's own key, and when
// that changes; not for each call. It must be called before the first call.
func (c *Client) OnAPIKeyStatus(f func(accepted bool)) { c.keyStatusChanged = f }

// recordKeyAccepted records that a response accepted its credential, if it is evidence of that: a
// JSON object, or a 204. Anything else may come from an intermediary.
func (c *Client) recordKeyAccepted(r *Response) {
	if r.JSON.Kind() == '{' || r.StatusCode == http.StatusNoContent {
		c.recordKeyStatus(r.credential, keyAccepted)
	}
}

// RecordKeyRejected records that Pelcro itself, and not an intermediary, has rejected the API key of
// the call with this error, which only the reader of the response can tell. Callers' credentials and
// earlier keys are ignored.
func (c *Client) RecordKeyRejected(err error) {
	if failed, ok := errors.AsType[*Error](err); ok && failed.Response != nil {
		c.recordKeyStatus(failed.Response.credential, keyRejected)
	}
}

func (c *Client) recordKeyStatus(used *credential, status int32) {
	if used != c.credential.Load() || used.status.Load() == status {
		return
	}
	// One at a time: the last status that was reported must be the one that holds.
	c.recordingKeyStatus.Lock()
	defer c.recordingKeyStatus.Unlock()
	if used == c.credential.Load() && used.status.Swap(status) != status {
		c.keyStatusChanged(status == keyAccepted)
	}
}

// RedactedBody returns the body without the credential of the call, which a misconfigured upstream
// may repeat in an error.
func (r *Response) RedactedBody() []byte {
	return []byte(r.credential.redactor.Replace(string(r.Body)))
}

// RedactedHeader returns the headers, without those that hold the credential of the call.
func (r *Response) RedactedHeader() http.Header {
	kept := r.Header.Clone()
	maps.DeleteFunc(kept, func(_ string, values []string) bool {
		return slices.ContainsFunc(values, func(value string) bool { return r.credential.redactor.Replace(value) != value })
	})
	return kept
}
