package servertls

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
)

// blocks are the contents of a PEM file.
type blocks struct {
	certificates []*x509.Certificate
	unreadable   error // of the first certificate that cannot be read
	key          bool  // there is a private key
	encrypted    bool  // there is a private key with a passphrase
}

// readPEM reads all blocks. Text between them is allowed, as openssl writes it.
func readPEM(content []byte) (b blocks) {
	for {
		var block *pem.Block
		if block, content = pem.Decode(content); block == nil {
			return b
		}
		switch {
		case block.Type == "CERTIFICATE":
			certificate, err := x509.ParseCertificate(block.Bytes)
			switch {
			case err == nil:
				b.certificates = append(b.certificates, certificate)
			case b.unreadable == nil:
				b.unreadable = err
			}
		case block.Type == "ENCRYPTED PRIVATE KEY", block.Headers["DEK-Info"] != "":
			b.encrypted = true
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			b.key = true
		}
	}
}
