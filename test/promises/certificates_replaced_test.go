package promises_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// crm is the caller of these tests, by certificate.
const crm = "spiffe://example.org/crm"

// get reads a customer.
func get(ctx context.Context, conn *grpc.ClientConn) error {
	_, err := pelcrov1.NewCustomerServiceClient(conn).GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: 42})
	return err
}

// handshake connects to the program and returns the serial number of its certificate, and
// an error if the client was rejected, which TLS 1.3 reports after the handshake.
func (p *process) handshake(config *tls.Config) (serial int64, err error) {
	config = config.Clone()
	config.NextProtos = []string{"h2"}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: testTimeout}, "tcp", p.address, config)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	serial = conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	_ = conn.SetDeadline(time.Now().Add(testTimeout))
	_, err = conn.Read(make([]byte, 1)) // its SETTINGS, or its alert
	return serial, err
}

// waitForCertificate waits until new connections have the certificate and returns how
// long that took.
func (p *process) waitForCertificate(t *testing.T, config *tls.Config, want *issued, since time.Time) time.Duration {
	t.Helper()
	eventually(t, "new connections have the new certificate", func() bool {
		serial, err := p.handshake(config)
		if err != nil {
			t.Errorf("a new connection: %v", err)
		}
		return serial == want.certificate.SerialNumber.Int64()
	})
	return time.Since(since)
}

// The service's certificate and the callers' CA are replaced under load without a failed
// call, on open and on new connections. New handshakes use the new ones within two
// seconds, and then reject certificates of the old CA.
func TestR17CertificateRotation(t *testing.T) {
	for _, way := range replacements {
		t.Run(way.name, func(t *testing.T) {
			parallelUnlessSoaking(t)
			_, url := startKeyUpstream(t)
			ours, first, second := authority(t, "ours"), authority(t, "first"), authority(t, "second")
			folder, caFolder := t.TempDir(), t.TempDir()
			way.put(t, folder, issue(t, ours, forServer).pair(t))
			way.put(t, caFolder, trusted(first))
			putInPlace(t, folder, map[string]string{callers: "crm " + crm + " pelcro.v1.CustomerService/*\n"})
			flags := append(tlsFlags(folder), mutualFlags(caFolder)[2], callersFlag(folder), withKey)
			p := run(t, url, flags...)

			old, fresh := issue(t, first, withURI(crm)), issue(t, second, withURI(crm))
			open := make([]*grpc.ClientConn, 4)
			for i := range open {
				open[i] = p.dial(t, secured(ours, old))
			}
			var turn, handshakes atomic.Int64
			load := startLoad(t, func(ctx context.Context) error { return get(ctx, open[turn.Add(1)%4]) })
			newcomer := atomic.Pointer[tls.Config]{} // the client configuration of new connections under load
			newcomer.Store(trusting(ours, old))
			dialing, stopDialing := context.WithCancel(t.Context())
			dialed := make(chan struct{})
			go func() {
				defer close(dialed)
				for dialing.Err() == nil {
					if _, err := p.handshake(newcomer.Load()); err != nil {
						t.Errorf("a new connection under load: %v", err)
					}
					handshakes.Add(1)
				}
			}()

			begin, slowest := time.Now(), time.Duration(0)
			for n := 0; n == 0 || time.Since(begin) < scaled(30*time.Second, 0); n++ {
				leaf := issue(t, ours, forServer)
				since := time.Now()
				way.put(t, folder, leaf.pair(t))
				slowest = max(slowest, p.waitForCertificate(t, newcomer.Load(), leaf, since))
			}
			// The callers' CA: both, then only the new one.
			since := time.Now()
			way.put(t, caFolder, trusted(first, second))
			eventually(t, "callers of the new CA are accepted", func() bool {
				_, err := p.handshake(trusting(ours, fresh))
				return err == nil
			})
			slowest = max(slowest, time.Since(since))
			newcomer.Store(trusting(ours, fresh))
			if err := get(t.Context(), p.dial(t, secured(ours, fresh))); err != nil {
				t.Errorf("a caller of the new CA: %v", err)
			}
			// A handshake that started with the old certificate must end first.
			for seen := handshakes.Load(); handshakes.Load() < seen+2; {
				<-time.After(time.Millisecond)
			}
			since = time.Now()
			way.put(t, caFolder, trusted(second))
			eventually(t, "callers of the old CA are rejected", func() bool {
				_, err := p.handshake(trusting(ours, old))
				return err != nil
			})
			slowest = max(slowest, time.Since(since))
			if err := get(t.Context(), open[0]); err != nil {
				t.Errorf("an open connection of the old CA: %v", err)
			}
			stopDialing()
			<-dialed
			load.stop()
			t.Logf("%d calls, %d failed; %d handshakes; in use after %v at most", load.calls.Load(), load.failed.Load(), handshakes.Load(), slowest)
			if slowest > inUse {
				t.Errorf("a change was in use after %v", slowest)
			}
			err := get(t.Context(), p.dial(t, secured(ours, old)))
			if status.Code(err) != codes.Unavailable {
				t.Errorf("a new connection of the old CA: %v", err)
			}
		})
	}
}

