package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/pelcro-grpc/pelcro-grpc/client"
	"github.com/pelcro-grpc/pelcro-grpc/internal/admin"
	"github.com/pelcro-grpc/pelcro-grpc/internal/explorer"
	"github.com/pelcro-grpc/pelcro-grpc/internal/sandbox"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// page returns the error explorer, nil where it is not wanted or would be visible from other
// machines.
func (c serveCommand) page() (http.Handler, error) {
	if c.pageURL() == "" {
		return nil, nil //nolint:nilnil // no page is meant
	}
	return explorer.Handler(explorer.Config{
		Gateway:       gateway,
		Failures:      failures(time.Now()),
		ServiceConfig: client.ServiceConfig(),
		Address:       c.Listen,
		Sandbox:       c.Sandbox,
	})
}

// pageURL returns the URL of the explorer, empty if there is none.
func (c serveCommand) pageURL() string {
	if !c.Sandbox && !c.Explorer || !admin.IsLoopback(c.AdminListen) {
		return ""
	}
	return "http://" + c.AdminListen + "/"
}

// methods are the HTTP methods of the kinds of operations.
var methods = map[mapping.Kind]string{
	mapping.Create: http.MethodPost,
	mapping.Read:   http.MethodGet,
	mapping.Update: http.MethodPut,
	mapping.Delete: http.MethodDelete,
}

// failures are the sandbox's failures with the responses at that time. A service in front of the
// real Pelcro shows them, too.
func failures(now time.Time) []explorer.Failure {
	var list []explorer.Failure
	for _, f := range sandbox.Failures() {
		name := f.Name
		if f.Status != f.ID {
			name = fmt.Sprintf("(HTTP %d with a page)", f.Status)
		}
		list = append(list, explorer.Failure{
			ID: f.ID, Name: name, Writer: string(f.Writer),
			Response: func(operation mapping.Operation) explorer.Capture {
				header, body := f.Response(methods[operation.Kind], now)
				return explorer.Capture{Status: f.Status, Header: header, Body: body}
			},
		})
	}
	return list
}
