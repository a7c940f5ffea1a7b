package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/internal/verify"
)

// checkPause is the time between two requests to the real Pelcro, whose limit others share.
const checkPause = 500 * time.Millisecond

// checkCommand are the flags of check.
type checkCommand struct {
	upstreamFlags

	JSON        bool   `name:"json" help:"Print JSON, for programs."`
	Save        string `placeholder:"DIR" help:"Write the responses as vectors into this directory, with made-up values instead of those that could belong to a person or an account, and the list of what was replaced."`
	AllowWrites bool   `help:"Also create, change and delete one customer, in the site that --test-site-id names."`
	TestSiteID  int32  `name:"test-site-id" placeholder:"ID" help:"The site for --allow-writes: one without real customers."`
}

// Run prints a report. Its error is nil if everything is as expected.
func (c checkCommand) Run(ctx context.Context, std stdio) error {
	config, err := c.validate()
	if err != nil {
		return err
	}
	// A signal ends the check after the request that runs; a customer that was created is deleted.
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	target, pause := "Pelcro at ", checkPause
	if c.Sandbox {
		stopSandbox, err := startSandbox(ctx, &config, sandbox.Config{}, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		defer stopSandbox()
		target, pause = "The sandbox", 0
	} else {
		target += config.BaseURL.Host
	}
	client := pelcro.New(config)
	defer client.Close()
	report := verify.Run(ctx, verify.Config{Client: client, Target: target, SiteID: config.SiteID, Pause: pause, RequestIDKey: c.RequestIDKey, Writes: c.TestSiteID})
	if err := c.print(std.out, report); err != nil {
		return err
	}
	if c.Save != "" {
		saved, err := report.Save(c.Save)
		if err != nil {
			return usageErrorf("--save %s: %w; name a directory that can be written to", c.Save, cause(err))
		}
		fmt.Fprintf(std.err, "%d responses are in %s; replacements.txt there lists the %d values that were replaced\n", saved.Vectors, c.Save, saved.Replaced)
	}
	switch {
	case report.Aborted != "":
		return printedError{exitUsage}
	case report.HasDifferences():
		return printedError{exitFailure}
	}
	return nil
}

// validate reads the flags, the environment and the key.
func (c checkCommand) validate() (pelcro.Config, error) {
	var found problems
	c.check(&found)
	config := c.upstream(&found, false)
	switch {
	case c.AllowWrites && c.TestSiteID <= 0:
		found.addf("--allow-writes needs a site without real customers; name it with --test-site-id")
	case !c.AllowWrites && c.TestSiteID != 0:
		found.addf("--test-site-id is for --allow-writes; add that, or leave it out")
	}
	if err := errors.Join(found...); err != nil {
		return pelcro.Config{}, usageError{err}
	}
	return config, nil
}

// print writes the report, in colour if w is a terminal (and NO_COLOR is not set, https://no-color.org).
func (c checkCommand) print(w io.Writer, report *verify.Report) error {
	if c.JSON {
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	report.WriteText(w, isTerminal(w) && os.Getenv("NO_COLOR") == "")
	return nil
}
