package explorer

import (
	"encoding/json"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// placeholderID stands for the id that the service gives each call. It takes part
// because it takes room: without it more field violations could fit than a caller
// ever sees.
const placeholderID = "00000000000000000000000000000000"

// Gateway is what the service makes of replies before they are mapped.
type Gateway struct {
	// Readable reports whether a handler of the operation could answer with the
	// body of a success.
	Readable func(operation mapping.Operation, body []byte) bool
	// MaxBody is the most of a success that the service reads, in bytes.
	MaxBody int
}

// Question is a call, and what became of it upstream.
type Question struct {
	Operation mapping.Operation
	// CustomerID is the customer that the request names, 0 for none. An operation
	// whose requests have no id ignores it, so that one question can be asked of
	// each.
	CustomerID int64
	Credential mapping.Credential
	// Remaining is what is left of the caller's deadline.
	Remaining time.Duration

	Reply Capture
	// NoReply is what happened instead of a reply, nil if there was one.
	NoReply *mapping.NoReply
}

// Answer is what the caller of the service gets.
type Answer struct {
	Code string `json:"code"`
	// Status is the google.rpc.Status as protojson has it.
	Status    json.RawMessage   `json:"status"`
	Trailers  map[string]string `json:"trailers"`
	WireBytes int               `json:"wireBytes"`

	result mapping.Result
}

// Explain answers as the service would.
func (g Gateway) Explain(q Question) (Answer, error) {
	call := mapping.Call{
		Operation:  q.Operation,
		Credential: q.Credential,
		Remaining:  q.Remaining,
		RequestID:  placeholderID,
	}
	if q.CustomerID != 0 && namesCustomer(q.Operation) {
		call.ResourceID = strconv.FormatInt(q.CustomerID, 10)
	}
	var result mapping.Result
	if q.NoReply != nil {
		result = mapping.FromNoReply(call, *q.NoReply)
	} else {
		result = mapping.FromReply(call, g.reply(q.Operation, q.Reply))
	}
	proto := result.Status().Proto()
	status, err := protojson.Marshal(proto)
	if err != nil {
		return Answer{}, err
	}
	if result.OK() {
		status = []byte(`{"code": 0}`)
	}
	trailers := map[string]string{}
	for name, values := range result.Trailer() {
		trailers[name] = values[0]
	}
	return Answer{
		Code:      code.Code(proto.GetCode()).String(),
		Status:    status,
		Trailers:  trailers,
		WireBytes: result.WireBytes(),
		result:    result,
	}, nil
}

// namesCustomer reports whether the requests of the operation have an id.
func namesCustomer(operation mapping.Operation) bool {
	return operation.Kind != mapping.Create && operation.Name != "ListCustomers"
}

// reply is the capture as the service's own HTTP client would have handed it on.
func (g Gateway) reply(operation mapping.Operation, c Capture) mapping.Reply {
	reply := mapping.Reply{StatusCode: c.Status, Header: c.Header, Body: c.Body}
	switch success := c.Status >= 200 && c.Status <= 299; {
	case !success && len(c.Body) > mapping.MaxErrorBody:
		reply.Body, reply.BodyIncomplete = c.Body[:mapping.MaxErrorBody], true
	case success && len(c.Body) > g.MaxBody:
		reply.Body, reply.BodyIncomplete, reply.TooLarge = nil, true, true
	case success && operation.Kind != mapping.Delete:
		reply.Unusable = !g.Readable(operation, c.Body)
	}
	return reply
}
