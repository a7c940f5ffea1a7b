// Package servertls is the TLS of the service: its certificate, and the CAs of the clients that may
// connect, both replaceable while it runs.
//
//	identity := servertls.New(servertls.Files{Cert: "tls.crt", Key: "tls.key"})
//	err := identity.Load(contents) // of identity.Names(), now and after each change
//	credentials.NewTLS(identity.Config())
//
// A handshake uses the files loaded last. Open connections keep what they began with. TLS is 1.2 or
// later; the only protocol is HTTP/2.
//
// With client CAs every connection needs a certificate of one of them, valid now and for client
// authentication; without it there is no connection, hence no call and no status. The CAs decide who
// may connect; who may call which method is decided elsewhere, by the verified chain. Revocation
// lists are not read: remove the caller's line from the callers file instead.
//
// Sessions are not resumed: a resumed session would keep the CAs and the certificate of an earlier
// handshake, and gRPC connections live too long to gain by it.
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
	// Cert holds the service's certificate, then those between it and its CA. Key holds its private
	// key; both may be the same file, and both are required.
	Cert, Key string
	// ClientCA holds the certificates of the CAs whose clients may connect. Without it clients need
	// no certificate.
	ClientCA string
}

// FileError is invalid content of a file, with its remedy and without any part of a key.
type FileError struct {
	Name string
	Err  error
}

func (e *FileError) Error() string { return e.Name + " " + e.Err.Error() }

func (e *FileError) Unwrap() error { return e.Err }

// Identity is what the service proves and demands in a handshake. Its methods may be called
// concurrently.
type Identity struct {
	files  Files
	loaded atomic.Pointer[loaded]
}

// loaded is the result of one Load.
type loaded struct {
	config   *tls.Config
	notAfter time.Time
}

// New returns an identity without a certificate until [Identity.Load].
func New(files Files) *Identity { return &Identity{files: files} }

// Names are the files whose contents Load expects, in this order.
func (i *Identity) Names() []string {
	names := []string{i.files.Cert, i.files.Key}
	if i.files.ClientCA != "" {
		names = append(names, i.files.ClientCA)
	}
	return names
}

// Load puts the contents into use, or changes nothing. Its error joins a [*FileError] for each
// problem.
func (i *Identity) Load(contents [][]byte) error {
	var problems []error
	problem := func(name, format string, args ...any) {
		problems = append(problems, &FileError{name, fmt.Errorf(format, args...)})
	}

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

// suites are the cipher suites of TLS 1.2 that HTTP/2 allows and that have forward secrecy, as all
// suites of TLS 1.3 do.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// Config is for the server. Each handshake uses the files loaded last.
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
func (i *Identity) certificate(certPEM, keyPEM []byte, problem func(name, format string, args ...any)) tls.Certificate {
	certs := readPEM(certPEM)
	key := readPEM(keyPEM)
	complete := true
	missing := func(name, format string, args ...any) {
		complete = false
		problem(name, format, args...)
	}
	switch {
	case certs.unreadable != nil:
		missing(i.files.Cert, "holds a certificate that cannot be read (%w); write it again", certs.unreadable)
	case len(certs.certificates) == 0 && certs.key:
		missing(i.files.Cert, "holds a private key and no certificate; are the files of the certificate and the key interchanged?")
	case len(certs.certificates) == 0:
		missing(i.files.Cert, "holds no certificate; put it there in PEM, followed by those between it and its CA")
	default:
		leaf, now := certs.certificates[0], time.Now()
		switch {
		case now.After(leaf.NotAfter):
			problem(i.files.Cert, "expired on %s; put a new certificate there", day(leaf.NotAfter))
		case now.Before(leaf.NotBefore):
			problem(i.files.Cert, "is not valid before %s; wait, or set the clock right", day(leaf.NotBefore))
		}
	}
	switch {
	case key.encrypted:
		missing(i.files.Key, "is encrypted; write it without a passphrase, for example with openssl pkey")
	case !key.key:
		missing(i.files.Key, "holds no private key; put the certificate's key there, in PEM")
	}
	if !complete {
		return tls.Certificate{}
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		problem(i.files.Key, "is not the key of the certificate in %s (%w); put the two that belong together there", i.files.Cert, err)
		return tls.Certificate{}
	}
	pair.Leaf = certs.certificates[0]
	return pair
}

// clientCAs reads the CAs of the clients.
func (i *Identity) clientCAs(caPEM []byte, problem func(name, format string, args ...any)) *x509.CertPool {
	cas := readPEM(caPEM)
	pool, current := x509.NewCertPool(), false
	for _, ca := range cas.certificates {
		pool.AddCert(ca)
		current = current || !time.Now().After(ca.NotAfter)
	}
	switch {
	case cas.key || cas.encrypted:
		problem(i.files.ClientCA, "holds a private key, which must not be there; leave only the certificates of the callers' CAs")
	case cas.unreadable != nil:
		problem(i.files.ClientCA, "holds a certificate that cannot be read (%w); write it again", cas.unreadable)
	case len(cas.certificates) == 0:
		problem(i.files.ClientCA, "holds no certificate; put those of the callers' CAs there, in PEM")
	case !current:
		problem(i.files.ClientCA, "holds only CAs that have expired; put the current ones there")
	}
	return pool
}

func day(t time.Time) string { return t.UTC().Format(time.RFC3339) }
