package main

import (
	"context"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pelcro-grpc/pelcro-grpc/internal/reload"
)

// followed are files that may change while the service runs, and what they are, as
// logs and metrics say it.
type followed struct {
	what  string
	files *reload.Files
}

// follower tells of changed files.
type follower struct {
	logger *slog.Logger
	// reloads counts changes, by file and by whether they were adopted.
	reloads *prometheus.CounterVec
}

func newFollower(logger *slog.Logger, registry prometheus.Registerer) *follower {
	f := &follower{logger, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pelcro_grpc_file_reloads_total",
		Help: "Changes of files that the service follows, by whether it took them into use.",
	}, []string{"file", "result"})}
	if registry != nil {
		registry.MustRegister(f.reloads)
	}
	return f
}

// The results of a reload.
const (
	adopted = "adopted"
	refused = "refused"
)

// start follows the files. stop returns when nothing follows them any more.
func (f *follower) start(ctx context.Context, files []followed) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	for _, each := range files {
		took, didNot := f.reloads.WithLabelValues(each.what, adopted), f.reloads.WithLabelValues(each.what, refused)
		group.Go(func() {
			each.files.Watch(ctx, func(err error) {
				if err != nil {
					didNot.Inc()
					f.logger.Error("a changed file is no good; what was in use stays so", "file", each.what, "cause", err.Error())
					return
				}
				took.Inc()
				f.logger.Info("a changed file is in use", "file", each.what)
			})
		})
	}
	return func() {
		cancel()
		group.Wait()
	}
}
