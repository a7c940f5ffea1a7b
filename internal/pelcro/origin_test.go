package pelcro_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// TestRedirects: whatever the kind and the target, it is not followed.
func TestRedirects(t *testing.T) {
	target := startCounting(t)
	_, port, err := net.SplitHostPort(target.address)
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, location := range map[string]string{
			"same host, other port": "http://" + target.address + "/",
			"other host":            "http://localhost:" + port + "/",
			"https":                 "https://" + target.address + "/",
			"user in the URL":       "http://user:secret@" + target.address + "/",
			"without a scheme":      "//" + target.address + "/",
			"itself":                "/api/v1/core/customers/1?site_id=7",
			"not a URL":             "http://%zz",
		} {
			for _, protocol := range protocols {
				t.Run(fmt.Sprintf("%d to %s over %s", status, name, protocol.name), func(t *testing.T) {
					var requests atomic.Int32
					client := protocol.start(t, func(w http.ResponseWriter, _ *http.Request) {
						requests.Add(1)
						w.Header().Set("Location", location)
						w.WriteHeader(status)
					})
					for i, call := range calls {
						err := call.do(t.Context(), client)
						got := response(t, err, status)
						if got.Header.Get("Location") != location || failure(t, err).Outcome != pelcro.Rejected || int(requests.Load()) != i+1 {
							t.Errorf("%s: got %+v after %d requests", call.name, got, requests.Load())
						}
					}
				})
			}
		}
	}
	if n := target.connections.Load(); n > 0 {
		t.Errorf("%d connections to the target", n)
	}
}

// TestNoProxy: the environment must not decide who sees the key.
func TestNoProxy(t *testing.T) {
	const proxy = "proxy.invalid:3128"
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		t.Setenv(name, "http://"+proxy)
	}
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		t.Setenv(name, "")
	}
	// Go uses no proxy for loopback, so the address is another one, which is not dialled.
	for address, want := range map[string]string{
		"https://pelcro.invalid":     "pelcro.invalid:443",
		"http://pelcro.invalid:8080": "pelcro.invalid:8080",
	} {
		request := httptest.NewRequest(http.MethodGet, address, nil)
		if url, err := http.ProxyFromEnvironment(request); err != nil || url == nil || url.Host != proxy {
			t.Fatalf("the environment names no proxy: %v, %v", url, err)
		}
		dialled := ""
		transport := pelcro.NewTransport()
		transport.DialContext = func(_ context.Context, _, address string) (net.Conn, error) {
			dialled = address
			return nil, errors.New("not dialled")
		}
		noResponse(t, get(t.Context(), at(t, address, with(transport))), pelcro.Unreachable, false)
		if dialled != want {
			t.Errorf("dialled %q, want %q", dialled, want)
		}
	}
}

