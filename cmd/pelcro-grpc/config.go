package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/alecthomas/kong"
	"github.com/redis/go-redis/v9"

	"github.com/pelcro-grpc/pelcro-grpc/internal/admin"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/internal/telemetry"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

const defaultPelcroURL = "https://www.pelcro.com/api/v1/core"

// serveCommand are the flags of serve.
type serveCommand struct {
	Check       bool   `help:"Check the flags, keys, certificates and callers, print what was checked, and start nothing."`
	Listen      string `default:"127.0.0.1:50051" placeholder:"HOST:PORT" help:"Address of the gRPC service (${default}); port 0 takes a free one."`
	AdminListen string `name:"admin-listen" default:"127.0.0.1:9095" placeholder:"HOST:PORT" help:"Address of metrics, probes and, on loopback only, profiles and settings (${default}); empty for none."`

	upstreamFlags

	ForwardCredentials bool          `name:"forward-credentials" help:"Send Pelcro each caller's own authorization instead of a key of this service; callers' tokens are then in x-pelcro-grpc-token."`
	TLSCert            string        `name:"tls-cert" placeholder:"FILE" help:"File with the service's certificate and those up to its CA, in PEM; read again when it changes, like the other files."`
	TLSKey             string        `name:"tls-key" placeholder:"FILE" help:"File with the certificate's private key, in PEM."`
	TLSClientCA        string        `name:"tls-client-ca" placeholder:"FILE" help:"File with CAs, in PEM; every caller must have a certificate of one of them."`
	AuthTokensFile     string        `name:"auth-tokens-file" placeholder:"FILE" help:"File that says who may call what; see pelcro-grpc token. Without it everyone may call everything, so only on loopback."`
	Insecure           bool          `help:"Listen beyond loopback even without TLS or without a callers file."`
	Explorer           bool          `help:"Show the error explorer, a page for people, at / of the admin address; on loopback only (always with --sandbox)."`
	SandboxRateLimit   int           `name:"sandbox-rate-limit" default:"${sandbox_rate_limit}" placeholder:"N" help:"Requests a minute that the sandbox allows (${default}); Pelcro documents 120."`
	SandboxSeed        string        `name:"sandbox-seed" placeholder:"FILE" help:"File with the sandbox's customers as JSON, and the time of their changes, for tests (docs/testing.md)."`
	UpstreamRetries    int           `default:"2" placeholder:"N" help:"How often a read is retried when Pelcro or the connection to it fails; a create is never retried (${default})."`
	RateLimit          string        `name:"rate-limit" placeholder:"LIMIT" help:"Requests to Pelcro in a time window, for example 120/1m; more wait or are rejected here. auto (the default) follows what Pelcro says; off (the default with --sandbox) lets Pelcro reject them."`
	RateLimitShare     float64       `name:"rate-limit-share" default:"1" placeholder:"PART" help:"Part of the limit that this service uses, for example 0.8; the rest is for other integrations of the account (${default})."`
	RedisURL           string        `name:"redis-url" placeholder:"URL" help:"Redis (7 or later) or Valkey in which all replicas share the limit and the request_ids of creates, for example rediss://redis.example.org:6379. A URL with a password belongs into the environment."`
	CreateSettleTime   time.Duration `default:"2m" placeholder:"DURATION" help:"How long a create with a request_id may take to appear at Pelcro; after it, a retry creates the customer (${default})."`
	CircuitBreaker     *bool         `negatable:"" help:"Do not call Pelcro while it keeps failing (on by default, but off with --sandbox, whose failures are intended)."`
	MaxConcurrent      int           `name:"max-concurrent-calls" default:"${concurrent_calls}" placeholder:"N" help:"How many calls run concurrently; more are rejected (${default})."`
	Reflection         *bool         `negatable:"" help:"Offer server reflection (by default where the service listens on loopback)."`
	ForwardTrace       bool          `name:"forward-trace-context" help:"Send Pelcro the trace context of each call (W3C traceparent)."`
	LogLevel           string        `default:"info" enum:"debug,info,warn,error" placeholder:"LEVEL" help:"debug, info, warn or error (${default})."`
	LogFormat          string        `default:"auto" enum:"auto,json,text" placeholder:"FORMAT" help:"json, text, or auto: text on a terminal, otherwise json (${default})."`
}

// validConfig is a configuration without problems.
type validConfig struct {
	upstream  pelcro.Config
	rateLimit rateLimit
	redis     redis.UniversalClient // nil: this replica alone
	traces    telemetry.Config
	protected *protection
	seed      *sandbox.Seed // nil for the sandbox's own customers
}

// problems are what is wrong with a configuration, each with its remedy.
type problems []error

func (p *problems) addf(format string, args ...any) { *p = append(*p, fmt.Errorf(format, args...)) }

