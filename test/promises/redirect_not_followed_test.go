package promises_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit/gatewaytest"
)

// The key never leaves the configured origin: no redirect is followed, whatever its
// target.
func TestR13NoRedirectIsFollowed(t *testing.T) {
	parallelUnlessSoaking(t)
	var location atomic.Value
	var code, requests, followed atomic.Int64
	quiet := log.New(io.Discard, "", 0)
	origin := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.Host != "example.com" {
			t.Errorf("the host is %q", r.Host)
		}
		w.Header().Set("Location", location.Load().(string))
		w.WriteHeader(int(code.Load()))
	}))
	origin.Config.ErrorLog = quiet
	origin.StartTLS()
	defer origin.Close()
	target := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(nil) }))
	target.Config.ErrorLog = quiet
	target.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			followed.Add(1)
		}
	}
	target.StartTLS()
	defer target.Close()

	// The transport of production, except for names and the certificate: every address
	// except the origin leads to the target.
	transport := pelcro.NewTransport()
	transport.TLSClientConfig = &tls.Config{RootCAs: origin.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		to := origin.Listener.Addr().String()
		if address != "example.com:443" {
			to = target.Listener.Addr().String()
		}
		return new(net.Dialer).DialContext(ctx, network, to)
	}
	g := start(t, "https://example.com", withTransport(transport))

	n := 0
	for _, status := range []int64{301, 302, 303, 307, 308} {
		for name, to := range map[string]string{
			"same host other port": "https://example.com:8443/api/v1/core/customers/42",
			"other host":           "https://canary.example/api/v1/core/customers/42",
			"subdomain":            "https://api.example.com/api/v1/core/customers/42",
			"https to http":        "http://example.com/api/v1/core/customers/42",
			"userinfo":             "https://example.com:443@canary.example/",
			"no scheme":            "//canary.example/",
			"the origin itself":    "/api/v1/core/customers/43",
			"no URL":               "https://%zz",
			"none":                 "",
		} {
			for i, operation := range []string{"Get", "Create", "Update", "Delete"} {
				t.Run(fmt.Sprintf("%d %s/%s", status, name, operation), func(t *testing.T) {
					n++
					code.Store(status)
					location.Store(to)
					requests.Store(0)
					mustBeRedirect(t, anyCall(t.Context(), g.Customers, i))
					if requests.Load() != 1 || followed.Load() != 0 {
						t.Errorf("%d requests at the origin, %d connections to the target", requests.Load(), followed.Load())
					}
				})
			}
		}
	}
	t.Logf("%d redirects", n)
}

func mustBeRedirect(t *testing.T, err error) {
	t.Helper()
	if status.Code(err) != codes.Internal || gatewaytest.Reason(err) != "PELCRO_REDIRECT" {
		t.Errorf("a redirect became %v, %s", err, gatewaytest.Reason(err))
	}
	if everything := fmt.Sprint(status.Convert(err).Proto()); strings.Contains(everything, "canary") {
		t.Errorf("the target leaked: %s", everything)
	}
}

// The same with the unchanged transport of production, over plain HTTP on loopback.
func TestR13NoPortIsChanged(t *testing.T) {
	parallelUnlessSoaking(t)
	var followed atomic.Int64
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	defer target.Close()
	for _, code := range []int{301, 302, 303, 307, 308} {
		origin := httptest.NewServer(http.RedirectHandler(target.URL, code))
		g := start(t, origin.URL)
		for i := range 4 {
			mustBeRedirect(t, anyCall(t.Context(), g.Customers, i))
		}
		origin.Close()
	}
	if n := followed.Load(); n != 0 {
		t.Errorf("%d requests at the target", n)
	}
}
