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
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
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
	http     *http.Server // nil before Serve
	ended    chan struct{}
}

// New returns a server that responds after [Server.Serve]. A nil listener means no admin address:
// the metrics are then counted and not shown.
func New(listener net.Listener, version string) *Server {
	return &Server{Registry: newRegistry(version), listener: listener, ended: make(chan struct{})}
}

// Address is where it listens, empty without an admin address.
func (s *Server) Address() string {
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Serve responds from now on, until [Server.Close].
func (s *Server) Serve(config Config) { s.serve(config, readTimeout) }

func (s *Server) serve(config Config, readTimeout time.Duration) {
	if s.listener == nil {
		return
	}
	s.http = &http.Server{
		Handler:        handler(config, s.Registry, isLoopback(s.listener.Addr())),
		ReadTimeout:    readTimeout,
		IdleTimeout:    idleTimeout,
		WriteTimeout:   writeTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		// It reports panics.
		ErrorLog: slog.NewLogLogger(config.Logger.Handler(), slog.LevelWarn),
	}
	go func() {
		defer close(s.ended)
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			config.Logger.Error("the admin address failed", "cause", err.Error())
		}
	}()
}

// Close ends the server immediately, with the requests that are running.
func (s *Server) Close() {
	switch {
	case s.http != nil:
		_ = s.http.Close()
		<-s.ended
	case s.listener != nil:
		_ = s.listener.Close()
	}
}

func isLoopback(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// handler serves the paths that may be seen where the server listens.
func handler(config Config, metrics prometheus.Gatherer, loopback bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(config.Logger.Handler(), slog.LevelError),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
	}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { respond(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := config.Ready(); err != nil {
			respond(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		respond(w, http.StatusOK, "ready")
	})
	if !loopback {
		return plain(mux)
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
	return plain(localHost(mux))
}

// respond sends one line.
func respond(w http.ResponseWriter, status int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(line + "\n"))
}

// plain forbids caching and content sniffing, and rejects requests with a body except POST, which is
// for the page: waiting for a body would block other requests.
func plain(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
		if r.ContentLength != 0 && r.Method != http.MethodPost {
			w.Header().Set("Connection", "close")
			respond(w, http.StatusRequestEntityTooLarge, "this address accepts no request with a body")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// localHost rejects requests for any name except this machine's, and requests of pages of other
// origins, which could start profiles without end. The port may differ: tunnels change it. A link to
// the page itself is allowed.
func localHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocal(r.Host) {
			respond(w, http.StatusForbidden, "the admin address responds to localhost, 127.0.0.1 and [::1] only")
			return
		}
		isLink := r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.URL.Path == "/"
		if site := r.Header.Get("Sec-Fetch-Site"); (site == "cross-site" || site == "same-site") && !isLink {
			respond(w, http.StatusForbidden, "the admin address does not respond to pages of other origins")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isLocal(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
