package promises_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// crm is the caller of these tests, by certificate.
const crm = "spiffe://example.org/crm"

// withURI gives a certificate the name of a caller.
func withURI(text string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		uri, _ := url.Parse(text)
		c.URIs = []*url.URL{uri}
	}
}

// dialTLS opens a connection over TLS to the program, until the test ends.
func dialTLS(t *testing.T, p *testkit.Process, ca, own *testkit.Certificate) *grpc.ClientConn {
	t.Helper()
	return gatewaytest.Dial(t, p.Address, grpc.WithTransportCredentials(credentials.NewTLS(ca.Client(own))))
}

// get reads a customer.
func get(ctx context.Context, conn *grpc.ClientConn) error {
	_, err := pelcrov1.NewCustomerServiceClient(conn).GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: 42})
	return err
}

// handshake connects to the program and returns the serial number of its certificate, and
// an error if the client was rejected, which TLS 1.3 reports after the handshake.
func handshake(p *testkit.Process, config *tls.Config) (serial int64, err error) {
	config = config.Clone()
	config.NextProtos = []string{"h2"}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: testkit.Timeout}, "tcp", p.Address, config)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	serial = conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	_ = conn.SetDeadline(time.Now().Add(testkit.Timeout))
	_, err = conn.Read(make([]byte, 1)) // its SETTINGS, or its alert
	return serial, err
}

// The service's certificate and the callers' CA are replaced under load without a failed call, on
// open and on new connections. Then new handshakes use the new ones, and a caller with a certificate
// of the old CA gets no new connection.
func TestR17CertificateRotation(t *testing.T) {
	parallelUnlessSoaking(t)
	for _, way := range replacements {
		t.Run(way.name, func(t *testing.T) {
			parallelUnlessSoaking(t)
			r := startRotation(t, way)
			begin := time.Now()
			for n := 0; n == 0 || time.Since(begin) < scaled(30*time.Second, 0); n++ {
				r.replaceCertificate(t)
			}
			r.replaceAuthority(t)
			t.Logf("%d calls, %d failed; in use after %v at most", r.load.calls.Load(), r.load.failed.Load(), r.slowest)
			if soaking && r.slowest > inUse {
				t.Errorf("a change was in use after %v", r.slowest)
			}
		})
	}
}

// rotation is a program whose certificate and CA change while it is called.
type rotation struct {
	*testkit.Process

	way              replacement
	folder, caFolder string
	ours, first      *testkit.Certificate // the CAs of the service and of its callers
	old              *testkit.Certificate // the caller's
	open             *grpc.ClientConn
	load             *load
	slowest          time.Duration // until a change was in use
}

func startRotation(t *testing.T, way replacement) *rotation {
	t.Helper()
	_, url := startKeyUpstream(t)
	r := &rotation{
		way: way, folder: t.TempDir(), caFolder: t.TempDir(),
		ours: testkit.NewAuthority(t, "ours"), first: testkit.NewAuthority(t, "first"),
	}
	way.put(t, r.folder, pair(t, testkit.Issue(t, r.ours, testkit.ForHost)))
	way.put(t, r.caFolder, trusted(r.first))
	putInPlace(t, r.folder, map[string]string{callers: "crm " + crm + " pelcro.v1.CustomerService/*\n"})
	r.Process = run(t, url, append(tlsFlags(r.folder), clientCAFlag(r.caFolder), callersFlag(r.folder), withKey)...)
	r.old = testkit.Issue(t, r.first, withURI(crm))
	r.open = dialTLS(t, r.Process, r.ours, r.old)
	var calls atomic.Int64
	r.load = startLoad(t, func(ctx context.Context) error {
		if calls.Add(1)%10 != 0 {
			return get(ctx, r.open)
		}
		fresh, err := grpc.NewClient("passthrough:///"+r.Address, grpc.WithTransportCredentials(credentials.NewTLS(r.ours.Client(r.old))))
		if err != nil {
			return err
		}
		defer fresh.Close()
		return get(ctx, fresh)
	})
	return r
}

