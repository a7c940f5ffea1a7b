package admin

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// metrics returns a registry with one metric.
func metrics() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "open_doors", Help: "x"}))
	return registry
}

// about is a service with one setting.
func about(ready func() error) Config {
	return Config{
		Ready:    ready,
		Settings: map[string]any{"the-setting": "on"},
		Logger:   slog.New(slog.DiscardHandler),
	}
}

func always() error { return nil }

// ask requests a path of a host name.
func ask(h http.Handler, method, host, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://placeholder"+path, nil)
	r.Host = host
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestPaths: which paths there are depends on where the address listens.
func TestPaths(t *testing.T) {
	here, everywhere := handler(about(always), metrics(), true), handler(about(always), metrics(), false)
	for _, test := range []struct {
		path             string
		here, everywhere int
		says             string
	}{
		{"/metrics", 200, 200, "open_doors 0"},
		{"/livez", 200, 200, "alive"},
		{"/readyz", 200, 200, "ready"},
		{"/config", 200, 404, `"the-setting": "on"`},
		{"/debug/pprof/", 200, 404, "goroutine"},
		{"/debug/pprof/goroutine?debug=2", 200, 404, "TestPaths"},
		{"/debug/pprof/symbol", 200, 404, "num_symbols"},
		{"/debug/pprof/cmdline", 404, 404, ""},
		{"/debug/vars", 404, 404, ""},
		{"/nothing", 404, 404, ""},
	} {
		t.Run(test.path, func(t *testing.T) {
			w := ask(here, http.MethodGet, "127.0.0.1:9095", test.path)
			if w.Code != test.here || !strings.Contains(w.Body.String(), test.says) {
				t.Errorf("on loopback: %d %s", w.Code, w.Body)
			}
			if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("headers: %v", w.Header())
			}
			if w := ask(everywhere, http.MethodGet, "pod.example:9095", test.path); w.Code != test.everywhere {
				t.Errorf("elsewhere: %d %s", w.Code, w.Body)
			}
		})
	}
	if w := ask(here, http.MethodPost, "127.0.0.1", "/metrics"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}

// TestHost: on loopback, a foreign name that resolves to this machine is rejected.
func TestHost(t *testing.T) {
	here, everywhere := handler(about(always), metrics(), true), handler(about(always), metrics(), false)
	for host, allowed := range map[string]bool{
		"127.0.0.1":              true,
		"127.0.0.1:9095":         true,
		"127.1.2.3:80":           true,
		"localhost":              true,
		"LOCALHOST:1":            true,
		"[::1]":                  true,
		"[::1]:9095":             true,
		"":                       false,
		"evil.example":           false,
		"evil.example:9095":      false,
		"localhost.evil.example": false,
		"127.0.0.1.evil.example": false,
		"10.0.0.1:9095":          false,
		"0.0.0.0:9095":           false,
		"[::]:9095":              false,
	} {
		for _, path := range []string{"/metrics", "/config", "/debug/pprof/", "/nothing"} {
			w := ask(here, http.MethodGet, host, path)
			if rejected := w.Code == http.StatusForbidden; rejected == allowed {
				t.Errorf("%q %s: %d", host, path, w.Code)
			}
			if !allowed && strings.Contains(w.Body.String(), "the-setting") {
				t.Errorf("%q %s: %s", host, path, w.Body)
			}
		}
		if w := ask(everywhere, http.MethodGet, host, "/livez"); w.Code != http.StatusOK {
			t.Errorf("a probe with the host %q: %d", host, w.Code)
		}
	}
}

// TestOtherOrigins: browsers mark requests of pages of other origins.
func TestOtherOrigins(t *testing.T) {
	config := about(always)
	config.Page = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	h := handler(config, metrics(), true)
	for _, test := range []struct {
		site, mode, path string
		allowed          bool
	}{
		{"", "", "/metrics", true}, // not a browser
		{"none", "navigate", "/config", true},
		{"same-origin", "cors", "/config", true},
		{"cross-site", "navigate", "/", true},
		{"cross-site", "navigate", "/debug/pprof/trace", false},
		{"cross-site", "no-cors", "/", false},
		{"cross-site", "no-cors", "/debug/pprof/heap", false},
		{"same-site", "cors", "/config", false}, // another port of this machine
	} {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:9095"+test.path, nil)
		r.Header.Set("Sec-Fetch-Site", test.site)
		r.Header.Set("Sec-Fetch-Mode", test.mode)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if rejected := w.Code == http.StatusForbidden; rejected == test.allowed {
			t.Errorf("%s %s %s: %d", test.site, test.mode, test.path, w.Code)
		}
	}
}

// TestReady: the status and the text say whether calls are accepted.
func TestReady(t *testing.T) {
	var state error
	h := handler(about(func() error { return state }), metrics(), true)
	for _, test := range []struct {
		name  string
		state error
		code  int
		says  string
	}{
		{"accepting calls", nil, 200, "ready\n"},
		{"not accepting calls", errors.New("the service is stopping"), 503, "the service is stopping\n"},
	} {
		state = test.state
		if w := ask(h, http.MethodGet, "localhost", "/readyz"); w.Code != test.code || w.Body.String() != test.says {
			t.Errorf("%s: %d %s", test.name, w.Code, w.Body)
		}
		if w := ask(h, http.MethodGet, "localhost", "/livez"); w.Code != http.StatusOK {
			t.Errorf("%s: not alive: %d", test.name, w.Code)
		}
	}
}

// TestLifecycle: Close ends everything that Serve began, including requests that are running.
func TestLifecycle(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entered := make(chan struct{})
	leave := make(chan struct{})
	config := about(func() error {
		close(entered)
		<-leave
		return nil
	})
	s := New(listener, "v1")
	if s.Address() != listener.Addr().String() {
		t.Errorf("it listens on %s", s.Address())
	}
	s.Serve(config)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + listener.Addr().String() + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(resp.Body); string(body) != "alive\n" {
		t.Errorf("got %s", body)
	}
	resp.Body.Close()
	responded := make(chan error, 1)
	go func() {
		_, err := client.Get("http://" + listener.Addr().String() + "/readyz")
		responded <- err
	}()
	<-entered
	s.Close()
	if err := <-responded; err == nil {
		t.Error("the request that was running got a response")
	}
	close(leave)
	if _, err := client.Get("http://" + listener.Addr().String() + "/livez"); err == nil {
		t.Error("it still responds")
	}
}

// serve starts a server whose requests must arrive within that time.
func serve(t *testing.T, config Config, readTimeout time.Duration) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(listener, "v1")
	s.http.ReadTimeout = readTimeout
	s.Serve(config)
	t.Cleanup(s.Close)
	return listener.Addr().String()
}

