package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// The protocols of OTLP.
const (
	overGRPC = "grpc"
	overHTTP = "http/protobuf"
)

// The prefixes of the exporter's variables: for all signals, and for traces, which
// win.
const (
	otlpPrefix   = "OTEL_EXPORTER_OTLP_"
	tracesPrefix = "OTEL_EXPORTER_OTLP_TRACES_"
)

// samplers are the names that the SDK knows.
var samplers = []string{
	"always_on", "always_off", "traceidratio",
	"parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
}

// export says where spans go.
type export struct {
	protocol string // empty: nowhere
	// secrets are what the collector is shown, and no log.
	secrets []string
}

// exportOf reads OpenTelemetry's standard variables
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/)
// and returns all problems with them. Spans are exported only where an endpoint or
// the exporter is named: a service that nobody configured dials nobody.
//
// The SDK reads the variables once more by itself. It passes over what it does not
// understand, and says so only in a log that prints the values, headers with
// credentials among them; that log is off, so all is checked here.
func exportOf(getenv func(string) string) (export, []string) {
	v := &otelVariables{getenv: getenv}
	name, exporter := v.first("OTEL_TRACES_EXPORTER")
	_, endpoint := v.first(tracesPrefix+"ENDPOINT", otlpPrefix+"ENDPOINT")
	switch {
	case exporter == "none", strings.EqualFold(v.get("OTEL_SDK_DISABLED"), "true"), exporter == "" && endpoint == "":
		return export{}, nil
	case exporter != "" && exporter != "otlp":
		v.problemf("%s %q is not known here; use otlp or none", name, exporter)
	}
	name, protocol := v.first(tracesPrefix+"PROTOCOL", otlpPrefix+"PROTOCOL")
	if protocol = cmp.Or(protocol, overHTTP); protocol != overGRPC && protocol != overHTTP {
		v.problemf("%s %q is not known here; use %s or %s", name, protocol, overGRPC, overHTTP)
	}
	var secrets []string
	for _, prefix := range []string{otlpPrefix, tracesPrefix} {
		v.checkEndpoint(prefix + "ENDPOINT")
		secrets = append(secrets, v.checkHeaders(prefix+"HEADERS")...)
		v.checkCertificates(prefix + "CERTIFICATE")
		v.checkKeyPair(prefix+"CLIENT_CERTIFICATE", prefix+"CLIENT_KEY")
		v.checkChoice(prefix+"COMPRESSION", "gzip", "none")
		v.checkNumber(prefix+"TIMEOUT", 0)
	}
	if name, _ := v.first(tracesPrefix+"CERTIFICATE", otlpPrefix+"CERTIFICATE", tracesPrefix+"CLIENT_CERTIFICATE", otlpPrefix+"CLIENT_CERTIFICATE"); name != "" &&
		strings.HasPrefix(strings.ToLower(endpoint), "http://") {
		v.problemf("%s is for an endpoint that begins with https://; change the endpoint, or leave it out", name)
	}
	v.checkSampler("OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG")
	v.checkAttributes("OTEL_RESOURCE_ATTRIBUTES")
	v.checkNumber("OTEL_BSP_SCHEDULE_DELAY", 0)
	v.checkNumber("OTEL_BSP_EXPORT_TIMEOUT", 0)
	v.checkNumber("OTEL_BSP_MAX_QUEUE_SIZE", 1)
	v.checkNumber("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1)
	if len(v.problems) > 0 {
		return export{}, v.problems
	}
	// What is shorter is no credential, and may be part of any word.
	secrets = slices.DeleteFunc(secrets, func(secret string) bool { return len(secret) < 8 })
	return export{protocol, secrets}, nil
}

// otelVariables are OpenTelemetry's variables and what is wrong with them. A value
// that may hold a secret is in no problem.
type otelVariables struct {
	getenv   func(string) string
	problems []string
}

func (v *otelVariables) problemf(format string, args ...any) {
	v.problems = append(v.problems, fmt.Sprintf(format, args...))
}

// get returns a variable as the SDK reads it.
func (v *otelVariables) get(name string) string { return strings.TrimSpace(v.getenv(name)) }

// first returns the first of the variables that is set.
func (v *otelVariables) first(names ...string) (name, value string) {
	for _, name := range names {
		if value := v.get(name); value != "" {
			return name, value
		}
	}
	return "", ""
}

func (v *otelVariables) checkEndpoint(name string) {
	value := v.get(name)
	if value == "" {
		return
	}
	endpoint, err := url.Parse(value)
	if err != nil || endpoint.Scheme != "http" && endpoint.Scheme != "https" || endpoint.Hostname() == "" || !isPort(endpoint.Port()) {
		v.problemf("%s must begin with http:// or https:// and name a host, for example http://127.0.0.1:4318", name)
		return
	}
	if endpoint.User != nil || endpoint.RawQuery != "" || endpoint.Fragment != "" {
		v.problemf("%s must not hold a user, a query or a fragment, which the collector would not get; credentials belong into %sHEADERS", name, otlpPrefix)
	}
}

// isPort reports whether it is one, or left out.
func isPort(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil
}

// checkHeaders returns the values, and what follows a word like Bearer in them.
func (v *otelVariables) checkHeaders(name string) (secrets []string) {
	for member := range strings.SplitSeq(v.get(name), ",") {
		if strings.TrimSpace(member) == "" {
			continue
		}
		key, value, ok := pair(member)
		if !ok || !httpguts.ValidHeaderFieldName(key) || !httpguts.ValidHeaderFieldValue(value) {
			v.problemf("%s must be NAME=VALUE, with commas between several and the values percent-encoded, for example authorization=Bearer%%20TOKEN", name)
			return nil
		}
		secrets = append(secrets, value)
		if _, credential, ok := strings.Cut(value, " "); ok {
			secrets = append(secrets, strings.TrimSpace(credential))
		}
	}
	return secrets
}

// pair splits NAME=VALUE and decodes the value.
func pair(text string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(text, "=")
	value, err := url.PathUnescape(strings.TrimSpace(value))
	return strings.TrimSpace(name), strings.TrimSpace(value), ok && err == nil
}

func (v *otelVariables) checkAttributes(name string) {
	value := v.get(name)
	if value == "" {
		return
	}
	for member := range strings.SplitSeq(value, ",") {
		if key, _, ok := pair(member); !ok || key == "" {
			v.problemf("%s must be NAME=VALUE, with commas between several and the values percent-encoded, for example deployment.environment.name=test", name)
			return
		}
	}
}

func (v *otelVariables) checkCertificates(name string) {
	file := v.get(name)
	if file == "" {
		return
	}
	raw, err := os.ReadFile(file)
	if err == nil && !x509.NewCertPool().AppendCertsFromPEM(raw) {
		err = errors.New("there is no certificate in PEM")
	}
	if err != nil {
		v.problemf("%s must name a file with the certificates of the collector's CA (%v)", name, cause(err))
	}
}

func (v *otelVariables) checkKeyPair(certName, keyName string) {
	cert, key := v.get(certName), v.get(keyName)
	if cert == "" && key == "" {
		return
	}
	if cert == "" || key == "" {
		v.problemf("%s and %s belong together; set both or none", certName, keyName)
	} else if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		v.problemf("%s and %s must name the files of a certificate and its key (%v)", certName, keyName, cause(err))
	}
}

func (v *otelVariables) checkSampler(name, argument string) {
	sampler := strings.ToLower(v.get(name))
	if sampler == "" {
		return
	}
	if !slices.Contains(samplers, sampler) {
		v.problemf("%s %q is not known here; use one of %s", name, v.get(name), strings.Join(samplers, ", "))
	}
	ratio := v.get(argument)
	if ratio == "" || !strings.HasSuffix(sampler, "traceidratio") {
		return
	}
	if n, err := strconv.ParseFloat(ratio, 64); err != nil || !(n >= 0 && n <= 1) {
		v.problemf("%s must be a number from 0 to 1, for example 0.1", argument)
	}
}

func (v *otelVariables) checkChoice(name string, choices ...string) {
	if value := v.get(name); value != "" && !slices.Contains(choices, value) {
		v.problemf("%s %q is not known here; use %s", name, value, strings.Join(choices, " or "))
	}
}

func (v *otelVariables) checkNumber(name string, least int) {
	value := v.get(name)
	if value == "" {
		return
	}
	if n, err := strconv.Atoi(value); err != nil || n < least {
		v.problemf("%s must be a whole number, %d or more", name, least)
	}
}
