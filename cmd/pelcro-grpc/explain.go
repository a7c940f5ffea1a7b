package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// maxCapture is the most that explain reads, in bytes: a body at the limit of
// the service, and its headers.
const maxCapture = pelcro.MaxBody + 1<<20

// placeholderID stands for the id that the service gives each call. It takes part
// because it takes room: without it more field violations could fit than a caller
// ever sees.
const placeholderID = "00000000000000000000000000000000"

// explainCommand are the flags of explain.
type explainCommand struct {
	Operation  string `default:"GetCustomer" enum:"GetCustomer,ListCustomers,CreateCustomer,UpdateCustomer,DeleteCustomer" placeholder:"RPC" help:"The RPC that met the reply: GetCustomer, ListCustomers, CreateCustomer, UpdateCustomer or DeleteCustomer (${default})."`
	ID         int64  `name:"id" placeholder:"ID" help:"The customer that the request named."`
	Credential string `default:"gateway" enum:"gateway,caller" placeholder:"OWNER" help:"Whose API key Pelcro saw: gateway or caller (${default})."`
}

// explanation is what explain prints.
type explanation struct {
	Code string `json:"code"`
	// Status is the google.rpc.Status as protojson has it.
	Status    json.RawMessage   `json:"status"`
	Trailers  map[string]string `json:"trailers"`
	WireBytes int               `json:"wireBytes"`
}

func (c explainCommand) run(_ context.Context, std stdio) error {
	raw, err := io.ReadAll(io.LimitReader(std.in, maxCapture))
	if err != nil {
		return fmt.Errorf("reading standard input: %w", err)
	}
	captured, err := parseCapture(raw)
	if err != nil {
		return usageErrorf("standard input is no HTTP reply: %v; give what curl -si prints", err)
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

func (c explainCommand) explain(captured capture) (explanation, error) {
	operation, _ := mapping.CustomerOperation(c.Operation)
	call := mapping.Call{
		Operation:  operation,
		Credential: mapping.Credential(c.Credential),
		Remaining:  mapping.NoDeadline,
		RequestID:  placeholderID,
	}
	if c.ID != 0 && namesCustomer(operation) {
		call.ResourceID = strconv.FormatInt(c.ID, 10)
	}
	result := mapping.FromReply(call, captured.reply(operation))
	proto := result.Status().Proto()
	status, err := protojson.Marshal(proto)
	if err != nil {
		return explanation{}, err
	}
	if result.OK() {
		status = []byte(`{"code": 0}`)
	}
	trailers := map[string]string{}
	for name, values := range result.Trailer() {
		trailers[name] = values[0]
	}
	return explanation{
		Code:      code.Code(proto.GetCode()).String(),
		Status:    status,
		Trailers:  trailers,
		WireBytes: result.WireBytes(),
	}, nil
}

// namesCustomer reports whether the requests of the operation have an id. Others
// ignore --id, so that one command line can try each operation.
func namesCustomer(operation mapping.Operation) bool {
	return operation.Kind != mapping.Create && operation.Name != "ListCustomers"
}

// reply is the capture as the service's own HTTP client would have handed it on.
func (c capture) reply(operation mapping.Operation) mapping.Reply {
	reply := mapping.Reply{StatusCode: c.status, Header: c.header, Body: c.body}
	switch success := c.status >= 200 && c.status <= 299; {
	case !success && len(c.body) > pelcro.MaxErrorBody:
		reply.Body, reply.BodyIncomplete = c.body[:pelcro.MaxErrorBody], true
	case success && len(c.body) > pelcro.MaxBody:
		reply.Body, reply.BodyIncomplete, reply.TooLarge = nil, true, true
	case success && operation.Kind != mapping.Delete:
		reply.Unusable = !server.Readable(operation, c.body)
	}
	return reply
}
