package pelcro

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
)

// credential is what a request shows to Pelcro.
type credential struct {
	authorization string
	// texts are how an error of Pelcro's could repeat it: as it is, and as PHP writes
	// it in JSON.
	texts [][]byte
	// header and bodyHeader are what requests without and with a body show with it;
	// nil for a credential that is used only once.
	header, bodyHeader http.Header
	verdict            atomic.Int32
}

// What Pelcro thinks of a credential.
const (
	unknown int32 = iota
	accepted
	refused
)

// minCallerText is the least of a caller's credential that is looked for in
// errors: replacing a letter would make them unreadable.
const minCallerText = 8

func newCredential(authorization, key string) *credential {
	c := &credential{authorization: authorization, texts: [][]byte{[]byte(key)}}
	if escaped := strings.ReplaceAll(key, "/", `\/`); escaped != key {
		c.texts = append(c.texts, []byte(escaped))
	}
	return c
}

// SetAPIKey has the calls that begin from now on use another key; those that run
// go on with theirs.
func (c *Client) SetAPIKey(key Secret) {
	own := newCredential("Bearer "+key.Reveal(), key.Reveal())
	own.header, own.bodyHeader = c.newHeader(own, false), c.newHeader(own, true)
	c.credential.Store(own)
}

type authorizationKey struct{}

// WithAuthorization returns a context whose call shows Pelcro this value of the
// Authorization header instead of the client's own key.
func WithAuthorization(ctx context.Context, value Secret) context.Context {
	return context.WithValue(ctx, authorizationKey{}, value)
}

// credentialFor returns what the call is to show.
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

// OnAPIKeyVerdict has f called when Pelcro first accepts or refuses the client's own
// key, and when it changes its mind; not for each call. It must be called before the
// first call.
func (c *Client) OnAPIKeyVerdict(f func(accepted bool)) { c.keyVerdict = f }

// judge learns from a reply what Pelcro thinks of the key. Only a success proves that
// it is good: much else comes from whatever stands in front.
func (c *Client) judge(used *credential, status int) {
	if used != c.credential.Load() {
		return // a caller's, or one that was replaced meanwhile
	}
	verdict := unknown
	switch {
	case status >= 200 && status <= 299:
		verdict = accepted
	case status == http.StatusUnauthorized:
		verdict = refused
	}
	if verdict == unknown || used.verdict.Load() == verdict {
		return
	}
	// One at a time: the last one that was told must be the one that holds.
	c.judging.Lock()
	defer c.judging.Unlock()
	if used == c.credential.Load() && used.verdict.Swap(verdict) != verdict && c.keyVerdict != nil {
		c.keyVerdict(verdict == accepted)
	}
}

// RedactedBody returns the body without the credential of the call, which a
// misconfigured upstream may repeat in an error.
func (e *Error) RedactedBody() []byte {
	body := e.Body
	if e.credential == nil {
		return body
	}
	for _, text := range e.credential.texts {
		if bytes.Contains(body, text) {
			body = bytes.ReplaceAll(body, text, []byte("[key]"))
		}
	}
	return body
}

// RedactedHeader returns the headers but those that hold the credential of the call.
func (e *Error) RedactedHeader() http.Header {
	if e.credential == nil {
		return e.Header
	}
	return withoutValues(e.Header, func(value string) bool {
		return slices.ContainsFunc(e.credential.texts, func(text []byte) bool { return strings.Contains(value, string(text)) })
	})
}

// withoutValues returns the headers that have no such value.
func withoutValues(header http.Header, such func(string) bool) http.Header {
	kept := header
	for name, values := range header {
		if !slices.ContainsFunc(values, such) {
			continue
		}
		if len(kept) == len(header) {
			kept = header.Clone()
		}
		kept.Del(name)
	}
	return kept
}