// open sends the beginning of a request.
func open(t *testing.T, address, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(testkit.Timeout)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestUnfinishedRequests: requests that announce a body and never send it do not block the metrics.
func TestUnfinishedRequests(t *testing.T) {
	address := serve(t, about(always), time.Hour)
	for _, announced := range []string{"Content-Length: 1000", "Transfer-Encoding: chunked"} {
		for range maxScrapes {
			conn := open(t, address, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n"+announced+"\r\n\r\n")
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != http.StatusRequestEntityTooLarge || !resp.Close {
				t.Errorf("%s: %s", announced, resp.Status)
			}
		}
	}
	resp, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("metrics: %s", resp.Status)
	}
}

// TestReadTimeout: unfinished requests are ended, and a profile may take longer than the limit of a
// request.
func TestReadTimeout(t *testing.T) {
	address := serve(t, about(always), 300*time.Millisecond)
	conn := open(t, address, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n")
	if response, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("it waits: %s", response)
	}
	var begin time.Time
	var resp *http.Response
	testkit.Eventually(t, "the request arrives within the limit", func() (arrived bool) {
		begin = time.Now()
		var err error
		resp, err = http.Get("http://" + address + "/debug/pprof/trace?seconds=0.5")
		return err == nil
	})
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK || time.Since(begin) < 500*time.Millisecond {
		t.Errorf("a trace of half a second: %s, %v after %v", resp.Status, err, time.Since(begin))
	}
	if limit := New(nil, "v1").http.ReadTimeout; limit != readTimeout {
		t.Errorf("requests may take %v", limit)
	}
}

// TestPanicsAreLogged: a panic is logged as a warning.
func TestPanicsAreLogged(t *testing.T) {
	var log bytes.Buffer
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := about(func() error { panic("broken") })
	config.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	s := New(listener, "v1")
	s.Serve(config)
	if _, err := http.Get("http://" + listener.Addr().String() + "/readyz"); err == nil {
		t.Error("it got a response")
	}
	s.Close()
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "broken") {
		t.Errorf("logged: %s", &log)
	}
}

// TestNoAddress: without an admin address nothing listens, and the metrics are still counted.
func TestNoAddress(t *testing.T) {
	s := New(nil, "v1")
	s.Serve(about(always))
	defer s.Close()
	families, err := s.Registry.Gather()
	if s.Address() != "" || err != nil || len(families) == 0 {
		t.Errorf("address %q, %d metrics, %v", s.Address(), len(families), err)
	}
}

// TestClosedBeforeServe: a server that never served releases its port.
func TestClosedBeforeServe(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	New(listener, "v1").Close()
	if _, err := listener.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("it still listens: %v", err)
	}
}
