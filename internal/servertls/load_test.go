package servertls_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/servertls"
)

// TestProblems: all problems are reported together, each as a FileError, and the files loaded before
// stay in use.
func TestProblems(t *testing.T) {
	ca := authority(t, "CA")
	old := authority(t, "old CA", expired)
	own, other := issue(t, ca), issue(t, ca)
	past, future := issue(t, ca, expired), issue(t, ca, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Date(2222, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(2223, 1, 1, 0, 0, 0, 0, time.UTC)
	})
	key := own.keyPEM(t)
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("no certificate")})
	request := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: []byte("x")})
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
		cert, key, ca []byte
		want          string
	}{
		{"nothing", nil, nil, nil, noCert + "\n" + noKey + "\n" + noCA},
		{"other text", []byte("a"), []byte("b"), []byte("c"), noCert + "\n" + noKey + "\n" + noCA},
		{"a request for a certificate", request, key, ca.cert(), noCert},
		{"interchanged", key, own.cert(), ca.cert(),
			"tls.crt holds a private key and no certificate; are the files of the certificate and the key interchanged?\n" + noKey},
		{"the key of another certificate", own.cert(), other.keyPEM(t), ca.cert(),
			"tls.key is not the key of the certificate in tls.crt (tls: private key does not match public key); put the two that belong together there"},
		{"the CA first", join(ca.cert(), own.cert()), key, ca.cert(),
			"tls.key is not the key of the certificate in tls.crt (tls: private key does not match public key); put the two that belong together there"},
		{"expired", past.cert(), past.keyPEM(t), ca.cert(), "tls.crt expired on 2026-01-02T03:04:05Z; put a new certificate there"},
		{"too early", future.cert(), future.keyPEM(t), ca.cert(), "tls.crt is not valid before 2222-01-02T03:04:05Z; wait, or set the clock right"},
		{"an encrypted key", own.cert(), encrypted("PKCS 8"), ca.cert(), sealed},
		{"an encrypted key, the old way", own.cert(), encrypted("PKCS 1"), ca.cert(), sealed},
		{"a broken certificate", broken, key, ca.cert(), "tls.crt" + unreadable},
		{"a broken CA among others", own.cert(), key, join(ca.cert(), broken), "ca.crt" + unreadable},
		{"a CA with its key", own.cert(), key, join(ca.cert(), ca.keyPEM(t)), keyAsCA},
		{"a CA with its encrypted key", own.cert(), key, join(ca.cert(), encrypted("PKCS 8")), keyAsCA},
		{"an expired CA", own.cert(), key, old.cert(), "ca.crt holds only CAs that have expired; put the current ones there"},
		{"expired and no CA", past.cert(), past.keyPEM(t), []byte("x"), "tls.crt expired on 2026-01-02T03:04:05Z; put a new certificate there\n" + noCA},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := identity.Load([][]byte{test.cert, test.key, test.ca})
			if err == nil || err.Error() != test.want {
				t.Errorf("got:\n%v\nwant:\n%s", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "BEGIN") {
				t.Error("it shows the file")
			}
			if file, ok := errors.AsType[*servertls.FileError](err); !ok || !strings.HasPrefix(test.want, file.Name+" ") {
				t.Errorf("%#v is not a FileError of the file", file)
			}
			if !identity.NotAfter().Equal(own.certificate.NotAfter) {
				t.Error("the files loaded before are gone")
			}
		})
	}
}

// TestForms: the forms that valid files may have.
func TestForms(t *testing.T) {
	ca := authority(t, "CA")
	between := issue(t, ca, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
		c.Subject.CommonName = "between"
	})
	own := issue(t, between)
	both := join(own.keyPEM(t), own.cert(), between.cert())
	sec1, err := x509.MarshalECPrivateKey(own.key)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name          string
		cert, key, ca []byte
	}{
		{"a chain", join(own.cert(), between.cert()), own.keyPEM(t), ca.cert()},
		{"one file for both", both, both, ca.cert()},
		{"a key in SEC 1", own.cert(), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}), ca.cert()},
		{"text between", join([]byte("subject=test\n"), own.cert()), own.keyPEM(t), join([]byte("# the CA\n"), ca.cert())},
		{"an expired CA beside a valid one", own.cert(), own.keyPEM(t), join(authority(t, "old", expired).cert(), ca.cert())},
	} {
		t.Run(test.name, func(t *testing.T) {
			identity := servertls.New(files)
			if !identity.NotAfter().IsZero() {
				t.Error("it expires before it is loaded")
			}
			if err := identity.Load([][]byte{test.cert, test.key, test.ca}); err != nil {
				t.Fatal(err)
			}
			if !identity.NotAfter().Equal(own.certificate.NotAfter) {
				t.Errorf("it expires at %v", identity.NotAfter())
			}
		})
	}
}
