package access

import (
	"crypto/x509"
	"iter"
	"net/netip"
	"regexp"
	"strings"
	"unicode"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// identity is a name in a certificate: a SPIFFE ID, or a DNS name in lower case.
type identity struct {
	spiffe spiffeid.ID
	dns    string
}

const (
	dnsPrefix = "dns:"
	// maxDNS and maxSPIFFE are the lengths that their standards allow, in bytes.
	maxDNS    = 253
	maxSPIFFE = 2048
)

var dnsName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$`)

// parseIdentity reads spiffe://… or dns:… and returns what is wrong with it, if anything.
func parseIdentity(text string) (id identity, problem string) {
	name, isDNS := strings.CutPrefix(text, dnsPrefix)
	switch {
	case isDNS:
		if _, err := netip.ParseAddr(name); err == nil || len(name) > maxDNS || !dnsName.MatchString(name) {
			return id, "after dns: write a whole host name as it is in the certificate, without wildcards (not an address, no port)"
		}
		return identity{dns: strings.ToLower(name)}, ""
	case strings.HasPrefix(text, "spiffe:"):
		spiffe, err := spiffeid.FromString(text)
		if err != nil || spiffe.Path() == "" || len(text) > maxSPIFFE {
			return id, "a SPIFFE ID is spiffe://TRUST-DOMAIN/PATH, the domain in lower case, without escapes, wildcards and a slash at the end"
		}
		return identity{spiffe: spiffe}, ""
	}
	return id, "the second part must be sha256:HEX, spiffe://TRUST-DOMAIN/PATH or dns:NAME"
}

// identitiesOf yields the names of a certificate that count. Wildcards match no line, because
// parseIdentity rejects them.
func identitiesOf(leaf *x509.Certificate) iter.Seq[identity] {
	return func(yield func(identity) bool) {
		for _, name := range leaf.DNSNames {
			// ToLower maps letters beyond ASCII to letters within it.
			isASCII := !strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII })
			if isASCII && !yield(identity{dns: strings.ToLower(name)}) {
				return
			}
		}
		// The X.509-SVID standard: exactly one URI, and not a certificate that signs others.
		if len(leaf.URIs) == 1 && !leaf.IsCA {
			if spiffe, err := spiffeid.FromURI(leaf.URIs[0]); err == nil {
				yield(identity{spiffe: spiffe})
			}
		}
	}
}