// A pair that does not match, has expired or is not a certificate is ignored; the previous
// one stays in use.
func TestR17BadCertificates(t *testing.T) {
	_, url := startKeyUpstream(t)
	ours, theirs := authority(t, "ours"), authority(t, "theirs")
	good, folder := issue(t, ours, forServer), t.TempDir()
	putInPlace(t, folder, good.pair(t))
	putInPlace(t, folder, trusted(theirs))
	putInPlace(t, folder, map[string]string{callers: "crm " + crm + " *\n"})
	p := run(t, url, append(mutualFlags(folder), callersFlag(folder), withKey)...)
	caller := issue(t, theirs, withURI(crm))
	// Each call has its own connection and handshake.
	load := startLoad(t, func(ctx context.Context) error {
		conn, err := grpc.NewClient("passthrough:///"+p.address, grpc.WithTransportCredentials(secured(ours, caller)))
		if err == nil {
			defer conn.Close()
			err = get(ctx, conn)
		}
		return err
	})
	rejected := 0
	for _, bad := range []map[string]string{
		{keyFile: issue(t, ours).keyPEM(t)},
		issue(t, ours, forServer, expired).pair(t),
		{certFile: "", keyFile: ""},
		{certFile: good.certPEM()[:100], keyFile: good.keyPEM(t)},
		{certFile: good.certPEM(), keyFile: good.keyPEM(t), caFile: ""},
		{caFile: "no certificate"},
		{caFile: issue(t, nil, expired, func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }).certPEM()},
	} {
		rejected++
		putByRename(t, folder, bad)
		eventually(t, "the metric counts it", func() bool {
			return p.count(t, reloads, "file", "tls", "result", "rejected") == rejected
		})
		if serial, err := p.handshake(trusting(ours, caller)); err != nil || serial != good.certificate.SerialNumber.Int64() {
			t.Errorf("bad file %d: certificate %d, %v", rejected, serial, err)
		}
	}
	load.stop()
	if lines := strings.Count(p.log.String(), "reload failed; keeping the previous version"); lines != rejected {
		t.Errorf("%d lines for %d bad files", lines, rejected)
	}
	t.Logf("%d calls, each with its own connection, %d failed; %d bad files", load.calls.Load(), load.failed.Load(), rejected)
}

// Without a certificate of the callers' CA that is valid now and for clients there is no
// connection, so no call, not even a health check.
func TestR17RejectedCertificates(t *testing.T) {
	pelcro, url := startKeyUpstream(t)
	ours, theirs := authority(t, "ours"), authority(t, "theirs")
	folder := t.TempDir()
	putInPlace(t, folder, issue(t, ours, forServer).pair(t))
	putInPlace(t, folder, trusted(theirs))
	token, line := newToken("crm", "*")
	putInPlace(t, folder, map[string]string{callers: "crm " + crm + " *\n" + line})
	p := run(t, url, append(mutualFlags(folder), callersFlag(folder), withKey)...)
	var connected atomic.Int64
	for _, test := range []struct {
		name string
		own  *issued
		ok   bool
	}{
		{"right", issue(t, theirs, withURI(crm)), true},
		{"none", nil, false},
		{"of another CA", issue(t, authority(t, "theirs"), withURI(crm)), false},
		{"of the service's own CA", issue(t, ours, withURI(crm)), false},
		{"self-signed", issue(t, nil, withURI(crm)), false},
		{"expired", issue(t, theirs, withURI(crm), expired), false},
		{"not valid yet", issue(t, theirs, withURI(crm), notYet), false},
		{"for servers", issue(t, theirs, withURI(crm), forServer), false},
		{"signed by a caller", issue(t, issue(t, theirs, withURI(crm)), withURI(crm)), false},
		{"with another key", &issued{issue(t, theirs, withURI(crm)).certificate, issue(t, nil).key}, false},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(test.name+", "+tls.VersionName(version), func(t *testing.T) {
				config := trusting(ours, test.own)
				config.MinVersion, config.MaxVersion = version, version
				if _, err := p.handshake(config); (err == nil) != test.ok {
					t.Errorf("the handshake: %v", err)
				}
				conn := p.dial(t, secured(ours, test.own))
				ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token)
				_, health := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
				for _, err := range []error{get(ctx, conn), health} {
					if (err == nil) != test.ok || err != nil && status.Code(err) != codes.Unavailable {
						t.Errorf("got %v", err)
					}
				}
				if test.ok {
					connected.Add(1)
				}
			})
		}
	}
	if uses := pelcro.uses("key"); uses != int(connected.Load()) {
		t.Errorf("%d calls reached Pelcro, want %d", uses, connected.Load())
	}
}

