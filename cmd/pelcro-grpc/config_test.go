package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// TestProblems: all problems are reported together, each with its remedy, and nothing starts.
func TestProblems(t *testing.T) {
	const (
		noSite   = "--site-id is missing; it is the number in the address of Pelcro's dashboard (or try --sandbox)"
		negative = "--site-id must be greater than 0; it is the number in the address of Pelcro's dashboard"
		noKey    = "there is no API key; set --pelcro-api-key-file or PELCRO_GRPC_PELCRO_API_KEY (or try --sandbox)"
		twoKeys  = "--pelcro-api-key-file and PELCRO_GRPC_PELCRO_API_KEY are both set; keep one"
		noTime   = "--request-timeout must be greater than 0, for example 30s"
		longTime = "--request-timeout must be at most 110s, for example 30s: later, the connection of the caller may be closed"
		noURL    = "--pelcro-url must begin with https:// and name a host, for example https://www.pelcro.com/api/v1/core"
		openURL  = "--pelcro-url would show the API key to the network; use https:// (http:// is for loopback only)"
		notAPI   = "; put Pelcro's API key, and nothing else, there"
		envSpace = "PELCRO_GRPC_PELCRO_API_KEY holds whitespace or other characters that no key has" + notAPI
	)
	address := func(listen string) string {
		return `--listen "` + listen + `" is not an address; use HOST:PORT, for example 127.0.0.1:50051`
	}
	admin := func(listen string) string {
		return `--admin-listen "` + listen + `" is not an address; use HOST:PORT, for example 127.0.0.1:9095, or nothing for none`
	}
	ofFile := func(file, problem string) string { return "--pelcro-api-key-file " + file + " " + problem + notAPI }

	var (
		key       = testkit.File(t, canaryKey)
		empty     = testkit.File(t, "")
		spaces    = testkit.File(t, " \r\n\t\n")
		twoLines  = testkit.File(t, canaryKey+"\n"+canaryKey+"\n")
		withName  = testkit.File(t, "API_KEY="+canaryKey+" # Pelcro\n")
		umlaut    = testkit.File(t, canaryKey+"ü")
		oversized = testkit.File(t, strings.Repeat(canaryKey, maxKeyFile))
		missing   = filepath.Join(t.TempDir(), "missing")
		directory = t.TempDir()
	)
	for _, test := range []struct {
		name string
		args []string
		key  string // of the environment
		want []string
	}{
		{"nothing at all", nil, "", []string{noSite, noKey}},
		{"no site", nil, canaryKey, []string{noSite}},
		{"negative site", []string{"--site-id=-7"}, canaryKey, []string{negative}},
		{"no key", []string{"--site-id=7"}, "", []string{noKey}},
		{"two keys", []string{"--site-id=7", "--pelcro-api-key-file=" + key}, canaryKey, []string{twoKeys}},
		{"key of whitespace", []string{"--site-id=7"}, " ", []string{"PELCRO_GRPC_PELCRO_API_KEY is empty" + notAPI}},
		{"key with a space", []string{"--site-id=7"}, "Bearer " + canaryKey, []string{envSpace}},

		{"missing file", []string{"--site-id=7", "--pelcro-api-key-file=" + missing}, "", []string{ofFile(missing, "cannot be read (no such file or directory)")}},
		{"directory", []string{"--site-id=7", "--pelcro-api-key-file=" + directory}, "", []string{ofFile(directory, "cannot be read (is a directory)")}},
		{"empty file", []string{"--site-id=7", "--pelcro-api-key-file=" + empty}, "", []string{ofFile(empty, "is empty")}},
		{"file of whitespace", []string{"--site-id=7", "--pelcro-api-key-file=" + spaces}, "", []string{ofFile(spaces, "is empty")}},
		{"oversized file", []string{"--site-id=7", "--pelcro-api-key-file=" + oversized}, "", []string{ofFile(oversized, "is larger than 16 KiB")}},
		{"two lines", []string{"--site-id=7", "--pelcro-api-key-file=" + twoLines}, "", []string{ofFile(twoLines, "holds whitespace or other characters that no key has")}},
		{"more than the key", []string{"--site-id=7", "--pelcro-api-key-file=" + withName}, "", []string{ofFile(withName, "holds whitespace or other characters that no key has")}},
		{"not ASCII", []string{"--site-id=7", "--pelcro-api-key-file=" + umlaut}, "", []string{ofFile(umlaut, "holds whitespace or other characters that no key has")}},

		{"no port", []string{"--site-id=7", "--listen=127.0.0.1"}, canaryKey, []string{address("127.0.0.1")}},
		{"port that does not exist", []string{"--site-id=7", "--listen=127.0.0.1:65536"}, canaryKey, []string{address("127.0.0.1:65536")}},
		{"port that is a word", []string{"--site-id=7", "--listen=127.0.0.1:gprc"}, canaryKey, []string{address("127.0.0.1:gprc")}},
		{"admin address without a port", []string{"--site-id=7", "--admin-listen=127.0.0.1"}, canaryKey, []string{admin("127.0.0.1")}},
		{"IPv6 without brackets", []string{"--site-id=7", "--listen=::1:50051"}, canaryKey, []string{address("::1:50051")}},
		{"negative time", []string{"--site-id=7", "--request-timeout=-1s"}, canaryKey, []string{noTime}},
		{"too much time", []string{"--site-id=7", "--request-timeout=111s"}, canaryKey, []string{longTime}},
		{"no time", []string{"--site-id=7", "--request-timeout=0"}, canaryKey, []string{noTime}},
		{
			"several languages", []string{"--site-id=7", "--upstream-language=en, de"}, canaryKey,
			[]string{`--upstream-language "en, de" is not a language tag; use one like en or en-GB, or leave it out`},
		},

		{"http to a remote host", []string{"--site-id=7", "--pelcro-url=http://www.pelcro.com/api/v1/core"}, canaryKey, []string{openURL}},
		{"empty URL", []string{"--site-id=7", "--pelcro-url="}, canaryKey, []string{noURL}},
		{"no scheme", []string{"--site-id=7", "--pelcro-url=www.pelcro.com"}, canaryKey, []string{noURL}},
		{
			"key in the URL", []string{"--site-id=7", "--pelcro-url=https://" + canaryKey + "@www.pelcro.com"}, canaryKey,
			[]string{"--pelcro-url must not hold a user or password; the key has a setting of its own"},
		},
		{
			"key in the query", []string{"--site-id=7", "--pelcro-url=https://www.pelcro.com?key=" + canaryKey}, canaryKey,
			[]string{"--pelcro-url must not hold a query or fragment; end it after the path"},
		},

		{
			"sandbox with the flags of the real Pelcro",
			[]string{"--sandbox", "--site-id=-1", "--pelcro-url=https://pelcro.example", "--pelcro-api-key-file=" + key}, "",
			[]string{
				negative, "--sandbox brings its own Pelcro; leave out --pelcro-url",
				"--sandbox brings its own API key; leave out --pelcro-api-key-file and PELCRO_GRPC_PELCRO_API_KEY",
			},
		},
		{
			"sandbox with a key in the environment", []string{"--sandbox"}, canaryKey,
			[]string{"--sandbox brings its own API key; leave out --pelcro-api-key-file and PELCRO_GRPC_PELCRO_API_KEY"},
		},
		{
			"a sandbox that allows nothing", []string{"--sandbox", "--sandbox-rate-limit=0"}, "",
			[]string{"--sandbox-rate-limit must be greater than 0, for example 120"},
		},
		{
			"the sandbox's limit without a sandbox", []string{"--site-id=7", "--sandbox-rate-limit=120"}, canaryKey,
			[]string{"--sandbox-rate-limit is the limit of the sandbox; leave it out, or add --sandbox"},
		},
		{
			"everything", []string{"--listen=here", "--request-timeout=-1s", "--pelcro-url=http://pelcro.example", "--pelcro-api-key-file=" + missing}, "",
			[]string{address("here"), noTime, noSite, openURL, ofFile(missing, "cannot be read (no such file or directory)")},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(keyEnv, test.key)
			runWith(t, "", append([]string{"serve"}, test.args...)...).mustReject(t, test.want...)
		})
	}
}

