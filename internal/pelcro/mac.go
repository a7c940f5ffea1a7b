package pelcro

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// MAC returns the HMAC-SHA256 of the parts under the credential of the call, in hexadecimal: a name
// that tells others nothing. earlier is the one under the client's own key before the present one,
// empty for none.
func (c *Client) MAC(ctx context.Context, parts ...string) (mac, earlier string) {
	used := c.credentialFor(ctx)
	if used.earlier != nil {
		earlier = used.earlier.mac(parts)
	}
	return used.mac(parts), earlier
}

// mac separates the parts by their lengths, so that no two lists of parts have the same text.
func (c *credential) mac(parts []string) string {
	hash := hmac.New(sha256.New, []byte(c.authorization))
	for _, part := range parts {
		fmt.Fprintf(hash, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// after returns the credential, which remembers the one that it replaces.
func (c *credential) after(replaced *credential) *credential {
	switch replaced.authorization {
	case "":
	case c.authorization:
		c.earlier = replaced.earlier
	default:
		c.earlier = newCredential(replaced.authorization, "")
	}
	return c
}
