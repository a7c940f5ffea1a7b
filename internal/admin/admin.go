// Package admin is the operator's HTTP address, apart from the service's own:
//
//	/metrics         Prometheus' text
//	/livez           whether the process answers at all
//	/readyz          whether it takes calls
//	/debug/pprof/    Go's profiles; on loopback only
//	/config          the settings in effect, without secrets; on loopback only
//	/                a page for people, if there is one; on loopback only
//
// Nothing here asks who is calling. What listens on loopback therefore refuses
// requests whose Host is another name: a web page that an operator has open could
// otherwise reach it through a name of its own (DNS rebinding).
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
	// readTimeout bounds those who do not finish their request; they would keep a
	// place among the scrapes.
	readTimeout = 5 * time.Second
	idleTimeout = 2 * time.Minute
	// writeTimeout bounds slow readers; net/http/pprof adds to it what its caller asks
	// for.
	writeTimeout   = 2 * time.Minute
	maxHeaderBytes = 16 << 10
	// maxScrapes is how many requests for metrics run at once.
	maxScrapes = 4
)

// Config is what a [Server] shows.
type Config struct {
	Metrics prometheus.Gatherer
	// Ready returns nil while the service takes calls, otherwise why it does not.
	Ready func() error
	// Settings are the settings in effect, as JSON has them; no secrets.
	Settings map[string]any
	// Page is shown at the root, nil for none.
	Page   http.Handler
	Logger *slog.Logger
}

// Server is the admin address.
type Server struct {
	http  *http.Server
	ended chan struct{}
}

// Start serves on the listener until [Server.Close].
func Start(listener net.Listener, config Config) *Server {
	return start(listener, config, readTimeout)
}

func start(listener net.Listener, config Config, readTimeout time.Duration) *Server {
	s := &Server{
		http: &http.Server{
			Handler:        handler(config, isLoopback(listener.Addr())),
			ReadTimeout:    readTimeout,
			IdleTimeout:    idleTimeout,
			WriteTimeout:   writeTimeout,
			MaxHeaderBytes: maxHeaderBytes,
			// It tells of panics.
			ErrorLog: slog.NewLogLogger(config.Logger.Handler(), slog.LevelWarn),
		},
		ended: make(chan struct{}),
	}
	go func() {
		defer close(s.ended)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			config.Logger.Error("the admin address ended", "cause", err.Error())
		}
	}()
	return s
}

// Close ends it at once. It is the last to go, so that the end can be watched.
func (s *Server) Close() {
	_ = s.http.Close()
	<-s.ended
}

func isLoopback(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// handler serves what may be seen from where it listens.
func handler(config Config, loopback bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(config.Metrics, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(config.Logger.Handler(), slog.LevelError),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
	}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := config.Ready(); err != nil {
			say(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		say(w, http.StatusOK, "ready")
	})
	if !loopback {
		return plain(mux)
	}
	mux.HandleFunc("GET /config", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(config.Settings) // the reader has gone
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

// say answers with one line.
func say(w http.ResponseWriter, status int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(line + "\n"))
}

// plain keeps caches and content guessing away, and requests with a body where none
// is taken: to wait for it would hold up others. The page takes questions.
func plain(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
		if r.ContentLength != 0 && r.Method != http.MethodPost {
			w.Header().Set("Connection", "close")
			say(w, http.StatusRequestEntityTooLarge, "no request here has a body")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// localHost refuses requests that were sent to any other name than this machine's,
// and those that a page of another origin makes: it could start profiles without end.
// The port may differ: tunnels change it. A link to the page itself is fine.
func localHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocal(r.Host) {
			say(w, http.StatusForbidden, "the admin address answers to localhost, 127.0.0.1 and [::1] only")
			return
		}
		isLink := r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.URL.Path == "/"
		if site := r.Header.Get("Sec-Fetch-Site"); (site == "cross-site" || site == "same-site") && !isLink {
			say(w, http.StatusForbidden, "the admin address answers to no pages of other origins")
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
