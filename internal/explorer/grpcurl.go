package explorer

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// Failure is what the sandbox answers when it is asked for customer ID. One
// without a name is not offered for choice, but can be typed.
type Failure struct {
	ID    int
	Name  string
	Reply Capture
}

// command is a line for a shell, and what it shows.
type command struct {
	Line string `json:"line"`
	Note string `json:"note"`
}

// seededCustomer is a customer that the sandbox has.
const seededCustomer = 1001

// The failure that stands for successes that are no use.
const pageInsteadOfData = 604

// grpcurl returns the line that shows the answer to the question in the sandbox,
// or says why there is none.
func (e *explorer) grpcurl(q Question, noReply *situation, answer Answer) (command, error) {
	if q.Operation.Name == "ListCustomers" && !answer.result.OK() {
		return command{Note: "The sandbox plays failures for a customer's id or email, so it has none for ListCustomers. Choose another operation."}, nil
	}
	var (
		id      int
		maxTime string
		same    bool
	)
	switch {
	case noReply != nil && noReply.sandboxID == 0:
		return command{Note: "The sandbox cannot show this: there is nothing wrong with the way to it."}, nil
	case noReply != nil:
		id, same = noReply.sandboxID, true
		if noReply.maxTime != 0 {
			maxTime = fmt.Sprintf("-max-time %d ", noReply.maxTime)
		}
	case answer.result.OK():
		id, same = seededCustomer, true
	case q.Reply.Status >= 200 && q.Reply.Status <= 299:
		id = pageInsteadOfData
	default:
		id = q.Reply.Status
	}
	if noReply == nil && q.Remaining != mapping.NoDeadline {
		maxTime = fmt.Sprintf("-max-time %g ", q.Remaining.Seconds())
	}
	if !same {
		played, err := e.plays(q, id, answer)
		if err != nil {
			return command{}, err
		}
		if played == nil {
			return command{Note: "The sandbox plays the statuses from 300 to 599, and not this one."}, nil
		}
		same = *played
	}
	c := command{Line: "grpcurl -plaintext " + maxTime + "-d '" + requestFor(q.Operation, id) + "' " + e.Address + " pelcro.v1.CustomerService/" + q.Operation.Name}
	switch {
	case answer.result.OK():
		c.Note = "Calls the sandbox, which answers with success."
	case noReply != nil:
		c.Note = "Prints this error" + noReply.but + "."
	case same:
		c.Note = "Prints this error."
	default:
		c.Note = fmt.Sprintf("Prints what becomes of the sandbox's own %d, which is not quite the reply here.", id)
	}
	if !e.Sandbox {
		c.Note += " This service is in front of the real Pelcro: start another one with serve --sandbox for it."
	}
	return c, nil
}

// plays reports whether asking the sandbox for that failure gives the same answer,
// nil if it has no such failure.
func (e *explorer) plays(q Question, id int, answer Answer) (*bool, error) {
	for _, f := range e.Failures {
		if f.ID != id {
			continue
		}
		q.Reply, q.CustomerID, q.Credential = f.Reply, int64(id), mapping.CredentialGateway
		played, err := e.Gateway.Explain(q)
		if err != nil {
			return nil, err
		}
		same := proto.Equal(played.result.Status().Proto(), answer.result.Status().Proto()) &&
			played.Trailers[mapping.TrailerPushback] == answer.Trailers[mapping.TrailerPushback]
		return &same, nil
	}
	return nil, nil //nolint:nilnil // neither the same nor another: none
}

// requestFor is the request that makes the sandbox play the failure.
func requestFor(operation mapping.Operation, id int) string {
	played := id != seededCustomer
	switch {
	case operation.Name == "ListCustomers":
		return `{"page_size": 10}`
	case operation.Kind == mapping.Create && played:
		return fmt.Sprintf(`{"customer": {"email": "http-%d@example.com"}}`, id)
	case operation.Kind == mapping.Create:
		return `{"customer": {"email": "new@example.com"}}`
	case operation.Kind == mapping.Update:
		return fmt.Sprintf(`{"customer": {"id": %d, "title": "Editor"}}`, id)
	}
	return fmt.Sprintf(`{"id": %d}`, id)
}
