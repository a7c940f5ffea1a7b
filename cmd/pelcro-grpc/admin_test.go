package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/testkit"
)

// TestReadiness: the service is ready when it accepts calls, and no longer from the beginning of a
// stop, while running calls still succeed.
func TestReadiness(t *testing.T) {
	t.Parallel()
	arrived, respond := make(chan struct{}), make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-respond
		_, _ = io.WriteString(w, `{"data":{"id":42}}`)
	}))
	defer web.Close()
	p := startWithAdmin(t, "--pelcro-url="+web.URL, "--site-id=1", "--pelcro-api-key-file="+testkit.File(t, canaryKey))
	testkit.Eventually(t, "the service is ready", func() bool {
		code, body := p.get(t, "/readyz")
		return code == http.StatusOK && body == "ready\n"
	})
	called := make(chan error, 1)
	go func() {
		_, err := pelcrov1.NewCustomerServiceClient(p.conn).GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 42})
		called <- err
	}()
	<-arrived
	stopped := make(chan int, 1)
	go func() { stopped <- p.stop() }()
	for deadline := time.Now().Add(testkit.Timeout); ; {
		code, body := p.get(t, "/readyz")
		if code == http.StatusServiceUnavailable && body == "the service is stopping\n" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it stays ready: %d %s", code, body)
		}
	}
	if code, _ := p.get(t, "/livez"); code != http.StatusOK {
		t.Errorf("not alive while it drains: %d", code)
	}
	close(respond)
	if err := <-called; err != nil {
		t.Errorf("the call that was running: %v", err)
	}
	if code := <-stopped; code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if resp, err := http.Get(p.admin + "/livez"); err == nil {
		resp.Body.Close()
		t.Error("the admin address outlives the service")
	}
}

// TestSettings: the settings shown are those in effect, without secrets.
func TestSettings(t *testing.T) {
	t.Setenv(keyEnv, canaryKey)
	p := startWithAdmin(t, "--pelcro-url=http://127.0.0.1:1/api", "--site-id=7", "--request-timeout=90s", "--no-reflection")
	_, text := p.get(t, "/config")
	noKey(t, text)
	var settings map[string]any
	if err := json.Unmarshal([]byte(text), &settings); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"listen":          p.address,
		"admin-listen":    strings.TrimPrefix(p.admin, "http://"),
		"pelcro-url":      "http://127.0.0.1:1/api",
		"pelcro-api-key":  "(hidden) from PELCRO_GRPC_PELCRO_API_KEY",
		"log-format":      "json",
		"traces":          "off",
		"site-id":         7.0,
		"request-timeout": "1m30s",
		"reflection":      false,
		"circuit-breaker": true,
		"sandbox":         false,
	} {
		if settings[name] != want {
			t.Errorf("%s is %v, want %v", name, settings[name], want)
		}
	}
	help := runWith(t, "", "serve", "--help").out
	for name := range settings {
		if name != "pelcro-api-key" && name != "traces" && !strings.Contains(help, "--"+name) && !strings.Contains(help, "--[no-]"+name) {
			t.Errorf("%s is not a flag", name)
		}
	}
}

// TestOtherSettings: the form of the log is the one in use; the origin of the key and the protocol of
// traces are shown, but not the endpoint and the credentials of traces.
func TestOtherSettings(t *testing.T) {
	const pelcro, site = "--pelcro-url=http://127.0.0.1:1/api", "--site-id=7"
	for _, test := range []struct {
		name     string
		args     []string
		key      string // of the environment
		protocol string // of traces
		want     map[string]any
	}{
		{"sandbox", []string{"--sandbox"}, "", "", map[string]any{
			"pelcro-api-key": "(hidden) the sandbox's own", "traces": "off", "log-format": "json",
		}},
		{"file", []string{pelcro, site, "--pelcro-api-key-file=" + testkit.File(t, canaryKey)}, "", "grpc", map[string]any{
			"pelcro-api-key": "(hidden) from --pelcro-api-key-file", "traces": "grpc",
		}},
		{"environment", []string{pelcro, site}, canaryKey, "http/protobuf", map[string]any{
			"pelcro-api-key": "(hidden) from PELCRO_GRPC_PELCRO_API_KEY", "traces": "http/protobuf",
		}},
		{"none", []string{pelcro, site, "--forward-credentials"}, "", "", map[string]any{"pelcro-api-key": nil}},
		{"auto", []string{"--sandbox", "--log-format=auto"}, "", "", map[string]any{"log-format": "json"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(keyEnv, test.key)
			if test.protocol != "" {
				t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1/canary-path")
				t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization="+canaryKey)
				t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", test.protocol)
			}
			_, text := startWithAdmin(t, test.args...).get(t, "/config")
			noKey(t, text)
			var settings map[string]any
			if err := json.Unmarshal([]byte(text), &settings); err != nil {
				t.Fatal(err)
			}
			for name, want := range test.want {
				if settings[name] != want {
					t.Errorf("%s is %v, want %v", name, settings[name], want)
				}
			}
			if strings.Contains(text, "canary-path") {
				t.Errorf("the endpoint is shown: %s", text)
			}
		})
	}
}

// TestAdminAddressInUse: two services on one machine need two admin addresses; the message says so.
func TestAdminAddressInUse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	address := listener.Addr().String()
	runWith(t, "", "serve", "--sandbox", "--listen=127.0.0.1:0", "--admin-listen="+address).mustReject(t,
		"cannot listen on "+address+" (address already in use); choose another address with --admin-listen")
}
