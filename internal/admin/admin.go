// Package admin is the operator's HTTP address, apart from the service's own, and the metrics that
// it shows:
//
//	/metrics         Prometheus' text
//	/livez           whether the process responds
//	/readyz          whether it accepts calls
//	/debug/pprof/    Go's profiles; on loopback only
//	/config          the settings in effect, without secrets; on loopback only
//	/                a page for people, if there is one; on loopback only
//
// There is no authentication. On loopback it therefore rejects requests whose Host is another name:
// a web page in an operator's browser could otherwise reach it through a name of its own (DNS
// rebinding).
package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// The limits of the HTTP server.
const (
	// readTimeout bounds unfinished requests, which would occupy the places of scrapes.
	readTimeout = 5 * time.Second
	idleTimeout = 2 * time.Minute
	// writeTimeout bounds slow readers; net/http/pprof extends it by the duration of a profile.
	writeTimeout   = 2 * time.Minute
	maxHeaderBytes = 16 << 10
	// maxScrapes is how many requests for metrics run concurrently.
	maxScrapes = 4
)

// Config is what a [Server] shows besides its metrics.
type Config struct {
	// Ready returns nil while the service accepts calls, otherwise the reason why it does not.
	Ready func() error
	// Settings are the settings in effect, as JSON has them; no secrets.
	Settings map[string]any
	// Page is shown at the root, nil for none.
	Page   http.Handler
	Logger *slog.Logger
}

// Server is the admin address and the registry of its metrics. It is the first to listen, so that a
// port in use is detected before anything runs, and the last to close, so that operators can watch
// the whole stop.
type Server struct {
	// Registry holds the metrics of the process and its build, and those that others register.
	Registry *prometheus.Registry

	listener net.Listener // nil without an admin address
	http     http.Server
	serving  sync.WaitGroup
}

// New returns a server that responds after [Server.Serve]. A nil listener means no admin address:
// the metrics are then counted and not shown. The build is the version in build_info.
func New(listener net.Listener, build string) *Server {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		version.NewCollector("pelcro_grpc", version.WithExtraConstLabels(prometheus.Labels{"version": build})),
	)
	return &Server{Registry: registry, listener: listener, http: http.Server{
		ReadTimeout:    readTimeout,
		IdleTimeout:    idleTimeout,
		WriteTimeout:   writeTimeout,
		MaxHeaderBytes: maxHeaderBytes,
	}}
}

// Address is where it listens, empty without an admin address.
func (s *Server) Address() string {
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Serve responds from now on, until [Server.Close].
func (s *Server) Serve(config Config) {
	if s.listener == nil {
		return
	}
	s.http.Handler = handler(config, s.Registry, IsLoopback(s.Address()))
	s.http.ErrorLog = slog.NewLogLogger(config.Logger.Handler(), slog.LevelWarn) // panics
	s.serving.Go(func() {
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			config.Logger.Error("the admin address failed", "cause", err.Error())
		}
	})
}

// Close ends the server immediately, with the requests that are running.
func (s *Server) Close() {
	_ = s.http.Close()
	s.serving.Wait()
	if s.listener != nil {
		_ = s.listener.Close() // of a server that never served
	}
}

// handler serves the paths that may be seen where the server listens.
func handler(config Config, metrics prometheus.Gatherer, loopback bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(config.Logger.Handler(), slog.LevelError),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
	}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := config.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	if !loopback {
		return guarded(mux, loopback)
	}
	mux.HandleFunc("GET /config", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(config.Settings) // it fails when the reader is gone
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	// Not cmdline: arguments are for those who can see the process.
	mux.HandleFunc("GET /debug/pprof/cmdline", http.NotFound)
	if config.Page != nil {
		mux.Handle("/", config.Page)
	}
	return guarded(mux, loopback)
}

// guarded forbids caching and content sniffing, and rejects requests with a body except POST, which
// is for the page: waiting for a body would block other requests.
//
// On loopback it also rejects requests for any name except this machine's, and requests of pages of
// other origins, which could start profiles without end. The port may differ: tunnels change it. A
// link to the page itself is allowed.
func guarded(next http.Handler, loopback bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
		site := r.Header.Get("Sec-Fetch-Site")
		isForeign := site == "cross-site" || site == "same-site"
		isLink := r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.URL.Path == "/"
		switch {
		case r.ContentLength != 0 && r.Method != http.MethodPost:
			w.Header().Set("Connection", "close")
			http.Error(w, "this address accepts no request with a body", http.StatusRequestEntityTooLarge)
		case loopback && !IsLoopback(r.Host):
			http.Error(w, "the admin address responds to localhost, 127.0.0.1 and [::1] only", http.StatusForbidden)
		case loopback && isForeign && !isLink:
			http.Error(w, "the admin address does not respond to pages of other origins", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// IsLoopback reports whether the address, with or without a port, is this machine's alone.
func IsLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}
