package servertls_test

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pelcro-grpc/pelcro-grpc/internal/servertls"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// issue makes a certificate for the host and for clients.
func issue(t testing.TB, by *testkit.Certificate, changes ...func(*x509.Certificate)) *testkit.Certificate {
	t.Helper()
	return testkit.Issue(t, by, append([]func(*x509.Certificate){testkit.ForHost}, changes...)...)
}

func expired(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
}

// files are the names in these tests.
var files = servertls.Files{Cert: "tls.crt", Key: "tls.key", ClientCA: "ca.crt"}

// identityOf is loaded with the certificate, and accepts clients of the CAs.
func identityOf(t testing.TB, own *testkit.Certificate, callers ...*testkit.Certificate) *servertls.Identity {
	t.Helper()
	names := files
	if len(callers) == 0 {
		names.ClientCA = ""
	}
	identity := servertls.New(names)
	load(t, identity, own, callers...)
	return identity
}

func load(t testing.TB, identity *servertls.Identity, own *testkit.Certificate, callers ...*testkit.Certificate) {
	t.Helper()
	var cas strings.Builder
	for _, ca := range callers {
		cas.WriteString(ca.CertPEM())
	}
	contents := [][]byte{[]byte(own.CertPEM()), []byte(own.KeyPEM(t)), []byte(cas.String())}
	if err := identity.Load(contents[:len(identity.Names())]); err != nil {
		t.Fatal(err)
	}
}

// encrypted looks like a key with a passphrase to a reader without it.
func encrypted(form string) string {
	if form == "PKCS 8" {
		return block("ENCRYPTED PRIVATE KEY", "secret")
	}
	return string(pem.EncodeToMemory(&pem.Block{
		Type: "EC PRIVATE KEY", Bytes: []byte("secret"),
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"},
	}))
}

// block is a block of PEM.
func block(kind, content string) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte(content)}))
}
