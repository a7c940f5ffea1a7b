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
}

// FromEnv reads the variables. Spans are exported only where an endpoint or the exporter is set.
// The error joins every problem, each with its remedy and without the value of an endpoint, which
// may hold a secret.
func FromEnv() (Config, error) {
	exporter, endpoint, tracesEndpoint := get("OTEL_TRACES_EXPORTER"), get(otlpPrefix+"ENDPOINT"), get(tracesPrefix+"ENDPOINT")
	off := exporter == "none" || strings.EqualFold(get("OTEL_SDK_DISABLED"), "true")
	if off || exporter == "" && endpoint == "" && tracesEndpoint == "" {
		return Config{}, nil
	}
	var problems []error
	if exporter != "" && exporter != "otlp" {
		problems = append(problems, fmt.Errorf("OTEL_TRACES_EXPORTER %q is not supported; use otlp or none", exporter))
	}
	variable := tracesPrefix + "PROTOCOL"
	if get(variable) == "" {
		variable = otlpPrefix + "PROTOCOL"
	}
	protocol := cmp.Or(get(variable), HTTP)
	if protocol != GRPC && protocol != HTTP {
		problems = append(problems, fmt.Errorf("%s %q is not supported; use %s or %s", variable, protocol, GRPC, HTTP))
	}
	problems = append(problems, checkEndpoint(otlpPrefix+"ENDPOINT", endpoint), checkEndpoint(tracesPrefix+"ENDPOINT", tracesEndpoint))
	if err := errors.Join(problems...); err != nil {
		return Config{}, err
	}
	return Config{protocol}, nil
}

// get returns a variable as the SDK reads it.
func get(name string) string { return strings.TrimSpace(os.Getenv(name)) }

func checkEndpoint(variable, value string) error {
	if value == "" {
		return nil
	}
	endpoint, err := url.Parse(value)
	if err == nil {
		_, err = strconv.ParseUint(cmp.Or(endpoint.Port(), "0"), 10, 16)
	}
	switch {
	case err != nil, endpoint.Scheme != "http" && endpoint.Scheme != "https", endpoint.Hostname() == "":
		return errors.New(variable + " must begin with http:// or https:// and name a host, for example http://127.0.0.1:4318")
	case endpoint.User != nil, endpoint.RawQuery != "", endpoint.Fragment != "":
		return fmt.Errorf("%s must not hold a user, a query or a fragment, which are not sent to the collector; put credentials into %sHEADERS", variable, otlpPrefix)
	}
	return nil
}