func TestParseBaseURL(t *testing.T) {
	const example = "https://www.pelcro.com/api/v1/core"
	for _, test := range []struct {
		name, url string
		remedy    string // empty: accepted
	}{
		{"Pelcro", example, ""},
		{"slash at the end", example + "/", ""},
		{"root", "https://pelcro.example", ""},
		{"port", "https://pelcro.example:8443/api", ""},
		{"IPv4", "https://192.0.2.1/api", ""},
		{"IPv6", "https://[2001:db8::1]:8443/api", ""},
		{"upper case", "HTTPS://Pelcro.example/api", ""},
		{"http to localhost", "http://localhost:8080/api", ""},
		{"http to 127.0.0.1", "http://127.0.0.1/api", ""},
		{"http to all of 127", "http://127.1.2.3:80/api", ""},
		{"http to ::1", "http://[::1]:8080/api", ""},

		{"empty", "", example},
		{"no scheme", "www.pelcro.com/api/v1/core", example},
		{"host and port only", "canary-secret.example:443", example},
		{"ftp", "ftp://canary-secret.example/api", example},
		{"file", "file:///canary-secret", example},
		{"no host", "https:///canary-secret", example},
		{"no host but a port", "https://:443/canary-secret", example},
		{"opaque", "https:canary-secret", example},
		{"control character", "https://canary-secret\n.example", example},
		{"bad escape", "https://pelcro.example/%zz-canary-secret", example},
		{"bad port", "https://user:canary-secret@pelcro.example:port/", example},
		{"port too large", "https://canary-secret.example:65536/api", "ports go from 1 to 65535"},
		{"port 0", "https://canary-secret.example:0/api", "ports go from 1 to 65535"},
		{"user", "https://canary-secret@pelcro.example/api", "the key has a setting of its own"},
		{"user and password", "https://key:canary-secret@pelcro.example/api", "the key has a setting of its own"},
		{"query", "https://pelcro.example/api?key=canary-secret", "end it after the path"},
		{"empty query", "https://pelcro.example/api?", "end it after the path"},
		{"fragment", "https://pelcro.example/api#canary-secret", "end it after the path"},
		{"http to the network", "http://canary-secret.example/api", "use https://"},
		{"http to a name that begins like loopback", "http://127.0.0.1.canary-secret.example/api", "use https://"},
		{"http to a name that ends like loopback", "http://canary-secret.localhost.example/api", "use https://"},
		{"http to an address that is not loopback", "http://10.0.0.1/canary-secret", "use https://"},
		{"http to all addresses", "http://0.0.0.0/canary-secret", "use https://"},
	} {
		t.Run(test.name, func(t *testing.T) {
			url, err := pelcro.ParseBaseURL(test.url)
			if test.remedy == "" {
				if err != nil || !strings.EqualFold(url.String(), test.url) {
					t.Errorf("got %v, %v", url, err)
				}
				return
			}
			if err == nil || url != nil {
				t.Fatalf("accepted as %v", url)
			}
			if !strings.Contains(err.Error(), test.remedy) {
				t.Errorf("%q does not say %q", err, test.remedy)
			}
			if strings.Contains(err.Error(), "canary-secret") {
				t.Errorf("%q repeats the URL", err)
			}
		})
	}
}

// TestBaseURLPaths: slashes at the end make no difference.
func TestBaseURLPaths(t *testing.T) {
	uri := ""
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { uri = r.RequestURI }))
	t.Cleanup(server.Close)
	for path, want := range map[string]string{
		"":             "/customers/1001?site_id=7",
		"/":            "/customers/1001?site_id=7",
		"/api/v1/core": "/api/v1/core/customers/1001?site_id=7",
		"/api/v1/":     "/api/v1/customers/1001?site_id=7",
		"/a%2Fb":       "/a%2Fb/customers/1001?site_id=7",
	} {
		if err := calls[0].do(t.Context(), at(t, server.URL+path)); err != nil {
			t.Error(err)
		}
		if uri != want {
			t.Errorf("%q: asked for %s, want %s", path, uri, want)
		}
	}
}

// TestClose: no connection and no goroutine is left, while the server still runs.
func TestClose(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint("TLS: ", secure), func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			closed := make(chan struct{}, 1)
			server := httptest.NewUnstartedServer(responding(200, `{"data":{}}`))
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateClosed {
					closed <- struct{}{}
				}
			}
			transport := pelcro.NewTransport()
			if secure {
				server.StartTLS()
				transport = trusting(server)
			} else {
				server.Start()
			}
			client := at(t, server.URL, with(transport))
			if err := get(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			client.Close()
			ctx, cancel := context.WithTimeout(t.Context(), testkit.Timeout)
			defer cancel()
			select {
			case <-closed:
			case <-ctx.Done():
				t.Error("the connection is still open")
			}
			server.Close()
			cancel()
			testkit.NoLeaks(t, before)
			// A closed client opens a new connection, or says that there is none.
			noResponse(t, get(t.Context(), client), pelcro.Unreachable, false)
		})
	}
}
