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
)

// TestReadiness: ready once calls are taken, and not from the moment of the stop,
// while calls that are running still end well.
func TestReadiness(t *testing.T) {
	arrived, answer := make(chan struct{}), make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-answer
		_, _ = io.WriteString(w, `{"data":{"id":42}}`)
	}))
	defer web.Close()
	p := startWithAdmin(t, "--pelcro-url="+web.URL, "--site-id=1", "--pelcro-api-key-file="+write(t, canaryKey))
	if code, body := p.get(t, "/readyz"); code != http.StatusOK || body != "ready\n" {
		t.Errorf("before: %d %s", code, body)
	}
	called := make(chan error, 1)
	go func() {
		_, err := pelcrov1.NewCustomerServiceClient(p.conn).GetCustomer(t.Context(), &pelcrov1.GetCustomerRequest{Id: 42})
		called <- err
	}()
	<-arrived
	stopped := make(chan int, 1)
	go func() { stopped <- p.stop() }()
	for over := time.Now().Add(patience); ; {
		code, body := p.get(t, "/readyz")
		if code == http.StatusServiceUnavailable && body == "the service is stopping\n" {
			break
		}
		if time.Now().After(over) {
			t.Fatalf("it stays ready: %d %s", code, body)
		}
	}
	if code, _ := p.get(t, "/livez"); code != http.StatusOK {
		t.Errorf("it is dead while it drains: %d", code)
	}
	close(answer)
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

// TestSettings: what is shown is what is in effect, and no secret is among it.
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
			t.Errorf("%s is no flag", name)
		}
	}
}

// TestSettingsThatAreNoFlags: the form of the log is the one in use, where the key is
// from is said where there is one, and so is whether there are traces; of where they
// go, and with which credentials, nothing.
func TestSettingsThatAreNoFlags(t *testing.T) {
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
		{"file", []string{pelcro, site, "--pelcro-api-key-file=" + write(t, canaryKey)}, "", "grpc", map[string]any{
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

// Two services on one machine need two admin addresses; the message says so.
func TestAdminAddressInUse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	address := listener.Addr().String()
	runWith(t, "", "serve", "--sandbox", "--listen=127.0.0.1:0", "--admin-listen="+address).mustRefuse(t,
		"cannot listen on "+address+" (address already in use); choose another address with --admin-listen")
}
