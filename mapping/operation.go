package mapping

import (
	"slices"
	"time"
)

// domain is the google.rpc.ErrorInfo domain of every error.
const domain = "pelcro-grpc"

// Kind is the effect of a call upstream, and so of its failure.
type Kind uint8

// The kinds. A Create must not be retried, so it is the kind of an operation without one; a Read has
// no effect; an Update or a Delete may be retried.
const (
	Create Kind = iota
	Read
	Update
	Delete
)

// Call describes the RPC.
type Call struct {
	Operation Operation
	// ResourceID is the id that the request names, empty for none.
	ResourceID string
	// CallerKey says that the API key was the caller's own. Only the operator can fix any other.
	CallerKey bool
	// Remaining is the rest of the caller's deadline: with a longer retry delay the caller would lose
	// the error. Zero is a caller without a deadline, who is expected to wait for a minute.
	Remaining time.Duration
	// Lookup is the outcome of a create if what failed is not the create itself but a read that it
	// needed; otherwise empty. The failure gets the code and the reason that it has on a read.
	Lookup Outcome
	// RequestID is the id of the call in the log.
	RequestID string
}

// ofRead returns the call as that of the read that failed, if a create only looked something up.
func (c Call) ofRead() Call {
	if c.Lookup != "" && c.Lookup != OutcomeUnknown {
		c.Operation.Kind = Read
	}
	return c
}

// Operation describes an RPC.
type Operation struct {
	// Name is the RPC's name, for example "GetCustomer".
	Name string
	Kind Kind
	// List says that a read returns a page of resources.
	List bool
	// Resource is the type of the resource for google.rpc.ResourceInfo, for example
	// "pelcro.v1.Customer".
	Resource string
	// fields maps Pelcro's field keys to paths in the request.
	fields fieldPaths
	// idKeys are Pelcro's names for the resource's own id.
	idKeys []string
	// absent are the keys of fields that other requests of the resource have. Pelcro may name them in
	// every error.
	absent []string
}

// knows reports whether the request has a field for the key.
func (o Operation) knows(key string) bool {
	key = o.fields.withoutParent(key)
	_, known := o.fields.Names[first(key)]
	return o.fields.hasPrefix(key) || known && !slices.Contains(o.absent, first(key))
}

// namesID reports whether the key is one of Pelcro's names for the resource's own id.
func (o Operation) namesID(key string) bool {
	return slices.Contains(o.idKeys, o.fields.withoutParent(key))
}
