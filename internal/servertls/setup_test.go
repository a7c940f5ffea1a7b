package servertls_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pelcro-grpc/pelcro-grpc/internal/servertls"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testTimeout bounds what must happen soon.
const testTimeout = 20 * time.Second

const host = "gateway.example.org"

// issued is a certificate with its key; it may issue others.
type issued struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

var serial int64

// issue makes a certificate with these changes; self-signed without an issuer.
func issue(t testing.TB, by *issued, changes ...func(*x509.Certificate)) *issued {
	t.Helper()
	serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: "test"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		DNSNames:     []string{host},
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	for _, change := range changes {
		change(template)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issued{certificate, key}
}

// authority makes a CA of that name.
func authority(t testing.TB, name string, changes ...func(*x509.Certificate)) *issued {
	t.Helper()
	return issue(t, nil, append(changes, func(c *x509.Certificate) {
		c.Subject.CommonName = name
		c.IsCA, c.BasicConstraintsValid = true, true
		c.KeyUsage = x509.KeyUsageCertSign
		c.ExtKeyUsage, c.DNSNames = nil, nil
	})...)
}

func expired(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if c.NotAfter.Before(c.NotBefore) {
		c.NotBefore = c.NotAfter.Add(-time.Hour)
	}
}

func (i *issued) cert() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.certificate.Raw})
}

func (i *issued) keyPEM(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func (i *issued) pair() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{i.certificate.Raw}, PrivateKey: i.key, Leaf: i.certificate}
}

func pool(authorities ...*issued) *x509.CertPool {
	p := x509.NewCertPool()
	for _, a := range authorities {
		p.AddCert(a.certificate)
	}
	return p
}

// files are the names in these tests.
var files = servertls.Files{Cert: "tls.crt", Key: "tls.key", ClientCA: "ca.crt"}

// identityOf is loaded with the certificate, and accepts clients of the CAs.
func identityOf(t testing.TB, own *issued, callers ...*issued) *servertls.Identity {
	t.Helper()
	names := files
	if len(callers) == 0 {
		names.ClientCA = ""
	}
	identity := servertls.New(names)
	load(t, identity, own, callers...)
	return identity
}

func load(t testing.TB, identity *servertls.Identity, own *issued, callers ...*issued) {
	t.Helper()
	var cas []byte
	for _, ca := range callers {
		cas = append(cas, ca.cert()...)
	}
	contents := [][]byte{own.cert(), own.keyPEM(t), cas}
	if err := identity.Load(contents[:len(identity.Names())]); err != nil {
		t.Fatal(err)
	}
}

// encrypted looks like a key with a passphrase to a reader without it.
func encrypted(form string) []byte {
	if form == "PKCS 8" {
		return pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("secret")})
	}
	return pem.EncodeToMemory(&pem.Block{
		Type: "EC PRIVATE KEY", Bytes: []byte("secret"),
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"},
	})
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