// Old TLS, plain text on a TLS port, TLS without HTTP/2 and resumed sessions never reach
// a call.
func TestR17Handshakes(t *testing.T) {
	_, url := startKeyUpstream(t)
	ours := authority(t, "ours")
	folder := t.TempDir()
	putInPlace(t, folder, issue(t, ours, forServer).pair(t))
	p := run(t, url, append(tlsFlags(folder), withKey)...)
	t.Run("plain text", func(t *testing.T) {
		if err := get(t.Context(), p.dial(t, plainText)); status.Code(err) != codes.Unavailable {
			t.Errorf("got %v", err)
		}
	})
	for _, test := range []struct {
		name   string
		change func(*tls.Config)
		ok     bool
	}{
		{"TLS 1.3", func(*tls.Config) {}, true},
		{"TLS 1.2", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, true},
		{"TLS 1.1", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, false},
		{"no forward secrecy", func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
		}, false},
		{"CBC", func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		}, false},
		{"only HTTP/1.1", func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }, false},
		{"no protocol", func(c *tls.Config) { c.NextProtos = nil }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := trusting(ours, nil)
			config.NextProtos = []string{"h2"}
			test.change(config)
			conn, err := tls.DialWithDialer(&net.Dialer{Timeout: testTimeout}, "tcp", p.address, config)
			if err == nil {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(testTimeout))
				_, err = conn.Read(make([]byte, 1))
			}
			if (err == nil) != test.ok {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("resumed", func(t *testing.T) {
		config := trusting(ours, nil)
		config.ClientSessionCache = tls.NewLRUClientSessionCache(10)
		for range 3 {
			config.NextProtos = []string{"h2"}
			conn, err := tls.DialWithDialer(&net.Dialer{Timeout: testTimeout}, "tcp", p.address, config)
			must(t, err)
			_, err = conn.Read(make([]byte, 1)) // tickets arrive before it
			must(t, errors.Join(err, conn.Close()))
			if conn.ConnectionState().DidResume {
				t.Error("it was resumed")
			}
		}
	})
}

// newToken returns a token and its line in the callers file.
func newToken(name, methods string) (token, line string) {
	sum := sha256.Sum256([]byte("canary-token-" + name))
	token = "pelcro_grpc_" + hex.EncodeToString(sum[:])
	hash := sha256.Sum256([]byte(token))
	return token, name + " sha256:" + hex.EncodeToString(hash[:]) + " " + methods + "\n"
}

// A caller's token is replaced under load without a failed call, and the old one is
// rejected two seconds after its line was removed, also on open connections.
func TestR17TokenRotation(t *testing.T) {
	for _, way := range replacements {
		t.Run(way.name, func(t *testing.T) {
			parallelUnlessSoaking(t)
			_, url := startKeyUpstream(t)
			folder := t.TempDir()
			token := func(n int) (string, string) {
				token, line := newToken("billing"+string(rune('a'+n)), "pelcro.v1.CustomerService/GetCustomer")
				return token, "billing" + line[len("billing")+1:]
			}
			current, line := token(0)
			way.put(t, folder, map[string]string{callers: line})
			p := run(t, url, callersFlag(folder), withKey)
			conn := p.dial(t, plainText)
			call := func(ctx context.Context, token string) error {
				return get(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token), conn)
			}
			var shown atomic.Pointer[string]
			shown.Store(&current)
			load := startLoad(t, func(ctx context.Context) error { return call(ctx, *shown.Load()) })
			begin, slowest := time.Now(), time.Duration(0)
			for n := 1; n == 1 || time.Since(begin) < scaled(30*time.Second, 0); n++ {
				next, nextLine := token(n)
				since := time.Now()
				way.put(t, folder, map[string]string{callers: "# both\r\n" + line + nextLine})
				eventually(t, "the new token is known", func() bool { return call(t.Context(), next) == nil })
				slowest = max(slowest, time.Since(since))
				shown.Store(&next)
				<-time.After(200 * time.Millisecond) // calls with the old one end
				since = time.Now()
				way.put(t, folder, map[string]string{callers: nextLine})
				eventually(t, "the old token is rejected", func() bool {
					return reasonOf(call(t.Context(), current)) == "GATEWAY_UNAUTHENTICATED"
				})
				slowest = max(slowest, time.Since(since))
				current, line = next, nextLine
			}
			load.stop()
			t.Logf("%d calls, %d failed; in use after %v at most", load.calls.Load(), load.failed.Load(), slowest)
			if slowest > inUse {
				t.Errorf("a change was in use after %v", slowest)
			}
		})
	}
}
