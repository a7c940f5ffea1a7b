package explorer

import (
	"encoding/json"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/pelcro-grpc/pelcro-grpc/internal/wiresize"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// placeholderID is in the place of the id that the service gives each call. Without an id the error
// would be smaller, and could have more field violations than a caller ever gets.
const placeholderID = "00000000000000000000000000000000"

// Gateway is what the service does to responses before they are mapped.
type Gateway struct {
	// Readable reports whether a handler of the operation can read the body of a success.
	Readable func(operation mapping.Operation, body []byte) bool
	// MaxBody is the limit of a success' body, in bytes.
	MaxBody int
}

// Question is a call and what happened upstream.
type Question struct {
	Operation mapping.Operation
	// CustomerID is the customer that the request names, 0 for none. It is ignored for an operation
	// whose requests have no id.
	CustomerID int64
	// CallerKey says that the API key was the caller's own.
	CallerKey bool
	// Remaining is what is left of the caller's deadline, 0 without a deadline.
	Remaining time.Duration

	Response Capture
	// NoResponse is what happened instead of a response, nil if there was one.
	NoResponse *mapping.NoResponse
	// LocalError is the error of this service itself, nil for none.
	LocalError *mapping.LocalError
}

// Explanation is what the caller of the service gets.
type Explanation struct {
	Code string `json:"code"`
	// Origin is who wrote the response, empty if there was none or the call succeeded.
	Origin mapping.Origin `json:"origin,omitempty"`
	// Outcome is what happened to the request at Pelcro, empty where the code says enough.
	Outcome mapping.Outcome `json:"outcome,omitempty"`
	// Status is the google.rpc.Status in protojson.
	Status    json.RawMessage   `json:"status"`
	Trailers  map[string]string `json:"trailers"`
	WireBytes int               `json:"wireBytes"`

	result mapping.Result
	size   wiresize.Size
}

// Explain returns what the service would send.
func (g Gateway) Explain(q Question) (Explanation, error) {
	call := mapping.Call{
		Operation: q.Operation,
		CallerKey: q.CallerKey,
		Remaining: q.Remaining,
		RequestID: placeholderID,
	}
	if q.CustomerID != 0 && namesCustomer(q.Operation) {
		call.ResourceID = strconv.FormatInt(q.CustomerID, 10)
	}
	var result mapping.Result
	switch {
	case q.LocalError != nil:
		result = mapping.FromLocalError(call, *q.LocalError)
	case q.NoResponse != nil:
		result = mapping.FromNoResponse(call, *q.NoResponse)
	default:
		result = mapping.FromResponse(call, g.received(q.Operation, q.Response))
	}
	proto := result.Status().Proto()
	status, err := protojson.Marshal(proto)
	if err != nil {
		return Explanation{}, err
	}
	if result.OK() {
		status = []byte(`{"code": 0}`)
	}
	explanation := Explanation{
		Code:     codeName(result.Code()),
		Origin:   result.Origin(),
		Outcome:  result.Outcome(),
		Status:   status,
		Trailers: map[string]string{},
		result:   result,
	}
	for name, values := range result.Trailer() {
		explanation.Trailers[name] = values[0]
	}
	if !result.OK() {
		explanation.size = wiresize.Of(proto, result.Trailer())
		explanation.WireBytes = explanation.size.Total()
	}
	return explanation, nil
}

// codeName is the code as it is in the contract, for example NOT_FOUND.
func codeName(c codes.Code) string { return code.Code(c).String() }

// namesCustomer reports whether the requests of the operation have an id.
func namesCustomer(operation mapping.Operation) bool {
	return operation.Kind != mapping.Create && operation.Name != "ListCustomers"
}

// keptOfTooLarge is how many bytes of a too large success are kept.
const keptOfTooLarge = 1 << 10

// received is the response as the service's HTTP client would return it.
func (g Gateway) received(operation mapping.Operation, c Capture) mapping.Response {
	response := mapping.Response{StatusCode: c.Status, Header: c.Header, Body: c.Body}
	switch success := c.Status >= 200 && c.Status <= 299; {
	case success && len(c.Body) > g.MaxBody:
		// The service keeps only the beginning, which shows whose response it is.
		response.Body, response.BodyIncomplete, response.TooLarge = c.Body[:keptOfTooLarge], true, true
	case success && operation.Kind != mapping.Delete:
		response.Unusable = !g.Readable(operation, c.Body)
	}
	return response
}
