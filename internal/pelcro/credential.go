package pelcro

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
)

// credential is what authorizes a request.
type credential struct {
	authorization string
	// texts are how an error of Pelcro's could repeat it: as it is, and as PHP writes it in JSON.
	texts  [][]byte
	status atomic.Int32
}

// What Pelcro's responses have shown of a credential.
const (
	keyUnknown int32 = iota
	keyAccepted
	keyRejected
)

// minCallerText is the shortest credential of a caller that is removed from errors: replacing a
// letter would make them unreadable.
const minCallerText = 8

func newCredential(authorization, key string) *credential {
	c := &credential{authorization: authorization, texts: [][]byte{[]byte(key)}}
	if escaped := strings.ReplaceAll(key, "/", `\/`); escaped != key {
		c.texts = append(c.texts, []byte(escaped))
	}
	return c
}

// SetAPIKey has the calls that begin from now on use another key; running calls continue with
// theirs.
func (c *Client) SetAPIKey(key Secret) {
	c.credential.Store(newCredential("Bearer "+key.Reveal(), key.Reveal()))
}

type authorizationKey struct{}

// WithAuthorization returns a context whose call sends this value of the Authorization header
// instead of the client's own key.
func WithAuthorization(ctx context.Context, value Secret) context.Context {
	return context.WithValue(ctx, authorizationKey{}, value)
}

// credentialFor returns the credential of a call.
func (c *Client) credentialFor(ctx context.Context) *credential {
	value, ok := ctx.Value(authorizationKey{}).(Secret)
	if !ok {
		return c.credential.Load()
	}
	key := value.Reveal()
	if _, after, found := strings.Cut(key, " "); found {
		key = after
	}
	key = strings.TrimSpace(key)
	if len(key) < minCallerText {
		return &credential{authorization: value.Reveal()}
	}
	return newCredential(value.Reveal(), key)
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

// RecordKeyRejected records that Pelcro itself, and not an intermediary, has rejected the API key,
// which only the reader of the response can tell. Responses to callers' credentials and to earlier
// keys are ignored.
func (c *Client) RecordKeyRejected(e *Error) {
	if e.Response != nil && e.Response.credential != nil {
		c.recordKeyStatus(e.Response.credential, keyRejected)
	}
}

func (c *Client) recordKeyStatus(used *credential, status int32) {
	if used != c.credential.Load() || used.status.Load() == status {
		return
	}
	// One at a time: the last status that was reported must be the one that holds.
	c.recordingKeyStatus.Lock()
	defer c.recordingKeyStatus.Unlock()
	if used == c.credential.Load() && used.status.Swap(status) != status && c.keyStatusChanged != nil {
		c.keyStatusChanged(status == keyAccepted)
	}
}

// RedactedBody returns the body without the credential of the call, which a misconfigured upstream
// may repeat in an error.
func (r *Response) RedactedBody() []byte {
	body := r.Body
	if r.credential == nil {
		return body
	}
	for _, text := range r.credential.texts {
		if bytes.Contains(body, text) {
			body = bytes.ReplaceAll(body, text, []byte("[key]"))
		}
	}
	return body
}

// RedactedHeader returns the headers, without those that hold the credential of the call.
func (r *Response) RedactedHeader() http.Header {
	if r.credential == nil {
		return r.Header
	}
	kept := r.Header.Clone()
	for name, values := range kept {
		for _, text := range r.credential.texts {
			if slices.ContainsFunc(values, func(value string) bool { return strings.Contains(value, string(text)) }) {
				delete(kept, name)
			}
		}
	}
	return kept
}
