package customers

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/requestid"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// requestID checks the request_id of a create.
func (c *check) requestID(id *string) {
	switch {
	case id == nil:
	case !uuid.MatchString(*id):
		c.add("request_id", pelcrov1.FieldViolationReason_FIELD_INVALID_FORMAT,
			"Send a UUID, for example 6f1c27b4-0d3e-4c55-9a54-2b7f60c1c9de; a new one for each customer.")
	case strings.Trim(*id, "0-") == "":
		c.add("request_id", pelcrov1.FieldViolationReason_FIELD_INVALID_VALUE,
			"The UUID of zeros is the same for all customers; make a random one for each.")
	}
}

// replayedTrailer is "true" with a customer that an earlier attempt of the create has created.
const replayedTrailer = "x-request-replayed"

// creation is a create with a request_id.
type creation struct {
	*service

	siteID     int32
	id         string
	attributes map[string]any
	claim      *requestid.Claim
}

// createOnce creates a customer, unless an earlier call with the request_id has.
func (s *service) createOnce(ctx context.Context, req *pelcrov1.CreateCustomerRequest, attributes map[string]any) (*pelcrov1.Customer, error) {
	c := creation{service: s, siteID: req.GetSiteId(), id: strings.ToLower(req.GetRequestId()), attributes: attributes}
	id, err := c.storeID(ctx)
	if err != nil {
		return nil, err
	}
	c.addRequestID()
	for {
		customer, isReplayed, err := c.create(ctx, id)
		switch {
		case errors.Is(err, requestid.ErrLost):
			continue // and learn what the other replica did
		case err == nil && isReplayed:
			_ = grpc.SetTrailer(ctx, metadata.Pairs(replayedTrailer, "true")) // fails only outside of a call
		}
		return customer, err
	}
}

// storeID returns the id as the store knows it.
func (c *creation) storeID(ctx context.Context) (requestid.ID, error) {
	sent, err := json.Marshal(c.attributes)
	if err != nil {
		return requestid.ID{}, err
	}
	id := requestid.ID{Retried: isRetried(ctx)}
	id.Key, id.Earlier = c.pelcro.MAC(ctx, "id", strconv.Itoa(int(c.pelcro.SiteID(c.siteID))), c.id)
	id.Fingerprint, _ = c.pelcro.MAC(ctx, "request", string(sent))
	id.Scope, _ = c.pelcro.MAC(ctx, "scope")
	return id, nil
}

// addRequestID puts the id into the metadata that is sent.
func (c *creation) addRequestID() {
	sent, _ := c.attributes[metadataField].(map[string]any)
	sent = maps.Clone(sent)
	if sent == nil {
		sent = map[string]any{}
	}
	sent[c.config.RequestIDKey] = c.id
	c.attributes[metadataField] = sent
}

// isRetried reports whether the client library says that it has sent the call before: gRPC's own
// retries, and those of go-grpc-middleware, whose first version had a typo.
func isRetried(ctx context.Context) bool {
	for _, header := range []string{"grpc-previous-rpc-attempts", "x-retry-attempt", "x-retry-attempty"} {
		for _, value := range metadata.ValueFromIncomingContext(ctx, header) {
			if n, err := strconv.Atoi(value); err == nil && n > 0 {
				return true
			}
		}
	}
	return false
}

// create takes the id and does what is left to do. isReplayed says that an earlier call has created
// the customer.
func (c *creation) create(ctx context.Context, id requestid.ID) (customer *pelcrov1.Customer, isReplayed bool, err error) {
	c.claim, err = c.config.RequestIDs.Claim(ctx, id)
	if err != nil { // another call with the id is still running
		return nil, false, server.LookupError{Err: err, Outcome: mapping.OutcomeUnknown}
	}
	defer c.claim.Release() //nolint:contextcheck // it records what became of the create when the call has ended, too
	switch {
	case c.claim.Fingerprint != "" && c.claim.Fingerprint != id.Fingerprint:
		return nil, false, server.ErrRequestIDReused
	case c.claim.CustomerID != 0:
		customer, err = c.replay(ctx)
		return customer, true, err
	case c.claim.Known:
		return c.resume(ctx)
	case c.claim.First && !id.Retried:
		return c.send(ctx)
	}
	customer, _, err = c.lookUp(ctx, c.siteID, c.id)
	switch {
	case err != nil:
		return nil, false, server.LookupError{Err: err, Outcome: mapping.OutcomeNotSent}
	case customer != nil:
		c.claim.Created(customer.GetId())
		return customer, true, nil
	}
	return c.send(ctx)
}

// replay reads the customer of a finished create.
func (c *creation) replay(ctx context.Context) (*pelcrov1.Customer, error) {
	response, err := c.pelcro.GetCustomer(ctx, c.siteID, c.claim.CustomerID, nil)
	customer, err := c.readOne(ctx, response, err)
	switch {
	case err == nil:
		return customer, nil
	case isTemporary(err):
		return nil, server.CreatePendingError{Delay: maxPending, Err: err}
	}
	return nil, server.LookupError{Err: err, Outcome: mapping.OutcomeApplied}
}

