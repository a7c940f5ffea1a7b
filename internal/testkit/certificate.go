package testkit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"sync/atomic"
	"testing"
	"time"
)

// Host is the name in the certificates of services.
const Host = "gateway.example.org"

// Certificate is a certificate with its key.
type Certificate struct {
	*x509.Certificate

	Key *ecdsa.PrivateKey
}

var serial atomic.Int64

// NewAuthority returns a CA of that name with these changes.
func NewAuthority(tb testing.TB, name string, changes ...func(*x509.Certificate)) *Certificate {
	tb.Helper()
	return Issue(tb, nil, append(changes, func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: name}
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
	})...)
}

// Issue returns a certificate for clients and services with these changes, valid from an hour ago to
// an hour from now. Without an issuer it is self-signed.
func Issue(tb testing.TB, by *Certificate, changes ...func(*x509.Certificate)) *Certificate {
	tb.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	for _, change := range changes {
		change(template)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.Certificate, by.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		tb.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return &Certificate{certificate, key}
}

// ForHost makes the certificate that of a service, with the name [Host].
func ForHost(c *x509.Certificate) { c.DNSNames = []string{Host} }

// CertPEM returns the certificate in PEM.
func (c *Certificate) CertPEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// KeyPEM returns the private key in PEM, as PKCS 8.
func (c *Certificate) KeyPEM(tb testing.TB) string {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.Key)
	if err != nil {
		tb.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// Client returns the configuration of a client that trusts this CA and sends its own certificate, if
// it has one, even if the service does not accept its CA, as an attacker would.
func (c *Certificate) Client(own *Certificate) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(c.Certificate)
	config := &tls.Config{ServerName: Host, RootCAs: roots, MinVersion: tls.VersionTLS12}
	if own != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &tls.Certificate{Certificate: [][]byte{own.Raw}, PrivateKey: own.Key, Leaf: own.Certificate}, nil
		}
	}
	return config
}
