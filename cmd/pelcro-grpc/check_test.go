package main

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// TestCheck: a valid configuration is exit code 0 and one line that says what was checked, even when
// the ports are in use; nothing is started, and Pelcro is not called.
func TestCheck(t *testing.T) {
	f := newSecureFiles(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	url := upstream(t, func(http.ResponseWriter, *http.Request) { t.Error("Pelcro was called") })
	host := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/api")
	until := f.notAfter.UTC().Format(time.RFC3339)
	inUse := []string{"--listen=" + taken.Addr().String(), "--admin-listen=" + taken.Addr().String()}
	configured := slices.Concat(inUse, []string{"--pelcro-url=" + url, "--site-id=7"})
	for _, test := range []struct {
		name, checked string
		args          []string
	}{
		{"sandbox", "the sandbox, no TLS, no callers file, no traces", append(slices.Clone(inUse), "--sandbox")},
		{
			"key", "Pelcro at " + host + ", site 7, API key from --pelcro-api-key-file, no TLS, no callers file, no traces",
			append(slices.Clone(configured), "--pelcro-api-key-file="+testkit.File(t, canaryKey)),
		},
		{
			"callers' keys", "Pelcro at " + host + ", site 7, the callers' own API keys, no TLS, callers file, no traces",
			append(append(slices.Clone(configured), "--forward-credentials"), f.known()...),
		},
		{
			"everything", "Pelcro at " + host + ", site 7, API key from --pelcro-api-key-file, TLS certificate valid until " + until + ", client CAs, callers file, no traces",
			append(append(append(slices.Clone(configured), "--pelcro-api-key-file="+testkit.File(t, canaryKey), "--tls-client-ca="+f.ca), f.tls()...), f.known()...),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := runWith(t, "", append([]string{"serve", "--check"}, test.args...)...)
			want := "pelcro-grpc: the configuration is valid (" + test.checked + "); nothing was started\n"
			if r.code != exitOK || r.out != want || r.err != "" {
				t.Errorf("exit code %d, %s\ngot:  %swant: %s", r.code, r.err, r.out, want)
			}
		})
	}
	t.Run("traces", func(t *testing.T) {
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
		r := runWith(t, "", "serve", "--check", "--sandbox")
		if r.code != exitOK || !strings.HasSuffix(r.out, ", traces over http/protobuf); nothing was started\n") {
			t.Errorf("exit code %d, %s%s", r.code, r.out, r.err)
		}
	})
	t.Run("problems", func(t *testing.T) {
		callers := testkit.File(t, "x\n")
		runWith(t, "", "serve", "--check", "--listen=here", "--tls-cert="+f.cert, "--auth-tokens-file="+callers).mustReject(t,
			`--listen "here" is not an address; use HOST:PORT, for example 127.0.0.1:50051`,
			"--site-id is missing; it is the number in the address of Pelcro's dashboard (or try --sandbox)",
			"there is no API key; set --pelcro-api-key-file or PELCRO_GRPC_PELCRO_API_KEY (or try --sandbox)",
			"--tls-cert is set without --tls-key; set both, or neither for plain text",
			"--auth-tokens-file "+callers+": line 1: a line has three parts, NAME CREDENTIAL METHODS, with whitespace between them and none between METHODs")
	})
}
