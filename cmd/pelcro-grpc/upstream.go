package main

import (
	"os"
	"regexp"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/customers"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// upstreamFlags say which Pelcro is called, and how. Each command that calls Pelcro has them.
type upstreamFlags struct {
	PelcroURL        string        `name:"pelcro-url" default:"${pelcro_url}" placeholder:"URL" help:"Root of Pelcro's Core API (${default}); https, or http on loopback."`
	PelcroAPIKeyFile string        `name:"pelcro-api-key-file" placeholder:"FILE" help:"File that holds Pelcro's API key. The key itself may be in the environment instead, as PELCRO_GRPC_PELCRO_API_KEY."`
	SiteID           int32         `name:"site-id" placeholder:"ID" help:"Pelcro's site id, for calls that do not name one."`
	Sandbox          bool          `help:"Run against an embedded Pelcro with a few customers, in memory; needs no account and no network."`
	RequestTimeout   time.Duration `default:"30s" placeholder:"DURATION" help:"Longest time for one call of Pelcro, with its retries (${default})."`
	UpstreamLanguage string        `name:"upstream-language" placeholder:"TAG" help:"Language of Pelcro's texts, for example en, sent as Accept-Language; Pelcro may then set it as the language of new customers."`
	RequestIDKey     string        `name:"request-id-key" default:"${request_id_key}" placeholder:"KEY" help:"Key of a customer's metadata that holds the request_id of its create (${default}). Keep it: a create that is retried is found by it."`
}

// languageTag is a language and, for example, a country, as in Accept-Language (BCP 47).
var languageTag = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)

// metadataKey is a key that Pelcro's filters and Laravel's field names can carry.
var metadataKey = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// check adds the problems of flags that hold no file and no secret.
func (c upstreamFlags) check(found *problems) {
	if c.RequestTimeout <= 0 {
		found.addf("--request-timeout must be greater than 0, for example 30s")
	}
	if c.RequestTimeout > server.MaxRequestTimeout {
		found.addf("--request-timeout must be at most %.0fs, for example 30s: later, the connection of the caller may be closed", server.MaxRequestTimeout.Seconds())
	}
	if c.UpstreamLanguage != "" && !languageTag.MatchString(c.UpstreamLanguage) {
		found.addf("--upstream-language %q is not a language tag; use one like en or en-GB, or leave it out", c.UpstreamLanguage)
	}
	if !metadataKey.MatchString(c.RequestIDKey) {
		found.addf("--request-id-key %q must be 1 to 64 letters, digits, _ or -, for example %s", c.RequestIDKey, customers.DefaultRequestIDKey)
	}
	switch {
	case c.SiteID < 0:
		found.addf("--site-id must be greater than 0; it is the number in the address of Pelcro's dashboard")
	case c.SiteID == 0 && !c.Sandbox:
		found.addf("--site-id is missing; it is the number in the address of Pelcro's dashboard (or try --sandbox)")
	}
}

// upstream returns the Pelcro that the flags describe, and adds the problems with its URL and its key;
// forwards says that callers have keys of their own.
func (c upstreamFlags) upstream(found *problems, forwards bool) pelcro.Config {
	config := pelcro.Config{
		SiteID:    c.SiteID,
		UserAgent: "pelcro-grpc/" + version(),
		Language:  c.UpstreamLanguage,
		Timeout:   c.RequestTimeout,
	}
	hasKey := c.PelcroAPIKeyFile != "" || os.Getenv(keyEnv) != ""
	if c.Sandbox {
		if c.PelcroURL != defaultPelcroURL {
			found.addf("--sandbox brings its own Pelcro; leave out --pelcro-url")
		}
		if hasKey {
			found.addf("--sandbox brings its own API key; leave out --pelcro-api-key-file and %s", keyEnv)
		}
		return config
	}
	var err error
	if config.BaseURL, err = pelcro.ParseBaseURL(c.PelcroURL); err != nil {
		found.addf("--pelcro-url %w", err)
	}
	switch {
	case !forwards:
		config.APIKey, err = apiKey(c.PelcroAPIKeyFile, os.Getenv(keyEnv))
		*found = append(*found, err)
	case hasKey:
		found.addf("--forward-credentials sends Pelcro the callers' own keys; leave out --pelcro-api-key-file and %s", keyEnv)
	}
	return config
}
