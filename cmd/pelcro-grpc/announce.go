package main

import (
	"log/slog"

	"github.com/pelcro-grpc/pelcro-grpc/internal/admin"
)

// announce writes the lines of a service that begins to serve: what is risky, and what is on.
func (c serveCommand) announce(logger *slog.Logger, config validConfig) {
	for _, risk := range config.protected.risks {
		logger.Warn("insecure, as --insecure allows: " + risk)
	}
	if c.AdminListen != "" && !admin.IsLoopback(c.AdminListen) {
		logger.Warn("--admin-listen " + c.AdminListen + " is open to the network: everyone who reaches it can read the metrics, " +
			"which name callers and methods; let only Prometheus and probes reach it, or set it to a loopback address")
	}
	logger.Info("serving",
		"address", c.Listen, "admin", c.AdminListen, "pelcro", config.upstream.BaseURL.Host, "sandbox", c.Sandbox, "version", version(),
		"on", c.features(config))
}

// features are what is on. A feature that a flag switches on or off has its name here.
func (c serveCommand) features(config validConfig) []string {
	var on []string
	add := func(name string, isOn bool) {
		if isOn {
			on = append(on, name)
		}
	}
	add("tls", c.TLSCert != "")
	add("client-certificates", c.TLSClientCA != "")
	add("callers-file", c.AuthTokensFile != "")
	add("forward-credentials", c.ForwardCredentials)
	add("circuit-breaker", config.upstream.CircuitBreaker)
	add("quota", !config.rateLimit.off)
	add("redis", c.RedisURL != "")
	add("reflection", c.reflects())
	add("explorer", c.pageURL() != "")
	add("traces", config.traces.Protocol != "")
	return on
}
