package servertls_test

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/servertls"
)

// TestHalf: half a pair is refused.
func TestHalf(t *testing.T) {
	for _, test := range []struct {
		name  string
		files servertls.Files
		want  string
	}{
		{"the certificate", servertls.Files{Cert: "c"}, "--tls-cert is set without --tls-key; set both, or neither for plain text"},
		{"the key", servertls.Files{Key: "k"}, "--tls-key is set without --tls-cert; set both, or neither for plain text"},
		{"the key and a CA", servertls.Files{Key: "k", ClientCA: "a"}, "--tls-key is set without --tls-cert; set both, or neither for plain text"},
		{"a CA", servertls.Files{ClientCA: "a"}, "--tls-client-ca is set without --tls-cert and --tls-key; callers can prove who they are over TLS only, so set all three"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if identity, err := servertls.New(test.files); identity != nil || err == nil || err.Error() != test.want {
				t.Errorf("%v, %v", identity, err)
			}
		})
	}
}

// TestProblems: each problem is said, all at once, and what was loaded stays.
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
		noCert     = "--tls-cert tls.crt holds no certificate; put it there in PEM, followed by those between it and its CA"
		unreadable = " holds a certificate that cannot be read (x509: malformed certificate); write it again"
		noKey      = "--tls-key tls.key holds no private key; put the certificate's key there, in PEM"
		sealed     = "--tls-key tls.key is encrypted; write it without a passphrase, for example with openssl pkey"
		noCA       = "--tls-client-ca ca.crt holds no certificate; put those of the callers' CAs there, in PEM"
		keyAsCA    = "--tls-client-ca ca.crt holds a private key, which has no business there; leave only the certificates of the callers' CAs"
	)
	identity := identityOf(t, own, ca)
	for _, test := range []struct {
		name          string
		cert, key, ca []byte
		want          string
	}{
		{"nothing", nil, nil, nil, noCert + "\n" + noKey + "\n" + noCA},
		{"other texts", []byte("a"), []byte("b"), []byte("c"), noCert + "\n" + noKey + "\n" + noCA},
		{"a request for a certificate", request, key, ca.cert(), noCert},
		{"interchanged", key, own.cert(), ca.cert(),
			"--tls-cert tls.crt holds a private key and no certificate; are --tls-cert and --tls-key interchanged?\n" + noKey},
		{"another's key", own.cert(), other.keyPEM(t), ca.cert(),
			"--tls-key tls.key is not the key of --tls-cert tls.crt (tls: private key does not match public key); put the two that belong together there"},
		{"the CA first", join(ca.cert(), own.cert()), key, ca.cert(),
			"--tls-key tls.key is not the key of --tls-cert tls.crt (tls: private key does not match public key); put the two that belong together there"},
		{"expired", past.cert(), past.keyPEM(t), ca.cert(), "--tls-cert tls.crt expired on 2026-01-02T03:04:05Z; put a new certificate there"},
		{"too early", future.cert(), future.keyPEM(t), ca.cert(), "--tls-cert tls.crt is not valid before 2222-01-02T03:04:05Z; wait, or set the clock right"},
		{"an encrypted key", own.cert(), encrypted("PKCS 8"), ca.cert(), sealed},
		{"an encrypted key, the old way", own.cert(), encrypted("PKCS 1"), ca.cert(), sealed},
		{"a broken certificate", broken, key, ca.cert(), "--tls-cert tls.crt" + unreadable},
		{"a broken CA among others", own.cert(), key, join(ca.cert(), broken), "--tls-client-ca ca.crt" + unreadable},
		{"a CA with its key", own.cert(), key, join(ca.cert(), ca.keyPEM(t)), keyAsCA},
		{"a CA with its encrypted key", own.cert(), key, join(ca.cert(), encrypted("PKCS 8")), keyAsCA},
		{"an expired CA", own.cert(), key, old.cert(), "--tls-client-ca ca.crt holds only CAs that have expired; put the present ones there"},
		{"expired and no CA", past.cert(), past.keyPEM(t), []byte("x"), "--tls-cert tls.crt expired on 2026-01-02T03:04:05Z; put a new certificate there\n" + noCA},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := identity.Load([][]byte{test.cert, test.key, test.ca})
			if err == nil || err.Error() != test.want {
				t.Errorf("got:\n%v\nwant:\n%s", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "BEGIN") {
				t.Error("it shows the file")
			}
			if !identity.NotAfter().Equal(own.certificate.NotAfter) {
				t.Error("what was loaded is gone")
			}
		})
	}
}

// TestForms: what is right in more than one form.
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
		{"a key of its own form", own.cert(), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}), ca.cert()},
		{"texts between", join([]byte("subject=test\n"), own.cert()), own.keyPEM(t), join([]byte("# the CA\n"), ca.cert())},
		{"an expired CA beside a good one", own.cert(), own.keyPEM(t), join(authority(t, "old", expired).cert(), ca.cert())},
	} {
		t.Run(test.name, func(t *testing.T) {
			identity, err := servertls.New(files)
			if err != nil {
				t.Fatal(err)
			}
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
