package explorer

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// Failure is a failure of the sandbox, on request for customer ID.
type Failure struct {
	ID int
	// Name is what the page offers, empty for a failure that it does not offer.
	Name string
	// Writer is who writes such a response, for example nginx.
	Writer string
	// Response returns the response to a request of the operation.
	Response func(operation mapping.Operation) Capture
}

// command is a line for a shell, and a note about its output.
type command struct {
	Line string `json:"line"`
	Note string `json:"note"`
}

// seededCustomer is a customer that the sandbox has.
const seededCustomer = 1001

// pageInsteadOfData is the failure of the sandbox that is a success with an invalid body.
const pageInsteadOfData = 604

// grpcurl returns the line that shows the explanation in the sandbox, or a note why there is none.
func (e *explorer) grpcurl(q Question, instead *situation, explanation Explanation) (command, error) {
	id, note, deadline := q.Response.Status, "Prints this error.", q.Remaining.Seconds()
	switch {
	case explanation.result.OK():
		id, note = seededCustomer, "Calls the sandbox, which succeeds."
	case q.Operation.Name == "ListCustomers":
		return command{Note: "The sandbox fails for a customer's id or email, so it has no failure for ListCustomers. Choose another operation."}, nil
	case instead != nil && instead.sandboxID == 0:
		return command{Note: "The sandbox has no failure of this kind."}, nil
	case instead != nil:
		id, note, deadline = instead.sandboxID, "Prints this error"+instead.except+".", instead.maxTime
	default:
		if id >= 200 && id <= 299 {
			id = pageInsteadOfData
		}
		failure := e.failure(id)
		if failure == nil {
			return command{Note: "The sandbox has the statuses from 300 to 599, not this one."}, nil
		}
		same, err := e.gives(q, *failure, explanation)
		if err != nil {
			return command{}, err
		}
		if !same {
			note = fmt.Sprintf("Prints the error for the sandbox's own %d, which differs from the response here.", id)
		}
	}
	if !e.Sandbox {
		note += " This service is in front of the real Pelcro: start another one with serve --sandbox for it."
	}
	maxTime := ""
	if deadline > 0 {
		maxTime = fmt.Sprintf("-max-time %g ", deadline)
	}
	line := "grpcurl -plaintext " + maxTime + "-d '" + requestFor(q.Operation, id) + "' " + e.Address + " pelcro.v1.CustomerService/" + q.Operation.Name
	return command{line, note}, nil
}

// failure returns the sandbox's failure with that id, nil if it has none.
func (e *explorer) failure(id int) *Failure {
	for i := range e.Failures {
		if e.Failures[i].ID == id {
			return &e.Failures[i]
		}
	}
	return nil
}

// gives reports whether that failure of the sandbox has the same explanation.
func (e *explorer) gives(q Question, failure Failure, explanation Explanation) (bool, error) {
	q.Response, q.CustomerID, q.CallerKey = failure.Response(q.Operation), int64(failure.ID), false
	other, err := e.Gateway.Explain(q)
	return err == nil && proto.Equal(other.result.Status().Proto(), explanation.result.Status().Proto()) &&
		other.Trailers[pushbackTrailer] == explanation.Trailers[pushbackTrailer], err
}

// requestFor is the request that makes the sandbox fail so, or succeed for the seeded customer.
func requestFor(operation mapping.Operation, id int) string {
	fails := id != seededCustomer
	switch {
	case operation.Name == "ListCustomers":
		return `{"page_size": 10}`
	case operation.Kind == mapping.Create && fails:
		return fmt.Sprintf(`{"customer": {"email": "http-%d@example.com"}}`, id)
	case operation.Kind == mapping.Create:
		return `{"customer": {"email": "new@example.com"}}`
	case operation.Kind == mapping.Update:
		return fmt.Sprintf(`{"customer": {"id": %d, "title": "Editor"}}`, id)
	}
	return fmt.Sprintf(`{"id": %d}`, id)
}
