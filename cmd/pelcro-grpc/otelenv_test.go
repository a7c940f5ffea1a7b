package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestTracesConfiguration: whether there are traces, by which protocol, and every
// problem at once, with its remedy and without what may be a secret. Nothing starts
// then.
func TestTracesConfiguration(t *testing.T) {
	const (
		endpoint, ofTraces = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
		headers            = " must be NAME=VALUE, with commas between several and the values percent-encoded, for example authorization=Bearer%20TOKEN"
		attributes         = "OTEL_RESOURCE_ATTRIBUTES must be NAME=VALUE, with commas between several and the values percent-encoded, " +
			"for example deployment.environment.name=test"
		noURL    = " must begin with http:// or https:// and name a host, for example http://127.0.0.1:4318"
		more     = " must not hold a user, a query or a fragment, which the collector would not get; credentials belong into OTEL_EXPORTER_OTLP_HEADERS"
		samplers = "always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio"
		ratio    = "OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, for example 0.1"
		ca       = "OTEL_EXPORTER_OTLP_CERTIFICATE must name a file with the certificates of the collector's CA "
		pair     = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY "
	)
	noPEM := write(t, canaryKey)
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	certificate := write(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})))
	// on is a configuration that is good but for this.
	on := func(pairs ...string) map[string]string {
		variables := map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}
		for i := 0; i < len(pairs); i += 2 {
			variables[pairs[i]] = pairs[i+1]
		}
		return variables
	}
	for _, test := range []struct {
		name      string
		variables map[string]string
		protocol  string
		problems  []string
	}{
		{name: "nothing"},
		{"endpoint", map[string]string{endpoint: "http://c"}, "http/protobuf", nil},
		{"endpoint of traces", map[string]string{ofTraces: "https://c.example:4318/v1/traces"}, "http/protobuf", nil},
		{"exporter", on(), "http/protobuf", nil},
		{"protocol", on("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), "grpc", nil},
		{"protocol of traces", on("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"), "http/protobuf", nil},
		{"protocol alone", map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "", nil},
		{"none", map[string]string{"OTEL_TRACES_EXPORTER": "none", endpoint: "http://c"}, "", nil},
		{"off", map[string]string{"OTEL_SDK_DISABLED": "TRUE", endpoint: "http://c"}, "", nil},
		{"what is off may be wrong", map[string]string{"OTEL_SDK_DISABLED": "true", endpoint: "c"}, "", nil},
		{"headers", on("OTEL_EXPORTER_OTLP_HEADERS", " authorization = Bearer%20"+canaryKey+" ,x-tenant=,,b=c=d"), "http/protobuf", nil},
		{"sampler", on("OTEL_TRACES_SAMPLER", "ParentBased_TraceIDRatio", "OTEL_TRACES_SAMPLER_ARG", "0.25"), "http/protobuf", nil},
		{"argument of no use", on("OTEL_TRACES_SAMPLER", "always_on", "OTEL_TRACES_SAMPLER_ARG", "x"), "http/protobuf", nil},
		{"attributes", on("OTEL_RESOURCE_ATTRIBUTES", "a=b, c=d%20e,f="), "http/protobuf", nil},
		{"certificates", on("OTEL_EXPORTER_OTLP_CERTIFICATE", certificate), "http/protobuf", nil},
		{"numbers", on("OTEL_BSP_SCHEDULE_DELAY", "100", "OTEL_EXPORTER_OTLP_TIMEOUT", "0"), "http/protobuf", nil},

		{"other exporter", map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, "", []string{
			`OTEL_TRACES_EXPORTER "zipkin" is not known here; use otlp or none`,
		}},
		{"other protocol", on("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"), "", []string{
			`OTEL_EXPORTER_OTLP_PROTOCOL "http/json" is not known here; use grpc or http/protobuf`,
		}},
		{"other protocol of traces", on("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"), "", []string{
			`OTEL_EXPORTER_OTLP_TRACES_PROTOCOL "http/json" is not known here; use grpc or http/protobuf`,
		}},
		{"no scheme", on(endpoint, "collector:4318"), "", []string{endpoint + noURL}},
		{"other scheme", on(ofTraces, "unix:///collector"), "", []string{ofTraces + noURL}},
		{"no host", on(endpoint, "http://:4318"), "", []string{endpoint + noURL}},
		{"no port", on(endpoint, "http://c:65536"), "", []string{endpoint + noURL}},
		{"no URL", on(endpoint, "http://c/%zz"+canaryKey), "", []string{endpoint + noURL}},
		{"both", on(endpoint, "c", ofTraces, "d"), "", []string{endpoint + noURL, ofTraces + noURL}},
		{"user", on(endpoint, "https://"+canaryKey+"@c"), "", []string{endpoint + more}},
		{"query", on(ofTraces, "https://c/?key="+canaryKey), "", []string{ofTraces + more}},
		{"header with a colon", on("OTEL_EXPORTER_OTLP_HEADERS", "Authorization: Bearer "+canaryKey), "", []string{"OTEL_EXPORTER_OTLP_HEADERS" + headers}},
		{"header that ends in =", on("OTEL_EXPORTER_OTLP_HEADERS", "Authorization: Basic "+canaryKey+"="), "", []string{"OTEL_EXPORTER_OTLP_HEADERS" + headers}},
		{"header badly encoded", on("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "authorization=Bearer "+canaryKey+"%zz"), "", []string{
			"OTEL_EXPORTER_OTLP_TRACES_HEADERS" + headers,
		}},
		{"header of two lines", on("OTEL_EXPORTER_OTLP_HEADERS", "a=b,c="+canaryKey+"%0D%0Ad:e"), "", []string{"OTEL_EXPORTER_OTLP_HEADERS" + headers}},
		{"other sampler", on("OTEL_TRACES_SAMPLER", "sometimes"), "", []string{`OTEL_TRACES_SAMPLER "sometimes" is not known here; use one of ` + samplers}},
		{"no ratio", on("OTEL_TRACES_SAMPLER", "traceidratio", "OTEL_TRACES_SAMPLER_ARG", "half"), "", []string{ratio}},
		{"too much", on("OTEL_TRACES_SAMPLER", "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG", "10"), "", []string{ratio}},
		{"no number", on("OTEL_TRACES_SAMPLER", "traceidratio", "OTEL_TRACES_SAMPLER_ARG", "NaN"), "", []string{ratio}},
		{"no attributes", on("OTEL_RESOURCE_ATTRIBUTES", "a=b,"+canaryKey), "", []string{attributes}},
		{"attributes badly encoded", on("OTEL_RESOURCE_ATTRIBUTES", "a=%zz"), "", []string{attributes}},
		{"missing certificates", on(endpoint, "https://c", "OTEL_EXPORTER_OTLP_CERTIFICATE", filepath.Join(t.TempDir(), canaryKey)), "", []string{
			ca + "(no such file or directory)",
		}},
		{"no certificates", on(endpoint, "https://c", "OTEL_EXPORTER_OTLP_CERTIFICATE", noPEM), "", []string{ca + "(there is no certificate in PEM)"}},
		{"certificate without its key", on(endpoint, "https://c", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", noPEM), "", []string{pair + "belong together; set both or none"}},
		{"no key pair", on(endpoint, "https://c", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", noPEM, "OTEL_EXPORTER_OTLP_CLIENT_KEY", noPEM), "", []string{
			pair + "must name the files of a certificate and its key (tls: failed to find any PEM data in certificate input)",
		}},
		{"certificates for an endpoint without TLS", on(endpoint, "http://c", "OTEL_EXPORTER_OTLP_CERTIFICATE", certificate), "", []string{
			"OTEL_EXPORTER_OTLP_CERTIFICATE is for an endpoint that begins with https://; change the endpoint, or leave it out",
		}},
		{"other compression", on("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"), "", []string{
			`OTEL_EXPORTER_OTLP_COMPRESSION "zstd" is not known here; use gzip or none`,
		}},
		{"numbers that are none", on("OTEL_BSP_MAX_QUEUE_SIZE", "0", "OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "OTEL_BSP_EXPORT_TIMEOUT", "-1"), "", []string{
			"OTEL_EXPORTER_OTLP_TIMEOUT must be a whole number, 0 or more",
			"OTEL_BSP_EXPORT_TIMEOUT must be a whole number, 0 or more",
			"OTEL_BSP_MAX_QUEUE_SIZE must be a whole number, 1 or more",
		}},
		{"everything", map[string]string{
			"OTEL_TRACES_EXPORTER": "zipkin", "OTEL_EXPORTER_OTLP_PROTOCOL": "x", endpoint: "c",
			"OTEL_EXPORTER_OTLP_HEADERS": canaryKey, "OTEL_TRACES_SAMPLER": "y", "OTEL_RESOURCE_ATTRIBUTES": "z",
		}, "", []string{
			`OTEL_TRACES_EXPORTER "zipkin" is not known here; use otlp or none`,
			`OTEL_EXPORTER_OTLP_PROTOCOL "x" is not known here; use grpc or http/protobuf`,
			endpoint + noURL, "OTEL_EXPORTER_OTLP_HEADERS" + headers,
			`OTEL_TRACES_SAMPLER "y" is not known here; use one of ` + samplers, attributes,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, problems := exportOf(func(name string) string { return test.variables[name] })
			if got.protocol != test.protocol || !slices.Equal(problems, test.problems) {
				t.Errorf("got %q, %q", got.protocol, problems)
			}
			if len(test.problems) > 0 {
				for name, value := range test.variables {
					t.Setenv(name, value)
				}
				runWith(t, "", "serve", "--sandbox").mustRefuse(t, test.problems...)
			}
		})
	}
}

// TestTracesThatNobodyExports: to tell Pelcro of them would do nothing.
func TestTracesThatNobodyExports(t *testing.T) {
	const refusal = "--forward-trace-context has no traces to tell of; set OTEL_EXPORTER_OTLP_ENDPOINT (docs/operations.md), or leave it out"
	runWith(t, "", "serve", "--sandbox", "--forward-trace-context").mustRefuse(t, refusal)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	runWith(t, "", "serve", "--sandbox", "--forward-trace-context").mustRefuse(t, refusal)
}

// TestCollectorCredentials: OpenTelemetry has a log of its own, on the standard error
// of the process, that prints the values of variables. Nothing but our lines may be
// there, and no credential in them.
func TestCollectorCredentials(t *testing.T) {
	const canary = "canary-of-the-collector"
	for name, variables := range map[string]map[string]string{
		"badly encoded":     {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer " + canary + "-100%zz"},
		"as curl has it":    {"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "Authorization: Bearer " + canary},
		"with a comma more": {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20" + canary + ",,"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			stderr := newOutput()
			command := exec.CommandContext(ctx, os.Args[0], "serve", "--sandbox", "--listen=127.0.0.1:0", "--admin-listen=", "--log-format=json", "--log-level=debug")
			command.Env = append(os.Environ(), asProgram+"=1", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1")
			for name, value := range variables {
				command.Env = append(command.Env, name+"="+value)
			}
			command.Stderr = stderr
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			stderr.match(t, `("msg":"serving"|NAME=VALUE)`)
			_ = command.Process.Signal(syscall.SIGTERM) // or it has ended by itself
			_ = command.Wait()
			if text := stderr.String(); strings.Contains(text, canary) {
				t.Errorf("printed: %s", text)
			}
			for line := range bytes.Lines([]byte(stderr.String())) {
				if !bytes.HasPrefix(line, []byte("pelcro-grpc: ")) && !json.Valid(line) {
					t.Errorf("not our line: %s", line)
				}
			}
		})
	}
}