func TestUnreadableKeyFile(t *testing.T) {
	file := testkit.File(t, canaryKey)
	if err := os.Chmod(file, 0); err != nil {
		t.Fatal(err)
	}
	if f, err := os.Open(file); err == nil {
		f.Close()
		t.Skip("this user may read everything")
	}
	runWith(t, "", "serve", "--site-id=7", "--pelcro-api-key-file="+file).mustReject(t,
		"--pelcro-api-key-file "+file+" cannot be read (permission denied); put Pelcro's API key, and nothing else, there")
}

func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	runWith(t, "", "serve", "--sandbox", "--admin-listen=127.0.0.1:0", "--listen="+address).mustReject(t,
		"cannot listen on "+address+" (address already in use); choose another address with --listen")
	runWith(t, "", "serve", "--sandbox", "--admin-listen="+address, "--listen="+address).mustReject(t,
		"cannot listen on "+address+" (address already in use); choose another address with --listen",
		"cannot listen on "+address+" (address already in use); choose another address with --admin-listen")
}

// upstream serves a Pelcro of this test.
func upstream(t *testing.T, handler http.HandlerFunc) (url string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL + "/api"
}

// TestEnvironment configures everything by the environment.
func TestEnvironment(t *testing.T) {
	requests := make(chan *http.Request, 10)
	url := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		requests <- r
		w.WriteHeader(http.StatusNotFound)
	})
	for name, value := range map[string]string{
		"PELCRO_GRPC_LISTEN":            "127.0.0.1:1", // the flag wins
		"PELCRO_GRPC_PELCRO_URL":        url,
		"PELCRO_GRPC_PELCRO_API_KEY":    canaryKey,
		"PELCRO_GRPC_SITE_ID":           "7",
		"PELCRO_GRPC_REQUEST_TIMEOUT":   "90s",
		"PELCRO_GRPC_UPSTREAM_LANGUAGE": "en",
		"PELCRO_GRPC_REFLECTION":        "false",
		"PELCRO_GRPC_LOG_LEVEL":         "debug",
		"PELCRO_GRPC_LOG_FORMAT":        "text", // the flag wins
	} {
		t.Setenv(name, value)
	}
	p := startWithAdmin(t)
	if _, settings := p.get(t, "/config"); !strings.Contains(settings, `"request-timeout": "1m30s"`) {
		t.Errorf("the settings are %s", settings)
	}
	_, err := pelcrov1.NewCustomerServiceClient(p.conn).GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 42})
	if status.Code(err) != codes.NotFound {
		t.Errorf("got %v", err)
	}
	request := <-requests
	if request.RequestURI != "/api/customers/42?site_id=7" || request.Header.Get("Authorization") != "Bearer "+canaryKey ||
		request.UserAgent() != "pelcro-grpc/"+version() || request.Header.Get("Accept-Language") != "en" {
		t.Errorf("got %s %v", request.RequestURI, request.Header)
	}
	stream, err := reflectionpb.NewServerReflectionClient(p.conn).ServerReflectionInfo(t.Context())
	if err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("reflection is on: %v", err)
	}
	if _, err := healthpb.NewHealthClient(p.conn).Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
		t.Error(err)
	}
	p.err.Match(t, `("level":"DEBUG".*"grpc.service":"grpc.health.v1.Health")`)
	if p.out.String() != "" {
		t.Errorf("printed %s", p.out)
	}
}

// TestKeyFile: a newline at the end of the file is not part of the key. After the stop the
// connection to Pelcro is closed.
func TestKeyFile(t *testing.T) {
	keys := make(chan string, 1)
	url := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		keys <- r.Header.Get("Authorization")
		w.WriteHeader(401)
	})
	before := goleak.IgnoreCurrent()
	p := start(t, "--pelcro-url="+url, "--site-id=7", "--pelcro-api-key-file="+testkit.File(t, canaryKey+"\r\n"))
	_, err := pelcrov1.NewCustomerServiceClient(p.conn).GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 42})
	if status.Code(err) != codes.Unauthenticated {
		t.Errorf("got %v", err)
	}
	if key := <-keys; key != "Bearer "+canaryKey {
		t.Errorf("Authorization: %s", key)
	}
	p.stop()
	p.conn.Close()
	testkit.NoLeaks(t, before)
}
