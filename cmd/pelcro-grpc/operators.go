package main

import (
	"runtime"
	"runtime/debug"
	"time"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
)

// newRegistry returns a registry with the metrics of the process and its build.
func newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "pelcro_grpc_build_info",
		Help: "Always 1; the labels say what is running.",
		ConstLabels: prometheus.Labels{
			"version": version(), "revision": revision(), "goversion": runtime.Version(),
		},
	})
	build.Set(1)
	registry.MustRegister(
		build,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return registry
}

// revision returns the commit that was built, empty if that is not known.
func revision() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				return setting.Value
			}
		}
	}
	return ""
}

// hidden stands for a secret among the settings.
const hidden = "(hidden)"

// settings are the flags as they are in effect. There are no secrets among flags;
// the one that the environment may hold is hidden.
func (c serveCommand) settings(upstream pelcro.Config) map[string]any {
	c.PelcroURL = upstream.BaseURL.String()
	c.SiteID = upstream.SiteID
	c.CircuitBreaker = &upstream.CircuitBreaker
	c.Reflection = new(c.reflects())
	settings := map[string]any{"pelcro-api-key": hidden}
	for _, flag := range kong.Must(&c, kong.Vars{"pelcro_url": defaultPelcroURL}).Model.Flags {
		if flag.Name == "help" {
			continue
		}
		settings[flag.Name] = flag.Target.Interface()
		if d, ok := settings[flag.Name].(time.Duration); ok {
			settings[flag.Name] = d.String()
		}
	}
	return settings
}
