package main

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/internal/telemetry"
)

const defaultPelcroURL = "https://www.pelcro.com/api/v1/core"

// serveCommand are the flags of serve.
type serveCommand struct {
	Check              bool          `help:"Check the flags, keys, certificates and callers, print what was checked, and start nothing."`
	Listen             string        `default:"127.0.0.1:50051" placeholder:"HOST:PORT" help:"Address of the gRPC service (${default}); port 0 takes a free one."`
	AdminListen        string        `name:"admin-listen" default:"127.0.0.1:9095" placeholder:"HOST:PORT" help:"Address of metrics, probes and, on loopback only, profiles and settings (${default}); empty for none."`
	PelcroURL          string        `name:"pelcro-url" default:"${pelcro_url}" placeholder:"URL" help:"Root of Pelcro's Core API (${default}); https, or http on loopback."`
	PelcroAPIKeyFile   string        `name:"pelcro-api-key-file" placeholder:"FILE" help:"File that holds Pelcro's API key. The key itself may be in the environment instead, as PELCRO_GRPC_PELCRO_API_KEY."`
	ForwardCredentials bool          `name:"forward-credentials" help:"Send Pelcro each caller's own authorization instead of a key of this service; callers' tokens are then in x-pelcro-grpc-token."`
	TLSCert            string        `name:"tls-cert" placeholder:"FILE" help:"File with the service's certificate and those up to its CA, in PEM; read again when it changes, like the other files."`
	TLSKey             string        `name:"tls-key" placeholder:"FILE" help:"File with the certificate's private key, in PEM."`
	TLSClientCA        string        `name:"tls-client-ca" placeholder:"FILE" help:"File with CAs, in PEM; every caller must have a certificate of one of them."`
	AuthTokensFile     string        `name:"auth-tokens-file" placeholder:"FILE" help:"File that says who may call what; see pelcro-grpc token. Without it everyone may call everything, so only on loopback."`
	Insecure           bool          `help:"Listen beyond loopback even without TLS or without a callers file."`
	SiteID             int32         `name:"site-id" placeholder:"ID" help:"Pelcro's site id, for calls that do not name one."`
	Explorer           bool          `help:"Show the error explorer, a page for people, at / of the admin address; on loopback only (always with --sandbox)."`
	Sandbox            bool          `help:"Run against an embedded Pelcro with a few customers, in memory; needs no account and no network."`
	SandboxRateLimit   int           `name:"sandbox-rate-limit" default:"6000" placeholder:"N" help:"Requests a minute that the sandbox allows (${default}); Pelcro documents 120."`
	RequestTimeout     time.Duration `default:"30s" placeholder:"DURATION" help:"Longest time for one call of Pelcro, with its retries (${default})."`
	UpstreamRetries    int           `default:"2" placeholder:"N" help:"How often a read is retried when Pelcro or the connection to it fails; a create is never retried (${default})."`
	CircuitBreaker     *bool         `negatable:"" help:"Do not call Pelcro while it keeps failing (on by default, but off with --sandbox, whose failures are intended)."`
	MaxConcurrent      int           `name:"max-concurrent-calls" default:"10000" placeholder:"N" help:"How many calls run concurrently; more are rejected (${default})."`
	Reflection         *bool         `negatable:"" help:"Offer server reflection (by default where the service listens on loopback)."`
	ForwardTrace       bool          `name:"forward-trace-context" help:"Send Pelcro the trace context of each call (W3C traceparent)."`
	LogLevel           string        `default:"info" enum:"debug,info,warn,error" placeholder:"LEVEL" help:"debug, info, warn or error (${default})."`
	LogFormat          string        `default:"auto" enum:"auto,json,text" placeholder:"FORMAT" help:"json, text, or auto: text on a terminal, otherwise json (${default})."`
}

// validConfig is a configuration without problems.
type validConfig struct {
	upstream  pelcro.Config
	traces    telemetry.Config
	protected *protection
}

// validate reads the flags, the environment and the files that they name. Its error has every
// problem, each with its remedy.
func (c serveCommand) validate() (validConfig, error) {
	problems := c.checkFlags()
	upstream, more := c.upstream()
	problems = append(problems, more...)
	traces, err := telemetry.FromEnv()
	problems = append(problems, unjoin(err)...)
	if c.ForwardTrace && traces.Protocol == "" && err == nil {
		problems = append(problems, "--forward-trace-context needs traces; set OTEL_EXPORTER_OTLP_ENDPOINT (docs/operations.md), or leave it out")
	}
	protected, more := c.protection()
	if problems = append(problems, more...); len(problems) > 0 {
		return validConfig{}, usageError{problems}
	}
	return validConfig{upstream, traces, protected}, nil
}

