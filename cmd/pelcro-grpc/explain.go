package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/pelcro-grpc/pelcro-grpc/internal/customers"
	"github.com/pelcro-grpc/pelcro-grpc/internal/explorer"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// maxCapture is the limit of what explain reads, in bytes: a body at the limit of the service, and
// its headers.
const maxCapture = pelcro.MaxBody + 1<<20

// gateway is what this service does to responses.
var gateway = explorer.Gateway{Readable: customers.Readable, MaxBody: pelcro.MaxBody}

// explainCommand are the flags of explain.
type explainCommand struct {
	Operation  string `default:"GetCustomer" enum:"GetCustomer,ListCustomers,CreateCustomer,UpdateCustomer,DeleteCustomer" placeholder:"RPC" help:"The RPC that got the response: GetCustomer, ListCustomers, CreateCustomer, UpdateCustomer or DeleteCustomer (${default})."`
	ID         int64  `name:"id" placeholder:"ID" help:"The customer that the request named."`
	Credential string `default:"gateway" enum:"gateway,caller" placeholder:"OWNER" help:"Whose API key Pelcro got: gateway or caller (${default})."`
}

func (c explainCommand) Run(_ context.Context, std stdio) error {
	raw, err := io.ReadAll(io.LimitReader(std.in, maxCapture))
	if err != nil {
		return fmt.Errorf("reading standard input: %w", err)
	}
	captured, err := explorer.ParseCapture(raw)
	if err != nil {
		return usageErrorf("standard input is not an HTTP response: %v; give what curl -si or curl -v prints", err)
	}
	result, err := c.explain(captured)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(std.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(result)
}

func (c explainCommand) explain(captured explorer.Capture) (explorer.Explanation, error) {
	operation, _ := mapping.CustomerOperation(c.Operation)
	return gateway.Explain(explorer.Question{
		Operation:  operation,
		CustomerID: c.ID,
		CallerKey:  c.Credential == "caller",
		Response:   captured,
	})
}
