package servertls_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/servertls"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// listen echoes over connections of the identity, until the test ends.
func listen(t *testing.T, identity *servertls.Identity) string {
	t.Helper()
	listener := testkit.Listen(t)
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(testkit.Timeout))
				secured := tls.Server(conn, identity.Config())
				_, _ = io.Copy(secured, secured)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		connections.Wait()
	})
	return listener.Addr().String()
}

// connection is a client's.
type connection struct {
	t *testing.T
	*tls.Conn
}

// dial connects and waits for the first echo, because with TLS 1.3 a client learns only then whether
// its certificate was accepted.
func dial(t *testing.T, address string, config *tls.Config) (*connection, error) {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: testkit.Timeout}, "tcp", address, config)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	c := &connection{t, conn}
	return c, c.echo()
}

func (c *connection) echo() error {
	_ = c.SetDeadline(time.Now().Add(testkit.Timeout))
	if _, err := c.Write([]byte("x")); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return err
}

func (c *connection) mustEcho() {
	c.t.Helper()
	if err := c.echo(); err != nil {
		c.t.Error(err)
	}
}

// client is the configuration of a client that trusts the CA and has the certificate, if there is one.
func client(ca *testkit.Certificate, own ...*testkit.Certificate) *tls.Config {
	config := ca.Client(append(own, nil)[0])
	config.NextProtos = []string{"h2"}
	return config
}

func uses(usage x509.ExtKeyUsage) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{usage} }
}

// TestClientCAs: with client CAs, only their clients connect.
func TestClientCAs(t *testing.T) {
	ca, other, twin := testkit.NewAuthority(t, "CA"), testkit.NewAuthority(t, "other CA"), testkit.NewAuthority(t, "CA")
	mutual := listen(t, identityOf(t, issue(t, ca), ca))
	open := listen(t, identityOf(t, issue(t, ca)))
	for _, test := range []struct {
		name    string
		address string
		caller  []*testkit.Certificate
		ok      bool
	}{
		{"a client of the CA", mutual, []*testkit.Certificate{issue(t, ca)}, true},
		{"no certificate", mutual, nil, false},
		{"another CA", mutual, []*testkit.Certificate{issue(t, other)}, false},
		{"another CA of the same name", mutual, []*testkit.Certificate{issue(t, twin)}, false},
		{"signed by itself", mutual, []*testkit.Certificate{issue(t, nil)}, false},
		{"expired", mutual, []*testkit.Certificate{issue(t, ca, expired)}, false},
		{"not yet valid", mutual, []*testkit.Certificate{issue(t, ca, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Minute) })}, false},
		{"for servers only", mutual, []*testkit.Certificate{issue(t, ca, uses(x509.ExtKeyUsageServerAuth))}, false},
		{"signed by a client", mutual, []*testkit.Certificate{issue(t, issue(t, ca))}, false},
		{"the key of another", mutual, []*testkit.Certificate{{Certificate: issue(t, ca).Certificate, Key: issue(t, nil).Key}}, false},
		{"for clients only", mutual, []*testkit.Certificate{issue(t, ca, uses(x509.ExtKeyUsageClientAuth))}, true},
		{"no certificate, and no client CA", open, nil, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := dial(t, test.address, client(ca, test.caller...)); (err == nil) != test.ok {
				t.Errorf("the connection ended with %v", err)
			}
		})
	}
}

// TestProtocol: old versions and other protocols are rejected.
func TestProtocol(t *testing.T) {
	ca := testkit.NewAuthority(t, "CA")
	address := listen(t, identityOf(t, issue(t, ca)))
	for _, test := range []struct {
		name   string
		change func(*tls.Config)
		ok     bool
	}{
		{"TLS 1.3", func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }, true},
		{"TLS 1.2", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, true},
		{"TLS 1.1", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, false},
		{"a suite that HTTP/2 forbids", func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		}, false},
		{"no forward secrecy", func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
		}, false},
		{"another host", func(c *tls.Config) { c.ServerName = "other.example.org" }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := client(ca)
			test.change(config)
			conn, err := dial(t, address, config)
			if (err == nil) != test.ok {
				t.Fatalf("the connection ended with %v", err)
			}
			if test.ok && conn.ConnectionState().NegotiatedProtocol != "h2" {
				t.Errorf("the protocol is %q", conn.ConnectionState().NegotiatedProtocol)
			}
		})
	}
}

// TestNewFiles: the next handshake uses the files loaded last, and open connections continue.
func TestNewFiles(t *testing.T) {
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			ca, next := testkit.NewAuthority(t, "CA"), testkit.NewAuthority(t, "next CA")
			first, second := issue(t, ca), issue(t, ca)
			identity := identityOf(t, first, ca)
			address := listen(t, identity)
			config := client(ca, issue(t, ca))
			config.MaxVersion = version
			config.ClientSessionCache = tls.NewLRUClientSessionCache(0)

			connect := func(own *testkit.Certificate) *connection {
				t.Helper()
				conn, err := dial(t, address, config)
				if err != nil {
					t.Fatal(err)
				}
				state := conn.ConnectionState()
				if !state.PeerCertificates[0].Equal(own.Certificate) || state.DidResume {
					t.Errorf("serial %v, resumed %v", state.PeerCertificates[0].SerialNumber, state.DidResume)
				}
				return conn
			}
			before := connect(first)
			load(t, identity, second, ca)
			after := connect(second)
			load(t, identity, second, next)
			if _, err := dial(t, address, config); err == nil {
				t.Error("a client of a removed CA connects")
			}
			config = client(ca, issue(t, next))
			connect(second).mustEcho()
			before.mustEcho()
			after.mustEcho()
		})
	}
}

// TestNotLoaded: without a certificate there is no connection.
func TestNotLoaded(t *testing.T) {
	if _, err := dial(t, listen(t, servertls.New(files)), client(testkit.NewAuthority(t, "CA"))); err == nil {
		t.Error("a connection without a certificate")
	}
}