// checkFlags returns the problems of flags that hold no file and no secret.
func (c serveCommand) checkFlags() (problems []string) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if !isAddress(c.Listen) {
		problem("--listen %q is not an address; use HOST:PORT, for example 127.0.0.1:50051", c.Listen)
	}
	if c.AdminListen != "" && !isAddress(c.AdminListen) {
		problem("--admin-listen %q is not an address; use HOST:PORT, for example 127.0.0.1:9095, or nothing for none", c.AdminListen)
	}
	if c.Explorer && !isLoopback(c.AdminListen) {
		problem("--explorer is shown on loopback only; set --admin-listen to an address like 127.0.0.1:9095, or leave out --explorer")
	}
	if c.RequestTimeout <= 0 {
		problem("--request-timeout must be greater than 0, for example 30s")
	}
	if c.UpstreamRetries < 0 {
		problem("--upstream-retries must not be negative; 0 means none")
	}
	if c.MaxConcurrent <= 0 {
		problem("--max-concurrent-calls must be greater than 0, for example 10000")
	}
	switch {
	case c.SandboxRateLimit <= 0:
		problem("--sandbox-rate-limit must be greater than 0, for example 120")
	case c.SandboxRateLimit != sandbox.DefaultRequestsPerMinute && !c.Sandbox:
		problem("--sandbox-rate-limit is the limit of the sandbox; leave it out, or add --sandbox")
	}
	switch {
	case c.SiteID < 0:
		problem("--site-id must be greater than 0; it is the number in the address of Pelcro's dashboard")
	case c.SiteID == 0 && !c.Sandbox:
		problem("--site-id is missing; it is the number in the address of Pelcro's dashboard (or try --sandbox)")
	}
	return problems
}

// upstream returns the Pelcro that the flags describe, and the problems with its URL and its key.
func (c serveCommand) upstream() (config pelcro.Config, problems []string) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	config = pelcro.Config{
		SiteID:             c.SiteID,
		UserAgent:          "pelcro-grpc/" + version(),
		Timeout:            c.RequestTimeout,
		Retries:            c.UpstreamRetries,
		CircuitBreaker:     !c.Sandbox,
		MaxIdleConnections: c.MaxConcurrent,
	}
	if c.CircuitBreaker != nil {
		config.CircuitBreaker = *c.CircuitBreaker
	}
	hasKey := c.PelcroAPIKeyFile != "" || os.Getenv(keyEnv) != ""
	if c.Sandbox {
		if c.PelcroURL != defaultPelcroURL {
			problem("--sandbox brings its own Pelcro; leave out --pelcro-url")
		}
		if hasKey {
			problem("--sandbox brings its own API key; leave out --pelcro-api-key-file and %s", keyEnv)
		}
		return config, problems
	}
	var err error
	if config.BaseURL, err = pelcro.ParseBaseURL(c.PelcroURL); err != nil {
		problem("--pelcro-url %v", err)
	}
	switch {
	case !c.ForwardCredentials:
		if config.APIKey, err = apiKey(c.PelcroAPIKeyFile, os.Getenv(keyEnv)); err != nil {
			problem("%v", err)
		}
	case hasKey:
		problem("--forward-credentials sends Pelcro the callers' own keys; leave out --pelcro-api-key-file and %s", keyEnv)
	}
	return config, problems
}

// reflects reports whether there is reflection.
func (c serveCommand) reflects() bool {
	if c.Reflection != nil {
		return *c.Reflection
	}
	return isLoopback(c.Listen)
}

// isAddress reports whether the text is an address to listen on.
func isAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	return err == nil
}

// checked is the line that --check prints for a valid configuration.
func (c serveCommand) checked(config validConfig) string {
	parts := []string{"the sandbox"}
	if !c.Sandbox {
		parts = []string{"Pelcro at " + config.upstream.BaseURL.Host, fmt.Sprintf("site %d", c.SiteID)}
	}
	switch {
	case c.ForwardCredentials:
		parts = append(parts, "the callers' own API keys")
	case !c.Sandbox:
		parts = append(parts, "API key "+c.keyOrigin())
	}
	if identity := config.protected.identity; identity != nil {
		parts = append(parts, "TLS certificate valid until "+identity.NotAfter().UTC().Format(time.RFC3339))
	} else {
		parts = append(parts, "no TLS")
	}
	if c.TLSClientCA != "" {
		parts = append(parts, "client CAs")
	}
	if c.AuthTokensFile != "" {
		parts = append(parts, "callers file")
	} else {
		parts = append(parts, "no callers file")
	}
	if config.traces.Protocol != "" {
		parts = append(parts, "traces over "+config.traces.Protocol)
	} else {
		parts = append(parts, "no traces")
	}
	return "the configuration is valid (" + strings.Join(parts, ", ") + "); nothing was started"
}

// effectiveSettings are the flags as they are in effect, the protocol of traces, and the origin of
// the API key. No flag holds a secret.
func (c serveCommand) effectiveSettings(config validConfig) map[string]any {
	c.PelcroURL = config.upstream.BaseURL.String()
	c.SiteID = config.upstream.SiteID
	c.CircuitBreaker = &config.upstream.CircuitBreaker
	c.Reflection = new(c.reflects())
	c.Explorer = c.pageURL() != ""
	settings := map[string]any{"traces": cmp.Or(config.traces.Protocol, "off")}
	if origin := c.keyOrigin(); origin != "" {
		settings["pelcro-api-key"] = "(hidden) " + origin
	}
	for _, flag := range kong.Must(&c, kong.Vars{"pelcro_url": defaultPelcroURL}).Model.Flags {
		if flag.Name == "help" || flag.Name == "check" {
			continue
		}
		settings[flag.Name] = flag.Target.Interface()
		if d, ok := settings[flag.Name].(time.Duration); ok {
			settings[flag.Name] = d.String()
		}
	}
	return settings
}

// keyOrigin says where the API key is from, empty without a key.
func (c serveCommand) keyOrigin() string {
	switch {
	case c.ForwardCredentials:
		return ""
	case c.Sandbox:
		return "the sandbox's own"
	case c.PelcroAPIKeyFile != "":
		return "from --pelcro-api-key-file"
	}
	return "from " + keyEnv
}
