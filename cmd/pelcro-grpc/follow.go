package main

import (
	"context"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pelcro-grpc/pelcro-grpc/internal/reload"
)

// followed are files that may change while the service runs, and their name in logs and metrics.
type followed struct {
	what  string
	files *reload.Files
	// warnings returns what is suspicious about the version in use, nil for files without such checks.
	warnings func() []string
}

// warn logs what is suspicious about the version in use.
func (f followed) warn(logger *slog.Logger) {
	if f.warnings == nil {
		return
	}
	for _, text := range f.warnings() {
		logger.Warn("suspicious content of a file", "file", f.what, "cause", text)
	}
}

// follow puts changed files into use, and reports them to operators. stop returns when no goroutine
// follows them any more.
func follow(ctx context.Context, files []followed, logger *slog.Logger, registry prometheus.Registerer) (stop func()) {
	reloads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pelcro_grpc_file_reloads_total",
		Help: "Changes of files that the service follows, by whether it put them into use.",
	}, []string{"file", "result"})
	registry.MustRegister(reloads)
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	for _, each := range files {
		adopted, rejected := reloads.WithLabelValues(each.what, "adopted"), reloads.WithLabelValues(each.what, "rejected")
		each.warn(logger)
		group.Go(func() {
			each.files.Watch(ctx, func(err error) {
				if err != nil {
					rejected.Inc()
					logger.Error("reload failed; keeping the previous version", "file", each.what, "cause", err.Error())
					return
				}
				adopted.Inc()
				logger.Info("reloaded", "file", each.what)
				each.warn(logger)
			})
		})
	}
	return func() {
		cancel()
		group.Wait()
	}
}