// replace replaces files, and returns when the program uses them.
func (r *rotation) replace(t *testing.T, folder string, contents map[string]string) {
	t.Helper()
	changed := time.Now()
	r.way.put(t, folder, contents)
	r.slowest = max(r.slowest, reloaded(t, r.Process, changed))
}

func (r *rotation) replaceCertificate(t *testing.T) {
	t.Helper()
	leaf := testkit.Issue(t, r.ours, testkit.ForHost)
	r.replace(t, r.folder, pair(t, leaf))
	if serial, err := handshake(r.Process, r.ours.Client(r.old)); err != nil || serial != leaf.SerialNumber.Int64() {
		t.Errorf("a new connection: certificate %d, want %v, %v", serial, leaf.SerialNumber, err)
	}
}

// replaceAuthority has both CAs accepted, and then only the new one.
func (r *rotation) replaceAuthority(t *testing.T) {
	t.Helper()
	second := testkit.NewAuthority(t, "second")
	fresh := testkit.Issue(t, second, withURI(crm))
	r.replace(t, r.caFolder, trusted(r.first, second))
	if err := get(t.Context(), dialTLS(t, r.Process, r.ours, fresh)); err != nil {
		t.Errorf("a caller of the new CA: %v", err)
	}
	r.load.stop() // it opens connections with the old certificate
	r.replace(t, r.caFolder, trusted(second))
	if _, err := handshake(r.Process, r.ours.Client(r.old)); err == nil {
		t.Error("a new handshake of the old CA was accepted")
	}
	if err := get(t.Context(), r.open); err != nil {
		t.Errorf("an open connection of the old CA: %v", err)
	}
	if err := get(t.Context(), dialTLS(t, r.Process, r.ours, r.old)); status.Code(err) != codes.Unavailable {
		t.Errorf("a new connection of the old CA: %v", err)
	}
}

// A caller's token is replaced under load without a failed call, and the old one is rejected when
// its line was removed, also on open connections.
func TestR17TokenRotation(t *testing.T) {
	parallelUnlessSoaking(t)
	for _, way := range replacements {
		t.Run(way.name, func(t *testing.T) {
			parallelUnlessSoaking(t)
			_, url := startKeyUpstream(t)
			folder := t.TempDir()
			token := func(n int) (string, string) {
				token, line := testkit.Caller("billing"+string(rune('a'+n)), "pelcro.v1.CustomerService/GetCustomer")
				return token, "billing" + line[len("billing")+1:]
			}
			current, line := token(0)
			way.put(t, folder, map[string]string{callers: line})
			p := run(t, url, callersFlag(folder), withKey)
			conn := gatewaytest.Dial(t, p.Address)
			call := func(ctx context.Context, token string) error {
				return get(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token), conn)
			}
			begin, slowest := time.Now(), time.Duration(0)
			replace := func(lines string) {
				changed := time.Now()
				way.put(t, folder, map[string]string{callers: lines})
				slowest = max(slowest, reloaded(t, p, changed))
			}
			for n := 1; n == 1 || time.Since(begin) < scaled(30*time.Second, 0); n++ {
				load := startLoad(t, func(ctx context.Context) error { return call(ctx, current) })
				next, nextLine := token(n)
				replace("# both\r\n" + line + nextLine)
				if err := call(t.Context(), next); err != nil {
					t.Errorf("the new token: %v", err)
				}
				load.stop()

				previous := current
				current, line = next, nextLine
				load = startLoad(t, func(ctx context.Context) error { return call(ctx, next) })
				replace(nextLine)
				if err := call(t.Context(), previous); gatewaytest.Reason(err) != "GATEWAY_UNAUTHENTICATED" {
					t.Errorf("the old token: %v", err)
				}
				load.stop()
			}
			t.Logf("in use after %v at most", slowest)
			if soaking && slowest > inUse {
				t.Errorf("a change was in use after %v", slowest)
			}
		})
	}
}
