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
func (f *follower) warn(each followed) {
	if each.warnings == nil {
		return
	}
	for _, text := range each.warnings() {
		f.logger.Warn("suspicious content of a file", "file", each.what, "cause", text)
	}
}

// follower reports changed files to operators.
type follower struct {
	logger *slog.Logger
	// reloads counts changes, by file and by result.
	reloads *prometheus.CounterVec
}

func newFollower(logger *slog.Logger, registry prometheus.Registerer) *follower {
	f := &follower{logger, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pelcro_grpc_file_reloads_total",
		Help: "Changes of files that the service follows, by whether it put them into use.",
	}, []string{"file", "result"})}
	registry.MustRegister(f.reloads)
	return f
}

// The results of a reload.
const (
	resultAdopted  = "adopted"
	resultRejected = "rejected"
)

// start follows the files. stop returns when no goroutine follows them any more.
func (f *follower) start(ctx context.Context, files []followed) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	for _, each := range files {
		adopted, rejected := f.reloads.WithLabelValues(each.what, resultAdopted), f.reloads.WithLabelValues(each.what, resultRejected)
		f.warn(each)
		group.Go(func() {
			each.files.Watch(ctx, func(err error) {
				if err != nil {
					rejected.Inc()
					f.logger.Error("reload failed; keeping the previous version", "file", each.what, "cause", err.Error())
					return
				}
				adopted.Inc()
				f.logger.Info("reloaded", "file", each.what)
				f.warn(each)
			})
		})
	}
	return func() {
		cancel()
		group.Wait()
	}
}
