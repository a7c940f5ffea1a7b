// Package telemetry exports traces over OTLP, configured by OpenTelemetry's standard variables
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
//
//	config, err := telemetry.FromEnv()
//	provider, stop, err := config.Start(ctx, logger, version)
//
// The package checks the variables that decide whether and where spans are sent: exporter, endpoint
// and protocol. The SDK reads all others, and ignores invalid ones.
package telemetry

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// The protocols of OTLP.
const (
	GRPC = "grpc"
	HTTP = "http/protobuf"
)

// The prefixes of the exporter's variables: for all signals, and for traces, which take precedence.
const (
	otlpPrefix   = "OTEL_EXPORTER_OTLP_"
	tracesPrefix = "OTEL_EXPORTER_OTLP_TRACES_"
)

// Config says how spans are exported. The zero value exports none.
type Config struct {
	// Protocol is [GRPC] or [HTTP], empty when nothing is exported.
	Protocol string
	// credentials are sent to the collector, and must not be in a log.
	credentials []string
}

// FromEnv reads the variables. Spans are exported only where an endpoint or the exporter is set.
// The error joins every problem, each with its remedy and without the value of an endpoint, which
// may hold a secret.
func FromEnv() (Config, error) {
	_, endpoint := first(tracesPrefix+"ENDPOINT", otlpPrefix+"ENDPOINT")
	exporter := get("OTEL_TRACES_EXPORTER")
	if exporter == "none" || strings.EqualFold(get("OTEL_SDK_DISABLED"), "true") || exporter == "" && endpoint == "" {
		return Config{}, nil
	}
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if exporter != "" && exporter != "otlp" {
		problem("OTEL_TRACES_EXPORTER %q is not supported; use otlp or none", exporter)
	}
	name, protocol := first(tracesPrefix+"PROTOCOL", otlpPrefix+"PROTOCOL")
	if protocol = cmp.Or(protocol, HTTP); protocol != GRPC && protocol != HTTP {
		problem("%s %q is not supported; use %s or %s", name, protocol, GRPC, HTTP)
	}
	for _, name := range []string{otlpPrefix + "ENDPOINT", tracesPrefix + "ENDPOINT"} {
		if value := get(name); value != "" {
			if remedy := checkEndpoint(value); remedy != "" {
				problem("%s %s", name, remedy)
			}
		}
	}
	if len(problems) > 0 {
		return Config{}, errors.Join(problems...)
	}
	return Config{protocol, credentials()}, nil
}

// get returns a variable as the SDK reads it.
func get(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// first returns the first of the variables that is set.
func first(names ...string) (name, value string) {
	for _, name := range names {
		if value := get(name); value != "" {
			return name, value
		}
	}
	return "", ""
}

// checkEndpoint returns what an endpoint must be, empty for a valid one.
func checkEndpoint(value string) (remedy string) {
	endpoint, err := url.Parse(value)
	if err != nil || endpoint.Scheme != "http" && endpoint.Scheme != "https" || endpoint.Hostname() == "" || !isPort(endpoint.Port()) {
		return "must begin with http:// or https:// and name a host, for example http://127.0.0.1:4318"
	}
	if endpoint.User != nil || endpoint.RawQuery != "" || endpoint.Fragment != "" {
		return "must not hold a user, a query or a fragment, which are not sent to the collector; put credentials into " + otlpPrefix + "HEADERS"
	}
	return ""
}

// isPort reports whether the text is a port, or empty.
func isPort(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil
}

// credentials returns the values of the exporter's headers, and the part after a word like Bearer.
func credentials() (all []string) {
	add := func(secret string) {
		// A shorter text is not a credential, and may be part of any word.
		if len(secret) >= 8 {
			all = append(all, secret)
		}
	}
	for member := range strings.SplitSeq(get(otlpPrefix+"HEADERS")+","+get(tracesPrefix+"HEADERS"), ",") {
		_, value, _ := strings.Cut(member, "=")
		value, _ = url.PathUnescape(strings.TrimSpace(value)) // the SDK does not send an invalid one
		_, credential, _ := strings.Cut(value, " ")
		add(value)
		add(strings.TrimSpace(credential))
	}
	return all
}
