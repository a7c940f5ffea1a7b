// Package servertls is the TLS of the service: its certificate, and the CAs whose
// callers it lets in, both replaceable while it runs.
//
//	identity, err := servertls.New(servertls.Files{Cert: "tls.crt", Key: "tls.key"})
//	err = identity.Load(contents) // of identity.Names(), now and after each change
//	credentials.NewTLS(identity.Config())
//
// A handshake uses what was loaded last. Open connections keep what they began
// with. TLS is 1.2 or later; the protocol on offer is HTTP/2.
//
// With client CAs every connection needs a certificate of theirs, for client
// authentication and in its time; without one there is no connection, hence no
// call and no status. The CAs say who may connect. Who may call what is for others
// to decide, by the verified chain. Revocation lists are not read: take the
// caller's line out of the callers file instead.
//
// Sessions are not resumed. A resumed one would be that of an earlier handshake,
// with the CAs and the certificate of then, and connections of gRPC are too long
// to gain by it.
package servertls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Files are the names of the files, all in PEM.
type Files struct {
	// Cert holds the service's certificate, then those between it and its CA. Key
	// holds its private key; both may be the same file.
	Cert, Key string
	// ClientCA holds the certificates of the CAs whose callers may connect. Without
	// it callers need no certificate.
	ClientCA string
}

// Identity is what the service proves and demands in a handshake. Its methods may
// be called at the same time.
type Identity struct {
	files  Files
	loaded atomic.Pointer[loaded]
}

// loaded is what one Load made.
type loaded struct {
	config   *tls.Config
	notAfter time.Time
}

// New returns an identity that must still be loaded. Its error says which files
// are missing.
func New(files Files) (*Identity, error) {
	switch {
	case files.Cert == "" && files.Key == "":
		return nil, errors.New("--tls-client-ca is set without --tls-cert and --tls-key; callers can prove who they are over TLS only, so set all three")
	case files.Cert == "":
		return nil, errors.New("--tls-key is set without --tls-cert; set both, or neither for plain text")
	case files.Key == "":
		return nil, errors.New("--tls-cert is set without --tls-key; set both, or neither for plain text")
	}
	return &Identity{files: files}, nil
}

// Names are the files whose contents Load wants, in this order.
func (i *Identity) Names() []string {
	names := []string{i.files.Cert, i.files.Key}
	if i.files.ClientCA != "" {
		names = append(names, i.files.ClientCA)
	}
	return names
}

// Load takes the contents into use, or changes nothing. Its error joins everything
// that is wrong with them, each with its remedy and without any part of a key.
func (i *Identity) Load(contents [][]byte) error {
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }

	certificate := i.certificate(contents[0], contents[1], problem)
	config := &tls.Config{
		MinVersion:             tls.VersionTLS12,
		CipherSuites:           suites,
		NextProtos:             []string{"h2"},
		Certificates:           []tls.Certificate{certificate},
		SessionTicketsDisabled: true,
	}
	if i.files.ClientCA != "" {
		config.ClientAuth = tls.RequireAndVerifyClientCert
		config.ClientCAs = i.clientCAs(contents[2], problem)
	}
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	i.loaded.Store(&loaded{config, certificate.Leaf.NotAfter})
	return nil
}

// suites are those of TLS 1.2 that HTTP/2 does not forbid and that keep their
// secrets when the key is lost. TLS 1.3 has no others.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// Config is for the server. Each handshake asks it for what was loaded last.
func (i *Identity) Config() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS12,
		SessionTicketsDisabled: true,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			current := i.loaded.Load()
			if current == nil {
				return nil, errors.New("no certificate was loaded")
			}
			return current.config, nil
		},
	}
}

// NotAfter is when the service's certificate expires, zero before the first Load.
func (i *Identity) NotAfter() time.Time {
	if current := i.loaded.Load(); current != nil {
		return current.notAfter
	}
	return time.Time{}
}

// certificate reads the service's own certificate and its key.
func (i *Identity) certificate(certPEM, keyPEM []byte, problem func(string, ...any)) tls.Certificate {
	certs := readPEM(certPEM)
	key := readPEM(keyPEM)
	whole := true
	wrong := func(format string, args ...any) {
		whole = false
		problem(format, args...)
	}
	switch {
	case certs.unreadable != nil:
		wrong("--tls-cert %s holds a certificate that cannot be read (%w); write it again", i.files.Cert, certs.unreadable)
	case len(certs.certificates) == 0 && certs.key:
		wrong("--tls-cert %s holds a private key and no certificate; are --tls-cert and --tls-key interchanged?", i.files.Cert)
	case len(certs.certificates) == 0:
		wrong("--tls-cert %s holds no certificate; put it there in PEM, followed by those between it and its CA", i.files.Cert)
	default:
		leaf, now := certs.certificates[0], time.Now()
		switch {
		case now.After(leaf.NotAfter):
			problem("--tls-cert %s expired on %s; put a new certificate there", i.files.Cert, day(leaf.NotAfter))
		case now.Before(leaf.NotBefore):
			problem("--tls-cert %s is not valid before %s; wait, or set the clock right", i.files.Cert, day(leaf.NotBefore))
		}
	}
	switch {
	case key.encrypted:
		wrong("--tls-key %s is encrypted; write it without a passphrase, for example with openssl pkey", i.files.Key)
	case !key.key:
		wrong("--tls-key %s holds no private key; put the certificate's key there, in PEM", i.files.Key)
	}
	if !whole {
		return tls.Certificate{}
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		problem("--tls-key %s is not the key of --tls-cert %s (%w); put the two that belong together there", i.files.Key, i.files.Cert, err)
		return tls.Certificate{}
	}
	pair.Leaf = certs.certificates[0]
	return pair
}

// clientCAs reads the CAs of the callers.
func (i *Identity) clientCAs(caPEM []byte, problem func(string, ...any)) *x509.CertPool {
	cas := readPEM(caPEM)
	pool, current := x509.NewCertPool(), false
	for _, ca := range cas.certificates {
		pool.AddCert(ca)
		current = current || !time.Now().After(ca.NotAfter)
	}
	switch {
	case cas.key || cas.encrypted:
		problem("--tls-client-ca %s holds a private key, which has no business there; leave only the certificates of the callers' CAs", i.files.ClientCA)
	case cas.unreadable != nil:
		problem("--tls-client-ca %s holds a certificate that cannot be read (%w); write it again", i.files.ClientCA, cas.unreadable)
	case len(cas.certificates) == 0:
		problem("--tls-client-ca %s holds no certificate; put those of the callers' CAs there, in PEM", i.files.ClientCA)
	case !current:
		problem("--tls-client-ca %s holds only CAs that have expired; put the present ones there", i.files.ClientCA)
	}
	return pool
}

func day(t time.Time) string { return t.UTC().Format(time.RFC3339) }
