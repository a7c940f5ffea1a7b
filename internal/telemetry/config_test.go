package telemetry

import (
	"os"
	"slices"
	"strings"
	"testing"
)

const (
	endpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	tracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
)

// canary is a secret in the wrong variable.
const canary = "canary-of-the-collector"

// TestFromEnv: whether there are traces, by which protocol, and every problem, with its remedy and
// without what may be a secret.
func TestFromEnv(t *testing.T) {
	const (
		noURL = " must begin with http:// or https:// and name a host, for example http://127.0.0.1:4318"
		more  = " must not hold a user, a query or a fragment, which are not sent to the collector; put credentials into OTEL_EXPORTER_OTLP_HEADERS"
	)
	// on is a valid configuration with these variables added.
	on := func(pairs ...string) map[string]string {
		variables := map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}
		for pair := range slices.Chunk(pairs, 2) {
			variables[pair[0]] = pair[1]
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
		{"endpoint", map[string]string{endpoint: "http://c"}, HTTP, nil},
		{"endpoint of traces", map[string]string{tracesEndpoint: "https://c.example:4318/v1/traces"}, HTTP, nil},
		{"exporter", on(), HTTP, nil},
		{"protocol", on("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), GRPC, nil},
		{"protocol of traces", on("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"), HTTP, nil},
		{"protocol alone", map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "", nil},
		{"none", map[string]string{"OTEL_TRACES_EXPORTER": "none", endpoint: "http://c"}, "", nil},
		{"off", map[string]string{"OTEL_SDK_DISABLED": "TRUE", endpoint: "http://c"}, "", nil},
		{"off, and invalid", map[string]string{"OTEL_SDK_DISABLED": "true", endpoint: "c"}, "", nil},
		{"the SDK's own variables are not checked", on("OTEL_TRACES_SAMPLER", "sometimes", "OTEL_EXPORTER_OTLP_HEADERS", canary), HTTP, nil},

		{"other exporter", map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, "", []string{
			`OTEL_TRACES_EXPORTER "zipkin" is not supported; use otlp or none`,
		}},
		{"other protocol", on("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"), "", []string{
			`OTEL_EXPORTER_OTLP_PROTOCOL "http/json" is not supported; use grpc or http/protobuf`,
		}},
		{"other protocol of traces", on("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"), "", []string{
			`OTEL_EXPORTER_OTLP_TRACES_PROTOCOL "http/json" is not supported; use grpc or http/protobuf`,
		}},
		{"no scheme", on(endpoint, "collector:4318"), "", []string{endpoint + noURL}},
		{"other scheme", on(tracesEndpoint, "unix:///collector"), "", []string{tracesEndpoint + noURL}},
		{"no host", on(endpoint, "http://:4318"), "", []string{endpoint + noURL}},
		{"no port", on(endpoint, "http://c:65536"), "", []string{endpoint + noURL}},
		{"not a URL", on(endpoint, "http://c/%zz"+canary), "", []string{endpoint + noURL}},
		{"both endpoints", on(endpoint, "c", tracesEndpoint, "d"), "", []string{endpoint + noURL, tracesEndpoint + noURL}},
		{"user", on(endpoint, "https://"+canary+"@c"), "", []string{endpoint + more}},
		{"query", on(tracesEndpoint, "https://c/?key="+canary), "", []string{tracesEndpoint + more}},
		{"everything", map[string]string{"OTEL_TRACES_EXPORTER": "zipkin", "OTEL_EXPORTER_OTLP_PROTOCOL": "x", endpoint: "c"}, "", []string{
			`OTEL_TRACES_EXPORTER "zipkin" is not supported; use otlp or none`,
			`OTEL_EXPORTER_OTLP_PROTOCOL "x" is not supported; use grpc or http/protobuf`,
			endpoint + noURL,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, variable := range os.Environ() { // the developer's own
				if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "OTEL_") {
					t.Setenv(name, "")
				}
			}
			for name, value := range test.variables {
				t.Setenv(name, value)
			}
			got, err := FromEnv()
			text := ""
			if err != nil {
				text = err.Error()
			}
			if got.Protocol != test.protocol || text != strings.Join(test.problems, "\n") {
				t.Errorf("got %q, %v", got.Protocol, err)
			}
			if strings.Contains(text, canary) {
				t.Error("the secret is quoted")
			}
		})
	}
}
