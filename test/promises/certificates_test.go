package promises_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/credentials"
)

// host is the name in the service's certificate.
const host = "gateway.example.org"

// issued is a certificate with its key.
type issued struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

var serial atomic.Int64

// issue creates a certificate, self-signed if there is no issuer.
func issue(t *testing.T, by *issued, changes ...func(*x509.Certificate)) *issued {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, change := range changes {
		change(template)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	parent, signer := template, key
	if by != nil {
		parent, signer = by.certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	must(t, err)
	certificate, err := x509.ParseCertificate(der)
	must(t, err)
	return &issued{certificate, key}
}

func authority(t *testing.T, name string) *issued {
	t.Helper()
	return issue(t, nil, func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: name}
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
	})
}

func forServer(c *x509.Certificate) {
	c.DNSNames, c.ExtKeyUsage = []string{host}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
}

func named(commonName string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: commonName} }
}

func withDNS(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.DNSNames = names }
}

func withURI(texts ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		for _, text := range texts {
			uri, _ := url.Parse(text)
			c.URIs = append(c.URIs, uri)
		}
	}
}

func expired(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }

func notYet(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour / 2) }

func (i *issued) certPEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.certificate.Raw}))
}

func (i *issued) keyPEM(t *testing.T) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// The names of the service's files.
const (
	certFile = "tls.crt"
	keyFile  = "tls.key"
	caFile   = "ca.crt"
	callers  = "callers"
)

// pair are the files of the service's certificate.
func (i *issued) pair(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{certFile: i.certPEM(), keyFile: i.keyPEM(t)}
}

// trusted is the file of the callers' CAs.
func trusted(cas ...*issued) map[string]string {
	var all strings.Builder
	for _, ca := range cas {
		all.WriteString(ca.certPEM())
	}
	return map[string]string{caFile: all.String()}
}

// Flags for the files in a folder.
func tlsFlags(folder string) []string {
	return []string{"--tls-cert=" + filepath.Join(folder, certFile), "--tls-key=" + filepath.Join(folder, keyFile)}
}

func mutualFlags(folder string) []string {
	return append(tlsFlags(folder), "--tls-client-ca="+filepath.Join(folder, caFile))
}

func callersFlag(folder string) string { return "--auth-tokens-file=" + filepath.Join(folder, callers) }

// trusting is the configuration of a client that trusts the service's CA and sends its
// own certificate, if it has one, also when the service does not accept its CA, as an
// attacker would.
func trusting(ca, own *issued) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(ca.certificate)
	config := &tls.Config{ServerName: host, RootCAs: roots, MinVersion: tls.VersionTLS12}
	if own != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &tls.Certificate{Certificate: [][]byte{own.certificate.Raw}, PrivateKey: own.key, Leaf: own.certificate}, nil
		}
	}
	return config
}

// secured returns the gRPC credentials of trusting.
func secured(ca, own *issued) credentials.TransportCredentials {
	return credentials.NewTLS(trusting(ca, own))
}
