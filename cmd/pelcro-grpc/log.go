package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pelcro-grpc/pelcro-grpc/internal/logging"
)

// logHandler formats a line for each record, as the flags say.
func (c serveCommand) logHandler(w io.Writer) slog.Handler {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // kong checked it
	options := &slog.HandlerOptions{Level: level}
	if c.logFormat(w) == "text" {
		return slog.NewTextHandler(w, options)
	}
	return slog.NewJSONHandler(w, options)
}

// logFormat is the form in which lines are written to w: text or json.
func (c serveCommand) logFormat(w io.Writer) string {
	if c.LogFormat != "auto" {
		return c.LogFormat
	}
	if isTerminal(w) {
		return "text"
	}
	return "json"
}

// countLostLines registers the metric of the lines that the log lost.
func countLostLines(log *logging.Log, metrics prometheus.Registerer) {
	metrics.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "pelcro_grpc_log_lines_lost_total",
		Help: "Lines that are not in the log, because its reader was too slow or is gone.",
	}, func() float64 { return float64(log.Lost()) }))
}

// untilSignal returns a context that ends with the first SIGINT or SIGTERM. The second one ends the
// program immediately, except for the lines that the log still writes. A closed standard error ends
// nothing: writing to it fails, and the lines are lost.
func untilSignal(ctx context.Context, log *logging.Log) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	stopped := make(chan struct{})
	go func() {
		select {
		case <-signals:
			cancel()
		case <-stopped:
			return
		}
		select {
		case <-signals:
			log.Close()
			os.Exit(exitFailure)
		case <-stopped:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(stopped)
		cancel()
	}
}
