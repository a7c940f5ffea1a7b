package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
)

const defaultPelcroURL = "https://www.pelcro.com/api/v1/core"

// serveCommand are the flags of serve.
type serveCommand struct {
	Listen             string        `default:"127.0.0.1:50051" placeholder:"HOST:PORT" help:"Address of the gRPC service (${default}); port 0 takes a free one."`
	AdminListen        string        `name:"admin-listen" default:"127.0.0.1:9095" placeholder:"HOST:PORT" help:"Address of metrics, probes and, on loopback only, profiles and settings (${default}); empty for none."`
	PelcroURL          string        `name:"pelcro-url" default:"${pelcro_url}" placeholder:"URL" help:"Root of Pelcro's Core API (${default}); https, or http on loopback."`
	PelcroAPIKeyFile   string        `name:"pelcro-api-key-file" placeholder:"FILE" help:"File that holds Pelcro's API key. The key itself may stand in the environment as PELCRO_GRPC_PELCRO_API_KEY instead."`
	ForwardCredentials bool          `name:"forward-credentials" help:"Show Pelcro each caller's own authorization instead of a key of this service; callers' tokens then travel in x-pelcro-grpc-token."`
	TLSCert            string        `name:"tls-cert" placeholder:"FILE" help:"File with the service's certificate and those up to its CA, in PEM; read again when it changes, like the other files."`
	TLSKey             string        `name:"tls-key" placeholder:"FILE" help:"File with the certificate's private key, in PEM."`
	TLSClientCA        string        `name:"tls-client-ca" placeholder:"FILE" help:"File with the CAs, in PEM, of which every caller must have a certificate."`
	AuthTokensFile     string        `name:"auth-tokens-file" placeholder:"FILE" help:"File that says who may call what; see pelcro-grpc token. Without it everybody may call everything, so only on loopback."`
	Insecure           bool          `help:"Listen beyond loopback although there is no TLS, or everybody may call."`
	SiteID             int32         `name:"site-id" placeholder:"ID" help:"Pelcro's site id, for calls that do not name one."`
	Explorer           bool          `help:"Show the error explorer, a page for people, at / of the admin address; on loopback only (always with --sandbox)."`
	Sandbox            bool          `help:"Run against an embedded Pelcro with a few customers, in memory; needs no account and no network."`
	SandboxRateLimit   int           `name:"sandbox-rate-limit" default:"6000" placeholder:"N" help:"Requests a minute that the sandbox allows (${default}); Pelcro documents 120."`
	RequestTimeout     time.Duration `default:"30s" placeholder:"DURATION" help:"Longest time for one call of Pelcro, with its retries (${default})."`
	UpstreamRetries    int           `default:"2" placeholder:"N" help:"How often a read is repeated when Pelcro or the way to it fails; a create never is (${default})."`
	CircuitBreaker     *bool         `negatable:"" help:"Do not call a Pelcro that keeps failing (on by default, but off with --sandbox, whose failures are meant)."`
	MaxConcurrent      int           `name:"max-concurrent-calls" default:"10000" placeholder:"N" help:"How many calls run at once; the others are refused (${default})."`
	Reflection         *bool         `negatable:"" help:"Offer server reflection (by default where the service listens on loopback)."`
	ForwardTrace       bool          `name:"forward-trace-context" help:"Tell Pelcro of the trace that a call belongs to (W3C traceparent)."`
	LogLevel           string        `default:"info" enum:"debug,info,warn,error" placeholder:"LEVEL" help:"debug, info, warn or error (${default})."`
	LogFormat          string        `default:"auto" enum:"auto,json,text" placeholder:"FORMAT" help:"json, text, or auto: text on a terminal, otherwise json (${default})."`
}

// upstream is the Pelcro that the flags describe, and all problems with it, each
// with its remedy.
func (c serveCommand) upstream() (pelcro.Config, []string) {
	var problems []string
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }

	if !isAddress(c.Listen) {
		problem("--listen %q is no address; use HOST:PORT, for example 127.0.0.1:50051", c.Listen)
	}
	if c.AdminListen != "" && !isAddress(c.AdminListen) {
		problem("--admin-listen %q is no address; use HOST:PORT, for example 127.0.0.1:9095, or nothing for none", c.AdminListen)
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
	config := pelcro.Config{
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
		problem("--forward-credentials shows Pelcro the callers' own keys; leave out --pelcro-api-key-file and %s", keyEnv)
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

// isAddress reports whether the text is something to listen on.
func isAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	return err == nil
}
