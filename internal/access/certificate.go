package access

import (
	"crypto/x509"
	"net/netip"
	"regexp"
	"strings"
)

// identity is a name that a certificate can have: a SPIFFE ID or a DNS name.
type identity struct {
	trustDomain, path string
	dns               string
}

const (
	spiffeScheme = "spiffe"
	dnsPrefix    = "dns:"
	// maxDNS and maxSPIFFE are the lengths that their standards allow, in bytes.
	maxDNS    = 253
	maxSPIFFE = 2048
)

var (
	// A SPIFFE ID has neither escapes nor anything after the path.
	spiffeID = regexp.MustCompile(`^spiffe://([a-z0-9._-]{1,255})((?:/[A-Za-z0-9._-]+)+)$`)
	dotPart  = regexp.MustCompile(`/\.\.?(/|$)`)
	dnsName  = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$`)
)

// parseIdentity reads spiffe://… or dns:… and returns what is wrong with it, if
// anything.
func parseIdentity(text string) (id identity, problem string) {
	name, isDNS := strings.CutPrefix(text, dnsPrefix)
	switch {
	case isDNS:
		if _, err := netip.ParseAddr(name); err == nil || len(name) > maxDNS || !dnsName.MatchString(name) {
			return id, "after dns: stands a whole host name as the certificate has it, without wildcards (no address, no port)"
		}
		return identity{dns: strings.ToLower(name)}, ""
	case strings.HasPrefix(text, spiffeScheme+":"):
		parts := spiffeID.FindStringSubmatch(text)
		if parts == nil || len(text) > maxSPIFFE || dotPart.MatchString(parts[2]) {
			return id, "a SPIFFE ID is spiffe://TRUST-DOMAIN/PATH, the domain in lower case, without escapes, wildcards and a slash at the end"
		}
		return identity{trustDomain: parts[1], path: parts[2]}, ""
	}
	return id, "the second part is none of sha256:HEX, spiffe://TRUST-DOMAIN/PATH and dns:NAME"
}

// of reports whether the certificate has the name.
func (id *identity) of(leaf *x509.Certificate) bool {
	if id.dns != "" {
		for _, name := range leaf.DNSNames {
			// With the same length no letter beyond ASCII can stand for one of it.
			if len(name) == len(id.dns) && strings.EqualFold(name, id.dns) {
				return true
			}
		}
		return false
	}
	// The X.509-SVID standard: exactly one URI, and no certificate that signs.
	if len(leaf.URIs) != 1 || leaf.IsCA {
		return false
	}
	uri := leaf.URIs[0]
	return uri.Scheme == spiffeScheme && uri.Host == id.trustDomain && uri.Path == id.path &&
		uri.RawPath == "" && uri.User == nil && uri.RawQuery == "" && !uri.ForceQuery && uri.Fragment == ""
}