// resume goes on with a create that an earlier call may have sent.
func (c *creation) resume(ctx context.Context) (customer *pelcrov1.Customer, isReplayed bool, err error) {
	customer, conclusive, err := c.lookUpSent(ctx, c.siteID, c.id)
	switch {
	case err != nil && isTemporary(err):
		return nil, false, c.pending(err)
	case err != nil || customer == nil && !conclusive:
		return nil, false, server.OutcomeUnknownError{Err: err}
	case customer != nil:
		c.claim.Created(customer.GetId())
		return customer, true, nil
	case c.claim.Age < c.config.SettleTime:
		return nil, false, c.pending(nil)
	}
	return c.send(ctx)
}

// send sends the create, once.
func (c *creation) send(ctx context.Context) (customer *pelcrov1.Customer, isReplayed bool, err error) {
	if err := c.claim.Sending(ctx); err != nil {
		if errors.Is(err, requestid.ErrLost) {
			return nil, false, err
		}
		return nil, false, server.LookupError{Err: err, Outcome: c.outcomeBefore()}
	}
	response, err := c.pelcro.CreateCustomer(ctx, c.siteID, c.attributes)
	customer, err = c.readOne(ctx, response, err)
	if err == nil {
		c.claim.Created(customer.GetId())
		c.tryFilter(ctx, c.siteID, c.id)
		return customer, false, nil
	}
	outcome, isTaken := outcomeOfCreate(err)
	switch {
	case outcome == mapping.OutcomeRejected && isTaken:
		return c.explain(ctx, err)
	case outcome == mapping.OutcomeRejected || outcome == mapping.OutcomeNotSent:
		c.claim.NotCreated()
		return nil, false, err
	}
	customer, err = c.resolve(ctx, err)
	return customer, c.claim.Known, err
}

// outcomeBefore is that of the earlier calls with the id.
func (c *creation) outcomeBefore() mapping.Outcome {
	if c.claim.Known {
		return mapping.OutcomeUnknown
	}
	return mapping.OutcomeNotSent
}

// explain looks for the customer that has the values which Pelcro says are taken: it may be the one
// that an earlier call with the id has created.
func (c *creation) explain(ctx context.Context, rejection error) (customer *pelcrov1.Customer, isReplayed bool, err error) {
	c.claim.NotCreated()
	customer, _, err = c.lookUp(ctx, c.siteID, c.id)
	switch {
	case customer != nil:
		c.claim.Created(customer.GetId())
		return customer, true, nil
	case err != nil && c.claim.Known:
		return nil, false, c.pending(rejection)
	}
	return nil, false, rejection
}

// lookupWaits are the waits before the look-ups that follow a create whose outcome is unknown. A
// retry of the caller goes on from there.
var lookupWaits = []time.Duration{0, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second}

// minLookup is the least time that must be left for another look-up.
const minLookup = 100 * time.Millisecond

// resolve finds out what became of the create that was sent, and failed with cause.
func (c *creation) resolve(ctx context.Context, cause error) (*pelcrov1.Customer, error) {
	for _, wait := range lookupWaits {
		if !sleep(ctx, wait) {
			break
		}
		customer, conclusive, err := c.lookUpSent(ctx, c.siteID, c.id)
		switch {
		case customer != nil:
			c.claim.Created(customer.GetId())
			return customer, nil
		case err != nil && isTemporary(err):
			return nil, c.pending(cause)
		case err != nil || !conclusive:
			return nil, cause
		}
	}
	if !c.filter.works.Load() {
		return nil, cause
	}
	return nil, c.pending(cause)
}

// sleep waits, and reports whether there is time left for a look-up.
func sleep(ctx context.Context, wait time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait+minLookup {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// maxPending is when to retry a create that is pending, at the latest.
const maxPending = 5 * time.Second

// pending is the error of a create that may still complete.
func (c *creation) pending(cause error) error {
	rest := c.config.SettleTime
	if c.claim.Known {
		rest -= c.claim.Age
	}
	return server.CreatePendingError{Delay: max(time.Millisecond, min(maxPending, rest)), Err: cause}
}

// isTemporary reports whether a read may succeed later: unless it got a whole response, which rejects
// it or is invalid.
func isTemporary(err error) bool {
	failed, ok := errors.AsType[*pelcro.Error](err)
	return !ok || failed.Response == nil || failed.Outcome != pelcro.Rejected && failed.Outcome != pelcro.BadResponse
}

// outcomeOfCreate returns what became of a create that failed, and whether Pelcro rejected it because
// another customer has one of the values.
func outcomeOfCreate(err error) (outcome mapping.Outcome, isTaken bool) {
	failure, ok := failureOf(err)
	switch {
	case !ok || failure.Response == nil && !failure.NoResponse.Sent:
		return mapping.OutcomeNotSent, false
	case failure.Response == nil:
		return mapping.OutcomeUnknown, false
	}
	operation, _ := mapping.CustomerOperation("CreateCustomer")
	result := mapping.FromResponse(mapping.Call{Operation: operation}, *failure.Response)
	isTaken = result.Reason() == pelcrov1.ErrorReason_PELCRO_ALREADY_EXISTS ||
		slices.ContainsFunc(result.Violations(), func(v mapping.Violation) bool {
			return v.Reason == pelcrov1.FieldViolationReason_FIELD_ALREADY_TAKEN
		})
	return cmp.Or(result.Outcome(), mapping.OutcomeUnknown), isTaken
}
