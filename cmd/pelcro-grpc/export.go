package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/export"
)

// exportGiveUp is how long an export tries to continue without receiving anything; the help and
// docs/export.md say so.
const exportGiveUp = 10 * time.Minute

// exportCommand are the flags of export.
type exportCommand struct {
	serviceFlags

	Sandbox bool     `help:"Export the customers of an embedded sandbox; needs no service, no account and no network."`
	SiteID  int32    `name:"site-id" placeholder:"ID" help:"Pelcro's site id; that of the service by default."`
	Filter  []string `sep:"none" placeholder:"CONDITION" help:"Condition on the customers, several times for several that must all hold: ATTRIBUTE=VALUE,VALUE (is one of), ATTRIBUTE~VALUE,VALUE (contains one of), or metadata.KEY (has the key). Attributes are id, email, first_name, last_name and metadata.KEY."`
	Expand  []string `enum:"${relations}" placeholder:"RELATION" help:"Relations to export with each customer, with commas between: ${relations}."`
	Output  string   `placeholder:"FILE" help:"File to write, with personal data, so only this user may read it; it must not exist, unless --state continues it. Standard output by default."`
	State   string   `placeholder:"FILE" help:"File that remembers how far the export is. An export that ended early is continued by the same command; with the last customer the file is removed."`
}

// Help is the end of export --help.
func (exportCommand) Help() string {
	return `Each line is a customer as protobuf's JSON, in the order of the ids. When Pelcro's quota is short, an export waits behind single reads and changes.

A stream that breaks is continued, until nothing was received for 10 minutes. After Ctrl-C or SIGTERM, a failure or a crash, the same command continues if it has --state: no customer is lost or doubled.

Exit codes: 0 all customers were written; 1 failed, continue later; 2 invalid settings, or the service rejects them; 130 interrupted.`
}

// Run writes the customers until all are written, or a signal. A second signal ends the program
// immediately.
func (c exportCommand) Run(ctx context.Context, std stdio) error {
	request, options, err := c.validate()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	if c.Sandbox {
		address, stopService, err := serveSandbox(ctx, c.SiteID)
		if err != nil {
			return err
		}
		defer stopService()
		c.Address = address
	}
	conn, err := c.dial(options)
	if err != nil {
		return err
	}
	defer conn.Close()
	output, err := c.output(std.out, request)
	if err != nil {
		return err
	}
	defer output.Close()
	progress := startProgress(std.err, isTerminal(std.err), output.Customers())
	err = export.Run(ctx, export.Config{
		Service:     pelcrov1.NewCustomerServiceClient(conn),
		Output:      output,
		GiveUpAfter: exportGiveUp,
		OnProgress:  progress.update,
		OnBreak: func(err error, wait time.Duration) {
			progress.printf("trying again in %s: %s", wait.Round(time.Millisecond), rpcError(err))
		},
	})
	progress.stop()
	return c.report(std.err, output.Customers(), err, ctx.Err() != nil)
}

// validate reads the flags, the environment and the files of the connection.
func (c exportCommand) validate() (*pelcrov1.StreamCustomersRequest, connection, error) {
	var found problems
	options := c.connection(c.Sandbox, &found)
	request := &pelcrov1.StreamCustomersRequest{Filters: exportFilters(c.Filter, &found)}
	switch {
	case c.SiteID < 0:
		found.addf("--site-id must be greater than 0; leave it out for the site of the service")
	case c.SiteID > 0:
		request.SiteId = &c.SiteID
	}
	for _, name := range c.Expand {
		request.Expand = append(request.Expand, relations[name])
	}
	switch {
	case c.State != "" && c.Output == "":
		found.addf("--state is for an output that can be continued; name that with --output")
	case c.State != "" && filepath.Clean(c.State) == filepath.Clean(c.Output):
		found.addf("--state and --output are the same file; name another state file, for example %s.state", c.Output)
	}
	if err := errors.Join(found...); err != nil {
		return nil, connection{}, usageError{err}
	}
	return request, options, nil
}

// output opens what --output names.
func (c exportCommand) output(standard io.Writer, request *pelcrov1.StreamCustomersRequest) (*export.Output, error) {
	if c.Output == "" {
		return export.ToWriter(standard, request), nil
	}
	output, err := export.OpenFile(c.Output, c.State, request)
	if _, ok := errors.AsType[export.FileError](err); ok {
		return nil, usageError{err}
	}
	return output, err
}

// report says how the export ended.
func (c exportCommand) report(w io.Writer, customers int64, err error, isInterrupted bool) error {
	written := fmt.Sprintf("%s written to %s", counted(customers), cmp.Or(c.Output, "standard output"))
	if err == nil {
		fmt.Fprintln(w, written)
		return nil
	}
	written += ", not all"
	isRejected := isRejected(err)
	switch {
	case c.State == "":
	case isRejected:
		written += "; the same command continues when that is fixed"
	default:
		written += "; the same command continues"
	}
	switch {
	case isInterrupted:
		fmt.Fprintf(w, "pelcro-grpc: interrupted; %s\n", written)
		return printedError{exitInterrupted}
	case isRejected:
		return usageErrorf("%s; %s", rpcError(err), written)
	}
	return fmt.Errorf("%s; %s", rpcError(err), written)
}

func counted(customers int64) string {
	if customers == 1 {
		return "1 customer"
	}
	return fmt.Sprintf("%d customers", customers)
}

// relations are the names of --expand.
var relations = func() map[string]pelcrov1.CustomerRelation {
	names := map[string]pelcrov1.CustomerRelation{}
	for name, number := range pelcrov1.CustomerRelation_value {
		if number != 0 {
			names[strings.ToLower(strings.TrimPrefix(name, "CUSTOMER_RELATION_"))] = pelcrov1.CustomerRelation(number)
		}
	}
	return names
}()

// exportFilters reads the conditions, and adds their problems, which do not have the values: those may
// be personal data.
func exportFilters(conditions []string, found *problems) (filters []*pelcrov1.CustomerFilter) {
	for i, condition := range conditions {
		filter := &pelcrov1.CustomerFilter{Operator: pelcrov1.CustomerFilter_OPERATOR_HAS_KEY, Attribute: condition}
		if sign := strings.IndexAny(condition, "=~"); sign >= 0 {
			filter.Attribute, filter.Values = condition[:sign], strings.Split(condition[sign+1:], ",")
			filter.Operator = pelcrov1.CustomerFilter_OPERATOR_EQUALS
			if condition[sign] == '~' {
				filter.Operator = pelcrov1.CustomerFilter_OPERATOR_CONTAINS
			}
		}
		if filter.Attribute == "" || slices.Contains(filter.Values, "") || filter.Values == nil && !strings.HasPrefix(condition, "metadata.") {
			found.addf("--filter number %d is not a condition; use ATTRIBUTE=VALUE, ATTRIBUTE~VALUE or metadata.KEY", i+1)
		}
		filters = append(filters, filter)
	}
	return filters
}
