package main

import (
	"cmp"
	"context"
	"net"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/pelcro-grpc/pelcro-grpc/internal/admin"
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

// inEffect are the flags as they are in effect, whether there are traces, and where
// the API key is from. There are no secrets among flags.
func (c serveCommand) inEffect(upstream pelcro.Config, traces export) map[string]any {
	c.PelcroURL = upstream.BaseURL.String()
	c.SiteID = upstream.SiteID
	c.CircuitBreaker = &upstream.CircuitBreaker
	c.Reflection = new(c.reflects())
	c.Explorer = c.pageURL() != ""
	settings := map[string]any{"traces": cmp.Or(traces.protocol, "off")}
	if from := c.keyOrigin(); from != "" {
		settings["pelcro-api-key"] = hidden + " " + from
	}
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

// keyOrigin says where the API key is from, nothing if there is none.
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

// operators is the admin address. It listens from the beginning, so that a port that
// is taken is found out before anything runs, and is the last to close, so that the
// end can be watched.
type operators struct {
	listener net.Listener // nil: there is none
	server   *admin.Server
	registry *prometheus.Registry
}

// listenForOperators listens on the address, unless it is empty.
func listenForOperators(ctx context.Context, address string) (*operators, error) {
	if address == "" {
		return &operators{}, nil
	}
	listener, err := listen(ctx, "--admin-listen", address)
	if err != nil {
		return nil, err
	}
	return &operators{listener: listener, registry: newRegistry()}, nil
}

// address is where it listens, empty if it does not.
func (o *operators) address() string {
	if o.listener == nil {
		return ""
	}
	return o.listener.Addr().String()
}

// registerer is where metrics are registered; nil for none.
func (o *operators) registerer() prometheus.Registerer {
	if o.registry == nil {
		return nil
	}
	return o.registry
}

// serve answers from now on.
func (o *operators) serve(config admin.Config) {
	if o.listener != nil {
		config.Metrics = o.registry
		o.server = admin.Start(o.listener, config)
	}
}

func (o *operators) close() {
	if o.server != nil {
		o.server.Close()
	}
	if o.listener != nil {
		_ = o.listener.Close() // the server has closed it, if there was one
	}
}
