package main

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/access"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// secureFiles are the files of a service that authenticates its callers, and the credentials of one.
type secureFiles struct {
	cert, key, ca, callers string
	// token is the token of the caller "billing", who may get and list customers.
	token    string
	notAfter time.Time
	trust    credentials.TransportCredentials
}

// newSecureFiles makes a self-signed certificate, which is also the callers' CA.
func newSecureFiles(t *testing.T) secureFiles {
	t.Helper()
	folder := t.TempDir()
	f := secureFiles{
		cert: filepath.Join(folder, "tls.crt"), key: filepath.Join(folder, "tls.key"),
		ca: filepath.Join(folder, "ca.crt"), callers: filepath.Join(folder, "callers"),
		notAfter: time.Now().Add(time.Hour).Truncate(time.Second),
	}
	own := testkit.Issue(t, nil, func(c *x509.Certificate) {
		c.NotAfter, c.DNSNames, c.IsCA, c.BasicConstraintsValid = f.notAfter, []string{testkit.Host}, true, true
	})
	f.trust = credentials.NewTLS(own.Client(nil))
	token, line, err := access.NewToken("billing", "pelcro.v1.CustomerService/GetCustomer,pelcro.v1.CustomerService/ListCustomers")
	if err != nil {
		t.Fatal(err)
	}
	f.token = token
	for name, content := range map[string]string{
		f.cert: own.CertPEM(), f.ca: own.CertPEM(), f.callers: "# who\r\n" + line + "\r\n", f.key: own.KeyPEM(t),
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func (f secureFiles) tls() []string { return []string{"--tls-cert=" + f.cert, "--tls-key=" + f.key} }

func (f secureFiles) known() []string { return []string{"--auth-tokens-file=" + f.callers} }

// dialTLS opens a connection to a program with TLS.
func (p *program) dialTLS(t *testing.T, f secureFiles) *grpc.ClientConn {
	t.Helper()
	return gatewaytest.Dial(t, p.address, grpc.WithTransportCredentials(f.trust))
}

// TestSafeDefaults: a service that would be open to other machines, or is half protected, does not
// start, and each sentence has a remedy.
func TestSafeDefaults(t *testing.T) {
	const notPEM = "; put it there in PEM, as a file that this user may read"
	f, other, noCA := newSecureFiles(t), newSecureFiles(t), testkit.File(t, "x")
	const accept = ", or accept that with --insecure"
	readable := func(listen string) string {
		return "--listen " + listen + " is open to the network without TLS, so others can read and change calls; set --tls-cert and --tls-key"
	}
	open := func(listen string) string {
		return "--listen " + listen + " is open to the network and to every caller there; set --auth-tokens-file"
	}
	const noCallers = "--tls-client-ca says who may connect, but nothing says who may call what; set --auth-tokens-file (docs/access.md)"
	missing := filepath.Join(t.TempDir(), "missing")
	wrong := testkit.File(t, "billing "+f.token+" *\nx\n")
	for _, test := range []struct {
		name string
		args []string
		want []string
	}{
		{"every address", []string{"--listen=0.0.0.0:0"}, []string{readable("0.0.0.0:0") + accept, open("0.0.0.0:0") + accept}},
		{"no host", []string{"--listen=:0"}, []string{readable(":0") + accept, open(":0") + accept}},
		{"IPv6", []string{"--listen=[::]:0"}, []string{readable("[::]:0") + accept, open("[::]:0") + accept}},
		{"a network's address", []string{"--listen=192.0.2.1:0"}, []string{readable("192.0.2.1:0") + accept, open("192.0.2.1:0") + accept}},
		{"a name", []string{"--listen=gateway.example.org:0"}, []string{readable("gateway.example.org:0") + accept, open("gateway.example.org:0") + accept}},
		{"a name that begins with localhost", []string{"--listen=localhost.example.org:0"}, []string{readable("localhost.example.org:0") + accept, open("localhost.example.org:0") + accept}},
		{"TLS alone", append(f.tls(), "--listen=0.0.0.0:0"), []string{open("0.0.0.0:0") + accept}},
		{"callers alone", append(f.known(), "--listen=0.0.0.0:0"), []string{readable("0.0.0.0:0") + accept}},
		{"forwarded credentials alone", []string{"--listen=0.0.0.0:0", "--forward-credentials"}, []string{
			readable("0.0.0.0:0") + accept, open("0.0.0.0:0") + accept,
		}},
		{"a certificate without its key", []string{"--tls-cert=" + f.cert}, []string{"--tls-cert is set without --tls-key; set both, or neither for plain text"}},
		{"a key without its certificate", []string{"--tls-key=" + f.key}, []string{"--tls-key is set without --tls-cert; set both, or neither for plain text"}},
		{"half a pair with --insecure", []string{"--tls-cert=" + f.cert, "--insecure"}, []string{"--tls-cert is set without --tls-key; set both, or neither for plain text"}},
		{"CAs and a key without a certificate", append(f.known(), "--tls-key="+f.key, "--tls-client-ca="+f.ca), []string{
			"--tls-key is set without --tls-cert; set both, or neither for plain text",
		}},
		{"CAs without a certificate", []string{"--tls-client-ca=" + f.ca}, []string{
			"--tls-client-ca is set without --tls-cert and --tls-key; callers can prove who they are over TLS only, so set all three", noCallers,
		}},
		{"CAs without callers", append(f.tls(), "--tls-client-ca="+f.ca), []string{noCallers}},
		{"CAs without callers, with --insecure", append(f.tls(), "--tls-client-ca="+f.ca, "--insecure"), []string{noCallers}},
		{"missing files", []string{"--tls-cert=" + missing, "--tls-key=" + missing + ".key", "--auth-tokens-file=" + missing}, []string{
			"--tls-cert " + missing + " cannot be read: no such file or directory" + notPEM,
			"--tls-key " + missing + ".key cannot be read: no such file or directory" + notPEM,
			"--auth-tokens-file " + missing + " cannot be read: no such file or directory; put the lines that pelcro-grpc token prints into a file that this user may read",
		}},
		{"interchanged files", []string{"--tls-cert=" + f.key, "--tls-key=" + f.cert}, []string{
			"--tls-cert " + f.key + " holds a private key and no certificate; are the files of the certificate and the key interchanged?",
			"--tls-key " + f.cert + " holds no private key; put the certificate's key there, in PEM",
		}},
		{"a file without a CA, and the key of another certificate", append(f.known(), "--tls-cert="+f.cert, "--tls-key="+other.key, "--tls-client-ca="+noCA), []string{
			"--tls-key " + other.key + " is not the key of the certificate in " + f.cert + " (tls: private key does not match public key); put the two that belong together there",
			"--tls-client-ca " + noCA + " holds no certificate; put those of the callers' CAs there, in PEM",
		}},
		{"a callers file with a token in it", []string{"--auth-tokens-file=" + wrong}, []string{
			"--auth-tokens-file " + wrong + ": line 1: it holds a token itself, which everyone who reads the file can use; " +
				"make another one with pelcro-grpc token NAME METHODS and add the line that it prints, which has the hash only",
			"--auth-tokens-file " + wrong + ": line 2: a line has three parts, NAME CREDENTIAL METHODS, with whitespace between them and none between METHODs",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := runWith(t, "", append([]string{"serve", "--sandbox", "--admin-listen="}, test.args...)...)
			r.mustReject(t, test.want...)
			if strings.Contains(r.err, f.token) {
				t.Error("the token is printed")
			}
		})
	}
}

// TestInsecure: each risk that --insecure allows is logged once, at the start.
func TestInsecure(t *testing.T) {
	t.Parallel()
	f := newSecureFiles(t)
	const (
		readable = "insecure, as --insecure allows: --listen 0.0.0.0:0 is open to the network without TLS, so others can read and change calls; set --tls-cert and --tls-key"
		open     = "insecure, as --insecure allows: --listen 0.0.0.0:0 is open to the network and to every caller there; set --auth-tokens-file"
	)
	for _, test := range []struct {
		name string
		args []string
		want []string
	}{
		{"no protection", []string{"--listen=0.0.0.0:0"}, []string{readable, open}},
		{"TLS", append(f.tls(), "--listen=0.0.0.0:0"), []string{open}},
		{"callers", append(f.known(), "--listen=0.0.0.0:0"), []string{readable}},
		{"both", append(append(f.known(), f.tls()...), "--listen=0.0.0.0:0"), nil},
		{"loopback", []string{"--listen=127.0.0.1:0"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, append(test.args, "--sandbox", "--insecure")...)
			if n := strings.Count(p.err.String(), "--insecure"); n != len(test.want) {
				t.Errorf("%d warnings: %s", n, p.err)
			}
			for _, want := range test.want {
				if strings.Count(p.err.String(), `"level":"WARN","msg":"`+want+`"`) != 1 {
					t.Errorf("not logged: %s\n%s", want, p.err)
				}
			}
		})
	}
}

// TestSafe: with TLS and callers the service listens anywhere, and without them on loopback, in each
// spelling; neither needs --insecure or a warning.
func TestSafe(t *testing.T) {
	t.Parallel()
	f := newSecureFiles(t)
	for _, args := range [][]string{
		append(append(f.known(), f.tls()...), "--listen=0.0.0.0:0"),
		{"--listen=localhost:0"}, {"--listen=127.0.0.2:0"}, {"--listen=[::ffff:127.0.0.1]:0"},
	} {
		p := start(t, append(args, "--sandbox")...)
		if strings.Contains(p.err.String(), "WARN") {
			t.Errorf("%v warns: %s", args, p.err)
		}
		p.stop()
	}
}

// TestReflectionDefault: reflection is on where only this machine can call, unless a flag says
// otherwise; with a callers file it needs a right like other methods.
func TestReflectionDefault(t *testing.T) {
	t.Parallel()
	f := newSecureFiles(t)
	for _, test := range []struct {
		name string
		args []string
		want codes.Code
	}{
		{"loopback", nil, codes.OK},
		{"loopback, off", []string{"--no-reflection"}, codes.Unimplemented},
		{"network", []string{"--listen=0.0.0.0:0", "--insecure"}, codes.Unimplemented},
		{"network, on", []string{"--listen=0.0.0.0:0", "--insecure", "--reflection"}, codes.OK},
		{"callers", f.known(), codes.Unauthenticated},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, append(test.args, "--sandbox")...)
			stream, err := reflectionpb.NewServerReflectionClient(p.conn).ServerReflectionInfo(t.Context())
			if err == nil {
				_ = stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}})
				_, err = stream.Recv()
			}
			if status.Code(err) != test.want {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// TestCallerIsSeen: the caller is in the log and in a metric, also when it was rejected; unknown
// clients are in neither, whatever name they send.
func TestCallerIsSeen(t *testing.T) {
	t.Parallel()
	f := newSecureFiles(t)
	p := startWithAdmin(t, append(append(f.known(), f.tls()...), "--sandbox")...)
	customers := pelcrov1.NewCustomerServiceClient(p.dialTLS(t, f))
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+f.token)
	for _, id := range []int64{1001, 1002, 404} {
		_, _ = customers.GetCustomer(ctx, &pelcrov1.GetCustomerRequest{Id: id})
	}
	if _, err := customers.DeleteCustomer(ctx, &pelcrov1.DeleteCustomerRequest{Id: 1001}); gatewaytest.Reason(err) != "GATEWAY_PERMISSION_DENIED" {
		t.Errorf("got %v", err)
	}
	unknown := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer x", "caller", "billing")
	if _, err := customers.GetCustomer(unknown, &pelcrov1.GetCustomerRequest{Id: 1001}); gatewaytest.Reason(err) != "GATEWAY_UNAUTHENTICATED" {
		t.Errorf("got %v", err)
	}
	mustCount(t, "calls", counts(p.scrape(t)["pelcro_grpc_caller_calls_total"], "caller", "grpc_code"), map[string]int{
		"billing OK": 2, "billing NotFound": 1, "billing PermissionDenied": 1,
	})
	lines := map[string]int{}
	for _, line := range p.finish(t, 5) {
		caller, _ := line["caller"].(string)
		reason, _ := line["reason"].(string)
		lines[caller+" "+line["level"].(string)+" "+reason]++
	}
	mustCount(t, "lines", lines, map[string]int{
		"billing INFO ": 2, "billing INFO PELCRO_NOT_FOUND": 1, "billing INFO GATEWAY_PERMISSION_DENIED": 1, " INFO GATEWAY_UNAUTHENTICATED": 1,
	})
	expiry := p.scrape(t)["pelcro_grpc_tls_certificate_expiry_timestamp_seconds"].GetMetric()[0].GetGauge().GetValue()
	if int64(expiry) != f.notAfter.Unix() {
		t.Errorf("the certificate expires at %v, want %v", expiry, f.notAfter.Unix())
	}
}
