package servertls_test

import (
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/servertls"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// TestProblems: all problems are reported together, each as a FileError, and the files loaded before
// stay in use.
func TestProblems(t *testing.T) {
	ca := testkit.NewAuthority(t, "CA")
	old := testkit.NewAuthority(t, "old CA", expired)
	own, other := issue(t, ca), issue(t, ca)
	past, future := issue(t, ca, expired), issue(t, ca, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Date(2222, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(2223, 1, 1, 0, 0, 0, 0, time.UTC)
	})
	key := own.KeyPEM(t)
	broken := block("CERTIFICATE", "no certificate")
	request := block("CERTIFICATE REQUEST", "x")
	const (
		noCert     = "tls.crt holds no certificate; put it there in PEM, followed by those between it and its CA"
		unreadable = " holds a certificate that cannot be read (x509: malformed certificate); write it again"
		noKey      = "tls.key holds no private key; put the certificate's key there, in PEM"
		sealed     = "tls.key is encrypted; write it without a passphrase, for example with openssl pkey"
		noCA       = "ca.crt holds no certificate; put those of the callers' CAs there, in PEM"
		keyAsCA    = "ca.crt holds a private key, which must not be there; leave only the certificates of the callers' CAs"
	)
	identity := identityOf(t, own, ca)
	for _, test := range []struct {
		name          string
		cert, key, ca string
		want          string
	}{
		{"nothing", "", "", "", noCert + "\n" + noKey + "\n" + noCA},
		{"other text", "a", "b", "c", noCert + "\n" + noKey + "\n" + noCA},
		{"a request for a certificate", request, key, ca.CertPEM(), noCert},
		{"interchanged", key, own.CertPEM(), ca.CertPEM(),
			"tls.crt holds a private key and no certificate; are the files of the certificate and the key interchanged?\n" + noKey},
		{"the key of another certificate", own.CertPEM(), other.KeyPEM(t), ca.CertPEM(),
			"tls.key is not the key of the certificate in tls.crt (tls: private key does not match public key); put the two that belong together there"},
		{"the CA first", ca.CertPEM() + own.CertPEM(), key, ca.CertPEM(),
			"tls.key is not the key of the certificate in tls.crt (tls: private key does not match public key); put the two that belong together there"},
		{"expired", past.CertPEM(), past.KeyPEM(t), ca.CertPEM(), "tls.crt expired on 2026-01-02T03:04:05Z; put a new certificate there"},
		{"too early", future.CertPEM(), future.KeyPEM(t), ca.CertPEM(), "tls.crt is not valid before 2222-01-02T03:04:05Z; wait, or set the clock right"},
		{"an encrypted key", own.CertPEM(), encrypted("PKCS 8"), ca.CertPEM(), sealed},
		{"an encrypted key, the old way", own.CertPEM(), encrypted("PKCS 1"), ca.CertPEM(), sealed},
		{"a broken certificate", broken, key, ca.CertPEM(), "tls.crt" + unreadable},
		{"a broken CA among others", own.CertPEM(), key, ca.CertPEM() + broken, "ca.crt" + unreadable},
		{"a CA with its key", own.CertPEM(), key, ca.CertPEM() + ca.KeyPEM(t), keyAsCA},
		{"a CA with its encrypted key", own.CertPEM(), key, ca.CertPEM() + encrypted("PKCS 8"), keyAsCA},
		{"an expired CA", own.CertPEM(), key, old.CertPEM(), "ca.crt holds only CAs that have expired; put the current ones there"},
		{"expired and no CA", past.CertPEM(), past.KeyPEM(t), "x", "tls.crt expired on 2026-01-02T03:04:05Z; put a new certificate there\n" + noCA},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := identity.Load([][]byte{[]byte(test.cert), []byte(test.key), []byte(test.ca)})
			if err == nil || err.Error() != test.want {
				t.Errorf("got:\n%v\nwant:\n%s", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "BEGIN") {
				t.Error("it shows the file")
			}
			if file, ok := errors.AsType[*servertls.FileError](err); !ok || !strings.HasPrefix(test.want, file.Name+" ") {
				t.Errorf("%#v is not a FileError of the file", file)
			}
			if !identity.NotAfter().Equal(own.NotAfter) {
				t.Error("the files loaded before are gone")
			}
		})
	}
}

// TestForms: the forms that valid files may have.
func TestForms(t *testing.T) {
	ca := testkit.NewAuthority(t, "CA")
	between := issue(t, ca, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
		c.Subject.CommonName = "between"
	})
	own := issue(t, between)
	both := own.KeyPEM(t) + own.CertPEM() + between.CertPEM()
	sec1, err := x509.MarshalECPrivateKey(own.Key)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name          string
		cert, key, ca string
	}{
		{"a chain", own.CertPEM() + between.CertPEM(), own.KeyPEM(t), ca.CertPEM()},
		{"one file for both", both, both, ca.CertPEM()},
		{"a key in SEC 1", own.CertPEM(), block("EC PRIVATE KEY", string(sec1)), ca.CertPEM()},
		{"text between", "subject=test\n" + own.CertPEM(), own.KeyPEM(t), "# the CA\n" + ca.CertPEM()},
		{"an expired CA beside a valid one", own.CertPEM(), own.KeyPEM(t), testkit.NewAuthority(t, "old", expired).CertPEM() + ca.CertPEM()},
	} {
		t.Run(test.name, func(t *testing.T) {
			identity := servertls.New(files)
			if !identity.NotAfter().IsZero() {
				t.Error("it expires before it is loaded")
			}
			if err := identity.Load([][]byte{[]byte(test.cert), []byte(test.key), []byte(test.ca)}); err != nil {
				t.Fatal(err)
			}
			if !identity.NotAfter().Equal(own.NotAfter) {
				t.Errorf("it expires at %v", identity.NotAfter())
			}
		})
	}
}