// validate reads the flags, the environment and the files that they name. Its error has every
// problem.
func (c serveCommand) validate() (config validConfig, err error) {
	var found problems
	c.checkFlags(&found)
	c.checkSettleTime(&found)
	config.redis = c.redis(&found)
	config.rateLimit = c.rateLimit(config.redis, &found)
	config.upstream = c.upstream(&found)
	config.upstream.MaxIdleConnections = c.idleConnections(config.rateLimit)
	config.traces, err = telemetry.FromEnv()
	if found = append(found, err); c.ForwardTrace && config.traces.Protocol == "" && err == nil {
		found.addf("--forward-trace-context needs traces; set OTEL_EXPORTER_OTLP_ENDPOINT (docs/operations.md), or leave it out")
	}
	config.protected = c.protection(&found)
	config.seed = c.seed(&found)
	if err := errors.Join(found...); err != nil {
		return validConfig{}, usageError{err}
	}
	return config, nil
}

// checkFlags adds the problems of flags that hold no file and no secret.
func (c serveCommand) checkFlags(found *problems) {
	if !isAddress(c.Listen) {
		found.addf("--listen %q is not an address; use HOST:PORT, for example 127.0.0.1:50051", c.Listen)
	}
	if c.AdminListen != "" && !isAddress(c.AdminListen) {
		found.addf("--admin-listen %q is not an address; use HOST:PORT, for example 127.0.0.1:9095, or nothing for none", c.AdminListen)
	}
	if c.Explorer && !admin.IsLoopback(c.AdminListen) {
		found.addf("--explorer is shown on loopback only; set --admin-listen to an address like 127.0.0.1:9095, or leave out --explorer")
	}
	if c.UpstreamRetries < 0 {
		found.addf("--upstream-retries must not be negative; 0 means none")
	}
	if c.MaxConcurrent <= 0 {
		found.addf("--max-concurrent-calls must be greater than 0, for example %d", server.DefaultMaxConcurrentCalls)
	}
	switch {
	case c.SandboxRateLimit <= 0:
		found.addf("--sandbox-rate-limit must be greater than 0, for example 120")
	case c.SandboxRateLimit != sandbox.DefaultRequestsPerMinute && !c.Sandbox:
		found.addf("--sandbox-rate-limit is the limit of the sandbox; leave it out, or add --sandbox")
	}
	c.check(found)
}

// upstream returns the Pelcro that the flags describe, and adds the problems with its URL and its key.
func (c serveCommand) upstream(found *problems) pelcro.Config {
	config := c.upstreamFlags.upstream(found, c.ForwardCredentials)
	config.Retries = c.UpstreamRetries
	config.CircuitBreaker = !c.Sandbox
	if c.CircuitBreaker != nil {
		config.CircuitBreaker = *c.CircuitBreaker
	}
	return config
}

// reflects reports whether there is reflection.
func (c serveCommand) reflects() bool {
	if c.Reflection != nil {
		return *c.Reflection
	}
	return admin.IsLoopback(c.Listen)
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
	upstream, tls, callers, traces := "the sandbox", "no TLS", "no callers file", "no traces"
	if !c.Sandbox {
		upstream = fmt.Sprintf("Pelcro at %s, site %d", config.upstream.BaseURL.Host, c.SiteID)
	}
	switch {
	case c.ForwardCredentials:
		upstream += ", the callers' own API keys"
	case !c.Sandbox:
		upstream += ", API key " + c.keyOrigin()
	}
	if identity := config.protected.identity; identity != nil {
		tls = "TLS certificate valid until " + identity.NotAfter().UTC().Format(time.RFC3339)
	}
	if c.TLSClientCA != "" {
		tls += ", client CAs"
	}
	if c.AuthTokensFile != "" {
		callers = "callers file"
	}
	if config.traces.Protocol != "" {
		traces = "traces over " + config.traces.Protocol
	}
	return fmt.Sprintf("the configuration is valid (%s, %s, %s, %s); nothing was started", upstream, tls, callers, traces)
}

// effectiveSettings are the flags as they are in effect, the protocol of traces, and the origin of
// the API key. They contain no secret.
func (c serveCommand) effectiveSettings(config validConfig) map[string]any {
	c.PelcroURL = config.upstream.BaseURL.String()
	c.SiteID = config.upstream.SiteID
	c.CircuitBreaker = &config.upstream.CircuitBreaker
	c.Reflection = new(c.reflects())
	c.Explorer = c.pageURL() != ""
	c.RateLimit = c.effectiveRateLimit()
	c.MaxConcurrent = c.concurrentCalls(config.rateLimit)
	c.RedisURL = withoutPassword(c.RedisURL)
	settings := map[string]any{"traces": cmp.Or(config.traces.Protocol, "off")}
	if origin := c.keyOrigin(); origin != "" {
		settings["pelcro-api-key"] = "(hidden) " + origin
	}
	for _, flag := range kong.Must(&c, defaults).Model.Flags {
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
